"""Open houses that come by themselves, announced on the Monday of the week before.

Only upcoming ones exist for a reader; who is asked at another time sees other ones. Nothing here
knows whether a listing was removed since.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from mls_assets.sandbox.world.dice import Dice, mix, salt
from mls_assets.sandbox.world.keys import DAY, SECOND, key_at, micros_in, stamp
from mls_assets.sandbox.world.kinds import SHOWABLE
from mls_assets.sandbox.world.listings import Listings

WEEK = 7 * DAY
_FIRST_MONDAY = 4 * DAY  # 1970-01-05
_HOUR = 3600 * SECOND
MAX_OPEN_HOUSES = 5_000
"""Events a week at most, so that a week fits into memory whatever the size of the MLS."""


class Event(NamedTuple):
    """One open house of the schedule; times in microseconds."""

    key: str
    listing: int
    announced: int
    starts: int
    ends: int
    draw: int


def _weeks(now: int) -> range:
    """The weeks whose events can be upcoming: the last one's end, this one's, the next one's."""
    this = (now - _FIRST_MONDAY) // WEEK
    return range(this - 1, this + 2)


class Schedule:
    """The open houses of one feed."""

    def __init__(self, seed: int, feed: str, listings: Listings) -> None:
        self._salt = salt(seed, f"{feed}/open houses")
        self._listings = listings
        self.week = lru_cache(maxsize=8)(self._week)
        self._by_listing = lru_cache(maxsize=8)(self._group)

    def upcoming(self, now: int) -> list[Event]:
        """Announced and not yet over, ascending by key."""
        return [
            event
            for week in _weeks(now)
            for event in self.week(week).values()
            if event.announced <= now < event.ends
        ]

    def of_listing(self, listing: int, now: int) -> list[Event]:
        """The upcoming events of one listing."""
        return [
            event
            for week in _weeks(now)
            for event in self._by_listing(week).get(listing, ())
            if event.announced <= now < event.ends
        ]

    def find(self, key: str) -> Event | None:
        """The event with this key, whenever it is."""
        announced = micros_in(key)
        if announced is None:
            return None
        return self.week((announced - _FIRST_MONDAY) // WEEK + 1).get(key)

    def _week(self, week: int) -> dict[str, Event]:
        """All events of one week by key, in order; only showable listings have any."""
        size = self._listings.space.size
        count = min(MAX_OPEN_HOUSES, -(-size // 20))
        monday = _FIRST_MONDAY + week * WEEK
        announced = monday - WEEK + 6 * _HOUR
        events = {}
        for number in range(count):
            draw = mix(self._salt ^ week, number)
            listing = draw % size
            if self._listings.status(listing) not in SHOWABLE:
                continue
            room = 600 * SECOND // count
            at = announced + number * room + draw % room
            starts = monday + (draw >> 40) % 7 * DAY + (14 + (draw >> 44) % 8) * _HOUR
            ends = starts + (1 + (draw >> 50) % 3) * _HOUR
            key = key_at(at)
            events[key] = Event(key, listing, at, starts, ends, draw)
        return events

    def _group(self, week: int) -> dict[int, list[Event]]:
        groups: dict[int, list[Event]] = {}
        for event in self.week(week).values():
            groups.setdefault(event.listing, []).append(event)
        return groups

    def record(self, event: Event, listing_key: str) -> dict[str, Any]:
        """The OpenHouse record of an event."""
        dice = Dice(self._salt, event.draw & 0xFFFFFFFF)
        return {
            "OpenHouseKey": event.key,
            "ListingKey": listing_key,
            "OpenHouseStartTime": stamp(event.starts),
            "OpenHouseEndTime": stamp(event.ends),
            "OpenHouseType": dice.weighted({"Public": 95, "Broker": 5}),
            "OpenHouseRemarks": dice.pick((None, "", "Refreshments served.", "Use the side gate.")),
            "ModificationTimestamp": stamp(event.announced),
        }
