"""One Spark feed as it stands: records of all resources, made on demand from world and overlay.

Reading only; what changes it belongs in `spark_changes.py`, and the face that the protocol sees
in `spark_view.py`. Times in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from mls_assets.sandbox.catalogue import Shape
from mls_assets.sandbox.jsontext import dumps
from mls_assets.sandbox.market.delay import Delay
from mls_assets.sandbox.market.open_houses import SandboxOpenHouses
from mls_assets.sandbox.market.population import Population
from mls_assets.sandbox.world import schema
from mls_assets.sandbox.world.children import Children
from mls_assets.sandbox.world.dice import mix, salt
from mls_assets.sandbox.world.keys import KeySpace, micros_in, micros_of, stamp
from mls_assets.sandbox.world.kinds import UNDER_CONTRACT
from mls_assets.sandbox.world.listings import Listings
from mls_assets.sandbox.world.open_houses import Schedule
from mls_assets.sandbox.world.people import People
from mls_assets.sandbox.world.prototypes import (
    BUYER_FIELDS,
    HIDDEN,
    VARIANTS,
    Prototype,
    Prototypes,
)
from mls_assets.sandbox.world.words import FLORIDA, PLACES

WORLD_START = datetime(2016, 1, 1, tzinfo=UTC)
WORLD_END = datetime(2026, 1, 1, tzinfo=UTC)
"""All base records were created and last changed in between, so before any sandbox started."""
_PEOPLE_END = datetime(2025, 6, 1, tzinfo=UTC)
_PRICE_PER_FOOT = "Price_sp_Calculations_co_Current_sp_Price_sp_To_sp_SqFt"
_CITY_NAME = "Location_sp_and_sp_Legal_co_City_sp_Name"
_POSTAL_ZIP = "Location_sp_and_sp_Legal_co_Postal_sp_Zip"


class World:
    """The base of one feed, Spark or Forge: people, listings and what they are made of."""

    def __init__(self, seed: int, feed: str, size: int) -> None:
        places = PLACES.get(feed, FLORIDA)

        def space(name: str, count: int, end: datetime) -> KeySpace:
            return KeySpace(salt(seed, f"{feed}/{name}"), count, WORLD_START, end)

        members = space("members", max(5, min(50_000, size // 20)), _PEOPLE_END)
        offices = space("offices", max(2, min(5_000, size // 200)), _PEOPLE_END)
        self.people = People(seed, feed, members, offices, places)
        self.listings = Listings(
            seed,
            feed,
            space("listings", size, WORLD_END),
            self.people,
            places,
            micros_of(WORLD_END),
        )
        names = self.listings.fields(0, "", micros_of(WORLD_START))
        self._prototypes = Prototypes({*names, _PRICE_PER_FOOT, _CITY_NAME, _POSTAL_ZIP})
        self._variant_salt = salt(seed, f"{feed}/variant")

    def prototype(self, index: int, shape: Shape) -> Prototype:
        """The prepared bulk of a listing."""
        return self._prototypes.get(self.listings.kind(index), self.variant(index), shape)

    def variant(self, index: int) -> int:
        """Which of the prepared bulks of its kind a listing has."""
        return mix(self._variant_salt, index) % VARIANTS


class SandboxSparkFeed:
    """The content of one Spark feed at the sandbox's time."""

    def __init__(
        self, seed: int, name: str, size: int, now: Callable[[], datetime], delay: Delay
    ) -> None:
        self.name = name
        self.now = now
        self.delay = delay
        self.world = World(seed, name, size)
        self.populations = {
            "Property": Population(self.world.listings.space),
            "Member": Population(self.world.people.members),
            "Office": Population(self.world.people.offices),
        }
        self.photos: dict[str, tuple[tuple[int, ...], int]] = {}
        """Listing key -> the numbers of its photos in order, and the highest number ever."""
        self.children = Children(seed, name, self.world.listings)
        self.open_houses = SandboxOpenHouses(
            Schedule(seed, name, self.world.listings), self.world.listings.space.key, self.status
        )

    def micros(self) -> int:
        """The present, after everything that is due by now has become visible."""
        now = micros_of(self.now())
        self.delay.settle(now)
        return now

    def status(self, key: str) -> str | None:
        """A listing's StandardStatus, None if it is not there."""
        population = self.populations["Property"]
        index = None if key in population.removed else population.index(key)
        if index is None:
            return None
        patched = population.patches.get(key, {}).get("StandardStatus")
        return patched or self.world.listings.status(index)

    def photo_numbers(self, index: int, key: str) -> tuple[Sequence[int], int]:
        """The numbers of a listing's photos in order, and the highest number ever."""
        if key in self.photos:
            return self.photos[key]
        count = self.world.listings.photo_count(index)
        return range(1, count + 1), count

    def head(self, resource: str, key: str) -> dict[str, Any] | None:
        """The fields that cost nothing."""
        if resource == "OpenHouse":
            return self.open_houses.record(key, self.micros())
        population = self.populations[resource]
        index = None if key in population.removed else population.index(key)
        if index is None:
            return None
        head = {schema.SANDBOX_KEY_FIELDS[resource]: key}
        modified = population.modified.get(key)
        if resource == "Property":
            listings = self.world.listings
            if modified is None:
                modified = listings.modified(index, listings.space.created(index))
            head["ListingId"] = listings.listing_id(index)
            head["StandardStatus"] = listings.status(index)
        elif modified is None:
            modified = self.world.people.modified(resource, index)
        head["ModificationTimestamp"] = stamp(modified)
        patch = population.patches.get(key)
        if patch:
            head.update((name, patch[name]) for name in head.keys() & patch.keys())
        return head

    def record(self, resource: str, key: str, shape: Shape) -> dict[str, Any] | None:
        """The record in a shape, None if it is not visible."""
        if resource == "OpenHouse":
            return self.open_houses.record(key, self.micros())
        population = self.populations[resource]
        index = None if key in population.removed else population.index(key)
        if index is None:
            return None
        if resource == "Property":
            return self._merged(key, *self._listing(index, key, shape), shape)
        created = micros_in(key) or 0
        modified = population.modified.get(key) or self.world.people.modified(resource, index)
        make = self.world.people.member if resource == "Member" else self.world.people.office
        record = make(index, key, created, modified)
        if key in population.patches:
            record |= population.patches[key]
        return record

    def record_json(self, resource: str, key: str, shape: Shape) -> bytes | None:
        """`record` as text; a listing that nobody patched is glued together from prepared text."""
        population = self.populations.get(resource)
        if resource == "Property" and population is not None and key not in population.removed:
            index = population.index(key)
            if index is not None:
                own, prototype = self._listing(index, key, shape)
                if key not in population.patches:
                    return b"%b,%b" % (dumps(own)[:-1], prototype.tail)
                return dumps(self._merged(key, own, prototype, shape))
        record = self.record(resource, key, shape)
        return None if record is None else dumps(record)

    def _merged(
        self, key: str, own: dict[str, Any], prototype: Prototype, shape: Shape
    ) -> dict[str, Any]:
        record = {**own, **prototype.fields}
        known, padding = schema.declared("Property"), schema.standard_fields()
        for name, value in self.populations["Property"].patches.get(key, {}).items():
            field = name.removesuffix(HIDDEN)
            if shape == "v3" and field in padding and field not in known:
                continue
            record[name] = value
            # A field is either shown or hidden, never both.
            record.pop(field if name != field else name + HIDDEN, None)
        return record

    def _listing(self, index: int, key: str, shape: Shape) -> tuple[dict[str, Any], Prototype]:
        """A listing's own fields as Spark shows them, and the prototype that completes them."""
        population = self.populations["Property"]
        listings = self.world.listings
        fields = listings.fields(index, key, micros_in(key) or 0)
        if key in population.modified:
            fields["ModificationTimestamp"] = stamp(population.modified[key])
        status = population.patches.get(key, {}).get("StandardStatus", fields["StandardStatus"])
        fields[_CITY_NAME] = fields["City"]
        fields[_POSTAL_ZIP] = fields["PostalCode"]
        if fields["LivingArea"] and fields["ListPrice"]:
            fields[_PRICE_PER_FOOT] = round(fields["ListPrice"] / fields["LivingArea"], 2)
        if status in UNDER_CONTRACT:
            fields.update((name + HIDDEN, "None") for name in BUYER_FIELDS)
        else:
            fields.update((name, None) for name in BUYER_FIELDS)
            if status == "Closed":
                fields |= listings.buyer(index)
        if fields["VideosCount"]:
            fields["VideosChangeTimestamp"] = fields["OriginalEntryTimestamp"]
        else:
            fields["VideosChangeTimestamp" + HIDDEN] = "None"
        if shape == "v3":
            known = schema.declared("Property")
            fields = {k: v for k, v in fields.items() if k.removesuffix(HIDDEN) in known}
        return fields, self.world.prototype(index, shape)

    def children_of(self, resource: str, key: str, navigation: str) -> list[dict[str, Any]]:
        """Media, Room, Unit or OpenHouse of a listing; members and offices have no media."""
        index = self._listing_index(resource, key)
        if index is None:
            return []
        if navigation == "Media":
            return self.children.media(index, key, self.photo_numbers(index, key)[0])
        if navigation == "Room":
            return self.children.rooms(index, key)
        if navigation == "Unit":
            return self.children.units(index, key)
        if navigation == "OpenHouse":
            added = key in self.populations["Property"].origins
            return self.open_houses.of_listing(None if added else index, key, self.micros())
        return []

    def children_json(self, resource: str, key: str, navigation: str, root: str) -> bytes:
        """`children_of` as text with `@odata.id`: absolute for Media, relative for the others."""
        index = self._listing_index(resource, key)
        if index is None:
            return b"[]"
        if navigation == "Media":
            numbers = self.photo_numbers(index, key)[0]
            return self.children.media_json(index, key, numbers, root)
        rows = self.children_of(resource, key, navigation)
        if not rows:
            return b"[]"
        id_field = schema.SANDBOX_KEY_FIELDS[schema.NAVIGATIONS[resource][navigation]]
        for row in rows:
            row["@odata.id"] = f"{resource}('{key}')/{navigation}('{row[id_field]}')"
        return dumps(rows)

    def _listing_index(self, resource: str, key: str) -> int | None:
        population = self.populations["Property"]
        if resource != "Property" or key in population.removed:
            return None
        return population.index(key)
