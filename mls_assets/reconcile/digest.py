"""The digest of a key set: what `sort | sha256sum` prints for its keys, one a line. Pure."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import filterfalse


@dataclass(frozen=True, slots=True)
class KeySetDigest:
    """How many keys, and the SHA-256 of the sorted keys, each followed by a newline."""

    keys: int
    sha256: str


def digest(
    batches: Iterable[Sequence[str]], *, without: Collection[str] = frozenset()
) -> KeySetDigest:
    """Digest keys that come in batches, in bytewise order, leaving out those in `without`."""
    sha256 = hashlib.sha256()
    count = 0
    for batch in batches:
        kept = list(filterfalse(without.__contains__, batch)) if without else batch
        if kept:
            sha256.update("\n".join((*kept, "")).encode())
            count += len(kept)
    return KeySetDigest(count, sha256.hexdigest())
