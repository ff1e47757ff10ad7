"""Forge's event log of one MLS and kind: base records are its first events, changes its later ones.

Only the later ones are stored. A slot is the number of a record: 0..size-1 are of the world, the
next ones were added. Event ids ascend with gaps.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from typing import Literal, NamedTuple

from mls_assets.sandbox.world.dice import mix

PAGE = 500
_STRIDE = 3
_EXAMINED_AT_MOST = 20 * PAGE

Occurrences = Literal["each", "once"]
"""`each`: an answer has one result per event, so a record may come several times, always as it is
now. `once`: only a record's latest event counts, as in a compacted log."""


class Batch(NamedTuple):
    """A piece of the log: the slots in order, the last event looked at, events after that."""

    slots: list[int]
    latest_event: int
    remaining: int


class EventLog:
    """The events of `size` base records and of everything since."""

    def __init__(self, salt: int, size: int) -> None:
        self.size = size
        self._salt = salt
        self._ids = array("q")
        self._slots = array("q")
        self._latest: dict[int, int] = {}
        self._superseded: list[int] = []
        self._gap = 0

    def base_id(self, slot: int) -> int:
        """The id of the first event of a base record."""
        return slot * _STRIDE + 1 + mix(self._salt, slot) % _STRIDE

    @property
    def last_id(self) -> int:
        """The id of the newest event, 0 if there is none."""
        if self._ids:
            return self._ids[-1]
        return self.base_id(self.size - 1) if self.size else 0

    def skip(self, ids: int) -> None:
        """Makes the next event's id that much greater."""
        self._gap += ids

    def append(self, slot: int) -> int:
        """Records that something happened to a slot; returns the event's id."""
        number = len(self._ids)
        event = self.last_id + 1 + mix(self._salt, -number - 1) % _STRIDE + self._gap
        self._gap = 0
        if slot < self.size and slot not in self._latest:
            insort(self._superseded, slot)
        self._ids.append(event)
        self._slots.append(slot)
        self._latest[slot] = number
        return event

    def batch(self, after: int, occurrences: Occurrences, limit: int = PAGE) -> Batch:
        """Up to `limit` results after an id; a cursor at or beyond the end stays as it is."""
        base = bisect_right(range(self.size), after, key=self.base_id)
        later = bisect_right(self._ids, after)
        latest, slots = after, []
        once = occurrences == "once"
        while base < self.size and len(slots) < limit:
            if not (once and base in self._latest):
                slots.append(base)
            latest = self.base_id(base)
            base += 1
        while later < len(self._ids) and len(slots) < limit:
            slot = self._slots[later]
            if not (once and self._latest[slot] != later):
                slots.append(slot)
            latest = self._ids[later]
            later += 1
        return Batch(slots, latest, self._remaining(base, later, once))

    def _remaining(self, base: int, later: int, once: bool) -> int:
        if not once:
            return self.size - base + len(self._ids) - later
        superseded = len(self._superseded) - bisect_right(self._superseded, base - 1)
        current = sum(1 for number in list(self._latest.values()) if number >= later)
        return self.size - base - superseded + current

    def examine(self, after: int, occurrences: Occurrences) -> Batch:
        """A longer piece, for a filter to choose from."""
        return self.batch(after, occurrences, _EXAMINED_AT_MOST)
