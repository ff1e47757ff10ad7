"""What can happen to a Spark feed: changes, removals, returns, relists, additions.

Every verb says which keys it concerned. With a visibility delay the effect appears later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from mls_assets.sandbox.market import changes
from mls_assets.sandbox.market.population import Population
from mls_assets.sandbox.market.spark_feed import SandboxSparkFeed
from mls_assets.sandbox.world.dice import Dice, mix, salt
from mls_assets.sandbox.world.keys import stamp
from mls_assets.sandbox.world.kinds import SHOWABLE


class SparkChanges:
    """The verbs of one Spark feed; choices and new values are decided by the seed and a count."""

    def __init__(self, seed: int, feed: SandboxSparkFeed) -> None:
        self._feed = feed
        self._salt = salt(seed, f"{feed.name}/changes")
        self._number = 0

    def _dice(self) -> Dice:
        self._number += 1
        return Dice(self._salt, self._number)

    def choose(self, resource: str, count: int, statuses: Sequence[str] | None = None) -> list[str]:
        """`count` visible keys (fewer if there are not so many), of these statuses if given."""
        self._number += 1
        draw = mix(self._salt, self._number)
        if resource == "OpenHouse":
            keys = list(self._feed.open_houses.keys(self._feed.micros()))
            return sorted(sorted(keys, key=lambda key: salt(draw, key))[:count])

        def accept(key: str) -> bool:
            return not statuses or self._feed.status(key) in statuses

        return self._feed.populations[resource].choose(count, draw, accept)

    def removed(self, resource: str) -> list[str]:
        """What can be restored, ascending."""
        return sorted(self._overlay(resource).removed)

    def _overlay(self, resource: str) -> Any:
        return (
            self._feed.open_houses if resource == "OpenHouse" else self._feed.populations[resource]
        )

    def change(
        self,
        resource: str,
        keys: Sequence[str],
        what: str | None = "price",
        fields: Mapping[str, Any] | None = None,
        to: str | None = None,
        touch: bool = True,
    ) -> list[str]:
        """Changes records that are visible; returns their keys.

        what: one of `changes.KINDS`, for listings; other resources are touched.
        fields: values to set as they are, whatever their type.
        to: the new status. touch: False leaves ModificationTimestamp alone.
        """
        now = self._feed.micros()
        changed = []
        for key in keys:
            record = self._feed.record(resource, key, "v2")
            if record is None:
                continue
            patch, photos = self._patch(resource, key, record, what, to, now)
            patch.update(fields or {})
            self._later(resource, key, now, self._apply(resource, key, patch, photos, now, touch))
            changed.append(key)
        return changed

    def _patch(
        self,
        resource: str,
        key: str,
        record: Mapping[str, Any],
        what: str | None,
        to: str | None,
        now: int,
    ) -> tuple[dict[str, Any], tuple[tuple[int, ...], int] | None]:
        if resource == "OpenHouse" and what == "time":
            return changes.open_house_moved(now), None
        if resource != "Property":
            return {}, None
        if what == "price":
            return changes.price(record, self._dice(), now), None
        if what == "status":
            return changes.next_status(record, now, to), None
        if what == "remarks":
            return changes.changed_remarks(self._dice()), None
        if what == "photos":
            index = self._feed.populations["Property"].index(key) or 0
            numbers, highest = self._feed.photo_numbers(index, key)
            new = changes.changed_photos(numbers, highest, self._dice())
            patch = {"PhotosCount": len(new), "PhotosChangeTimestamp": stamp(now)}
            return patch, (new, max(highest, *new))
        return {}, None

    def _apply(
        self,
        resource: str,
        key: str,
        patch: dict[str, Any],
        photos: tuple[tuple[int, ...], int] | None,
        now: int,
        touch: bool,
    ) -> Callable[[], None]:
        def apply() -> None:
            overlay = self._overlay(resource)
            if patch:
                overlay.change(key, patch, now if touch else None)
            elif touch:
                overlay.modified[key] = now
            if photos:
                self._feed.photos[key] = photos

        return apply

    def _later(self, resource: str, key: str, now: int, apply: Callable[[], Any]) -> None:
        self._feed.delay.submit(f"{self._feed.name}/{resource}/{key}", now, apply)

    def remove(self, resource: str, keys: Sequence[str]) -> list[str]:
        """The records stop being returned, and nothing says so."""
        now = self._feed.micros()
        gone = [key for key in keys if self._feed.head(resource, key) is not None]
        for key in gone:
            self._later(resource, key, now, partial(self._overlay(resource).remove, key))
        return gone

    def restore(self, resource: str, keys: Sequence[str], touch: bool = True) -> list[str]:
        """Removed records return; without `touch` only a sweep can tell."""
        now = self._feed.micros()
        at = now if touch else None
        overlay = self._overlay(resource)
        back = [key for key in keys if key in overlay.removed]
        for key in back:
            self._later(resource, key, now, partial(overlay.restore, key, at))
        return back

    def relist(self, keys: Sequence[str]) -> dict[str, str]:
        """The same houses under new keys and numbers; the old listings are withdrawn."""
        now = self._feed.micros()
        listings = self._feed.populations["Property"]
        pairs = {}
        for old in self.change("Property", keys, "status", to="Withdrawn"):
            origin = listings.index(old)
            if origin is None:
                continue
            number = self._feed.world.listings.listing_id(listings.new_origin())
            pairs[old] = self._add(listings, origin, changes.relisted(number, now), now)
        return pairs

    def add(self, resource: str, count: int, fields: Mapping[str, Any] | None = None) -> list[str]:
        """New records with new keys, which are greater than all that exist."""
        now = self._feed.micros()
        if resource == "OpenHouse":
            return self._add_open_houses(count, dict(fields or {}), now)
        population = self._feed.populations[resource]
        return [
            self._add(population, population.new_origin(), dict(fields or {}), now, resource)
            for _ in range(count)
        ]

    def _add(
        self,
        population: Population,
        origin: int,
        patch: dict[str, Any],
        now: int,
        resource: str = "Property",
    ) -> str:
        key = population.new_key(now)
        self._later(resource, key, now, partial(population.add, key, origin, patch, now))
        return key

    def _add_open_houses(self, count: int, fields: dict[str, Any], now: int) -> list[str]:
        listings = self.choose("Property", count, sorted(SHOWABLE))
        keys = []
        for listing in listings:
            key = self._feed.populations["Property"].new_key(now)
            record = {
                "OpenHouseKey": key,
                "ListingKey": listing,
                **changes.open_house_moved(now),
                "OpenHouseType": "Public",
                "OpenHouseRemarks": None,
                "ModificationTimestamp": stamp(now),
                **fields,
            }
            self._later("OpenHouse", key, now, partial(self._feed.open_houses.add, key, record))
            keys.append(key)
        return keys
