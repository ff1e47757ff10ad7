"""The open houses that a reader sees now: the weekly schedule, less what was taken out, plus added.

An open house exists while it is announced, not yet over, and its listing is there and showable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mls_assets.sandbox.world.keys import micros_of_stamp, stamp
from mls_assets.sandbox.world.kinds import SHOWABLE
from mls_assets.sandbox.world.open_houses import Schedule


class SandboxOpenHouses:
    """One feed's open houses with their overlay; times in microseconds.

    listing_key: the key of a listing of the world by its index.
    status: the visible StandardStatus of a listing by key, None if the listing is not there.
    """

    def __init__(
        self,
        schedule: Schedule,
        listing_key: Callable[[int], str],
        status: Callable[[str], str | None],
    ) -> None:
        self._schedule = schedule
        self._listing_key = listing_key
        self._status = status
        self.patches: dict[str, dict[str, Any]] = {}
        self.modified: dict[str, int] = {}
        self.removed: set[str] = set()
        self.added: dict[str, dict[str, Any]] = {}

    def record(self, key: str, now: int) -> dict[str, Any] | None:
        """The record, None if it is not there, or over by now."""
        if key in self.removed:
            return None
        base = self.added.get(key)
        if base is None:
            event = self._schedule.find(key)
            if event is None or event.announced > now:
                return None
            base = self._schedule.record(event, self._listing_key(event.listing))
        record = {**base, **self.patches.get(key, {})}
        if key in self.modified:
            record["ModificationTimestamp"] = stamp(self.modified[key])
        over = micros_of_stamp(record["OpenHouseEndTime"]) <= now
        return None if over or self._status(record["ListingKey"]) not in SHOWABLE else record

    def exists(self, key: str, now: int) -> bool:
        """Whether it is visible now."""
        return self.record(key, now) is not None

    def keys(self, now: int, after: str | None = None) -> Iterator[str]:
        """Visible keys after a key, ascending."""
        scheduled = (event.key for event in self._schedule.upcoming(now))
        for key in sorted({*scheduled, *self.patches, *self.added}):
            if (after is None or key > after) and self.exists(key, now):
                yield key

    def of_listing(self, index: int | None, listing_key: str, now: int) -> list[dict[str, Any]]:
        """The visible open houses of a listing; index is None for a listing that was added."""
        keys = {*self.added, *self.patches}
        if index is not None:
            keys.update(event.key for event in self._schedule.of_listing(index, now))
        found = (self.record(key, now) for key in sorted(keys))
        return [record for record in found if record and record["ListingKey"] == listing_key]

    def modified_since(self, moment: int, now: int) -> Iterator[str]:
        """Visible keys that were announced or touched after a moment, ascending."""
        for key in self.keys(now):
            record = self.record(key, now)
            if record and micros_of_stamp(record["ModificationTimestamp"]) > moment:
                yield key

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Puts an open house in, listing and times as the record says."""
        self.added[key] = record

    def change(self, key: str, patch: dict[str, Any], at: int | None) -> None:
        """Changes fields; at is None for a change that leaves the timestamp alone."""
        self.patches[key] = {**self.patches.get(key, {}), **patch}
        if at is not None:
            self.modified[key] = at

    def remove(self, key: str) -> None:
        """Takes one out; it can be restored."""
        self.removed.add(key)

    def restore(self, key: str, at: int | None) -> None:
        """Brings one back; at is None to leave its timestamp alone."""
        self.removed.discard(key)
        if at is not None:
            self.modified[key] = at
