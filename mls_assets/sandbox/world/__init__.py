"""The synthetic world: what exists, as pure functions of a seed and an index; nothing is stored.

What happens to it afterwards (changes, removals, additions) belongs in `mls_assets.sandbox.market`.
"""
