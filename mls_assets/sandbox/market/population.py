"""Which records of one resource exist, and what was changed in them: a base and an overlay.

The base is a `KeySpace` of any size; the overlay holds what was changed, removed or added since.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator
from math import gcd
from typing import Any

from mls_assets.sandbox.world.dice import mix
from mls_assets.sandbox.world.keys import KeySpace, key_at

_CHUNK = 500


class Population:
    """The records of one resource by key; times in microseconds.

    patches: fields that differ from what the world says.
    modified: the time of the last change, of the records that were touched.
    removed: keys that exist no more (they can be restored).
    added: new keys in order; `origins` says whose looks a new record has.
    """

    def __init__(self, space: KeySpace) -> None:
        self.space = space
        self.patches: dict[str, dict[str, Any]] = {}
        self.modified: dict[str, int] = {}
        self.removed: set[str] = set()
        self.added: list[str] = []
        self.origins: dict[str, int] = {}
        self._next_origin = space.size
        self._newest = 0

    def index(self, key: str) -> int | None:
        """The world's index behind a key, None if there never was such a record."""
        origin = self.origins.get(key)
        return self.space.index(key) if origin is None else origin

    def exists(self, key: str) -> bool:
        """Whether there is such a record now."""
        return key not in self.removed and self.index(key) is not None

    def count(self) -> int:
        """How many records there are now."""
        return self.space.size + len(self.added) - len(self.removed)

    def keys(self, after: str | None = None) -> Iterator[str]:
        """Existing keys after a key, ascending; sees changes that happen while it is read."""
        while chunk := self._chunk(after):
            yield from (key for key in chunk if key not in self.removed)
            after = chunk[-1]

    def _chunk(self, after: str | None) -> list[str]:
        start = self.space.first_after(after)
        base = [self.space.key(i) for i in range(start, min(start + _CHUNK, self.space.size))]
        low = bisect_right(self.added, after or "")
        new = self.added[low : low + _CHUNK]
        return sorted(base + new)[:_CHUNK] if new else base

    def new_key(self, now: int) -> str:
        """A key that nothing has yet, made of the present time."""
        self._newest = max(now, self._newest + 1)
        while self.index(key_at(self._newest)) is not None:
            self._newest += 1
        return key_at(self._newest)

    def new_origin(self) -> int:
        """An index that the world has not used, for the looks of a new record."""
        self._next_origin += 1
        return self._next_origin - 1

    def add(self, key: str, origin: int, patch: dict[str, Any], at: int) -> None:
        """Puts a new record in; origin is the world index that it looks like."""
        insort(self.added, key)
        self.origins[key] = origin
        if patch:
            self.patches[key] = patch
        self.modified[key] = at

    def change(self, key: str, patch: dict[str, Any], at: int | None) -> None:
        """Changes fields; at is None for a change that leaves the timestamp alone."""
        self.patches[key] = {**self.patches.get(key, {}), **patch}
        if at is not None:
            self.modified[key] = at

    def remove(self, key: str) -> None:
        """Takes a record out; it can be restored."""
        if self.index(key) is not None:
            self.removed.add(key)

    def restore(self, key: str, at: int | None) -> None:
        """Brings a record back; at is None to leave its timestamp alone."""
        self.removed.discard(key)
        if at is not None:
            self.modified[key] = at

    def modified_since(self, moment: int) -> list[str]:
        """Touched and existing keys, ascending; of base records only those touched since."""
        touched = list(self.modified.items())
        return sorted(key for key, at in touched if at > moment and self.exists(key))

    def choose(self, count: int, draw: int, accept: Callable[[str], bool]) -> list[str]:
        """`count` acceptable existing keys, fewer if there are not so many; decided by `draw`."""
        chosen: list[str] = []
        for key in self._shuffled(draw):
            if len(chosen) >= count:
                break
            if key not in self.removed and accept(key):
                chosen.append(key)
        return sorted(chosen)

    def _shuffled(self, draw: int) -> Iterator[str]:
        size = self.space.size
        if size:
            stride = 1 + mix(draw, 1) % size
            while gcd(stride, size) != 1:
                stride += 1
            yield from (self.space.key((draw + n * stride) % size) for n in range(size))
        yield from list(self.added)
