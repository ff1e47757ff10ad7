"""Pure decisions about key sets: is a sweep a proof, what follows from it, may it be done.

No I/O and no SQL here; keys come in as iterables in bytewise order and are never all held.
"""
