"""Where a warehouse stands: the one interface (`protocol`), and what implements it, a folder each.

Files, locks, attached databases and row numbers are known here and nowhere else.
"""
