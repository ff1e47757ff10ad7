"""The digest of a key set: what `sort | sha256sum` prints for its keys, one a line. Pure."""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeySetDigest:
    """How many keys, and the SHA-256 of the sorted keys, each followed by a newline."""

    keys: int
    sha256: str


def digest(sorted_keys: Iterable[str], *, without: Collection[str] = frozenset()) -> KeySetDigest:
    """Digest a stream of keys in bytewise order, leaving out those in `without`."""
    sha256 = hashlib.sha256()
    count = 0
    for key in sorted_keys:
        if key in without:
            continue
        sha256.update(key.encode())
        sha256.update(b"\n")
        count += 1
    return KeySetDigest(count, sha256.hexdigest())
