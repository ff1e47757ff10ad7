"""What the control API can do to a feed, in the terms of JSON: feeds and resources by name, keys.

Everything that a request gets wrong is a `ControlError`, whose text says what would be right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from mls_assets.sandbox.market import changes
from mls_assets.sandbox.market.forge_feed import ForgeKind, ForgeRecords
from mls_assets.sandbox.market.market import SPARK_FEED, Market

SPARK_RESOURCES = ("Property", "Member", "Office", "OpenHouse")
FORGE_KINDS: Mapping[str, ForgeKind] = {
    "Property": "listings",
    "listings": "listings",
    "Member": "agents",
    "agents": "agents",
}
CHANGES = (*changes.CHANGE_KINDS, "time")


class ControlError(ValueError):
    """The request cannot be done; nothing was."""


def forge_records(market: Market, feed: str, resource: str) -> ForgeRecords:
    """The records of a Forge feed; ControlError if feed or resource is not there."""
    mls = market.forge.get(feed.removeprefix("forge/"))
    if mls is None or not feed.startswith("forge/"):
        raise ControlError(f"No feed {feed!r}; there are: {', '.join(feeds(market))}.")
    if resource not in FORGE_KINDS:
        raise ControlError(f"Forge has no {resource!r}; it has Property and Member.")
    return mls.records[FORGE_KINDS[resource]]


def feeds(market: Market) -> list[str]:
    """The names of all feeds."""
    return [SPARK_FEED, *(f"forge/{key}" for key in market.forge)]


class SparkTarget:
    """One resource of the Spark feed, addressed by keys."""

    def __init__(self, market: Market, resource: str) -> None:
        if resource not in SPARK_RESOURCES:
            raise ControlError(
                f"No {resource!r} to change; there are: {', '.join(SPARK_RESOURCES)}."
            )
        self._market = market
        self._resource = resource

    def choose(self, count: int, statuses: Sequence[str] | None) -> list[str]:
        """As many visible keys, of these statuses if given."""
        return self._market.spark.choose(self._resource, count, statuses)

    def choose_removed(self, count: int) -> list[str]:
        """Keys that can be restored."""
        return self._market.spark.removed(self._resource)[:count]

    def change(self, keys: Sequence[str], body: Mapping[str, Any]) -> list[str]:
        """Changes records as the body says; returns their keys."""
        return self._market.spark.change(
            self._resource,
            keys,
            _what(body, "time" if self._resource == "OpenHouse" else "price"),
            body.get("set"),
            body.get("to"),
            body.get("touch", True),
        )

    def remove(self, keys: Sequence[str]) -> list[str]:
        """Takes records away; returns their keys."""
        return self._market.spark.remove(self._resource, keys)

    def restore(self, keys: Sequence[str], body: Mapping[str, Any]) -> list[str]:
        """Brings records back; returns their keys."""
        return self._market.spark.restore(self._resource, keys, body.get("touch", True))

    def relist(self, keys: Sequence[str]) -> dict[str, str]:
        """Old key -> new key."""
        if self._resource != "Property":
            raise ControlError("Only listings can be relisted.")
        return self._market.spark.relist(keys)

    def add(self, count: int, fields: Mapping[str, Any] | None) -> list[str]:
        """Adds records; returns their keys."""
        return self._market.spark.add(self._resource, count, fields)

    def revoke(self, keys: Sequence[str]) -> list[str]:
        """On Spark a listing that one may not see any more just stops being returned."""
        return self.remove(keys)

    def grant(self, keys: Sequence[str]) -> list[str]:
        """Access to the records is regained."""
        return self._market.spark.restore(self._resource, keys, False)

    def count(self) -> int:
        """How many one may see."""
        return self._market.catalogue.count(self._resource)

    def keys(self, after: str | None = None) -> Iterator[str]:
        """Visible keys after a key, ascending."""
        return self._market.catalogue.keys(self._resource, after)

    def record(self, key: str) -> dict[str, Any] | None:
        """The record as it is served, None if it is not."""
        return self._market.catalogue.record(self._resource, key)


class ForgeTarget:
    """One kind of records of an MLS on Forge, addressed by keys."""

    def __init__(self, records: ForgeRecords) -> None:
        self._records = records

    def _slots(self, keys: Sequence[str]) -> list[int]:
        slots = (self._records.slot(key) for key in keys)
        return [slot for slot in slots if slot is not None]

    def _keys(self, slots: Sequence[int]) -> list[str]:
        return [self._records.key(slot) for slot in slots]

    def choose(self, count: int, statuses: Sequence[str] | None) -> list[str]:
        """As many visible keys, of these statuses if given."""
        return self._keys(self._records.choose(count, statuses))

    def choose_removed(self, count: int) -> list[str]:
        """Keys that can be restored."""
        return self._keys(sorted(self._records.gone)[:count])

    def choose_revoked(self, count: int) -> list[str]:
        """Keys that can be granted again."""
        return self._keys(sorted(self._records.revoked)[:count])

    def change(self, keys: Sequence[str], body: Mapping[str, Any]) -> list[str]:
        """Changes records as the body says; returns their keys."""
        what = _what(body, "price")
        return self._keys(
            self._records.change(self._slots(keys), what, body.get("set"), body.get("to"))
        )

    def remove(self, keys: Sequence[str]) -> list[str]:
        """Takes records away; returns their keys."""
        return self._keys(self._records.remove(self._slots(keys)))

    def restore(self, keys: Sequence[str], body: Mapping[str, Any]) -> list[str]:
        """Brings records back; returns their keys."""
        return self._keys(self._records.restore(self._slots(keys)))

    def relist(self, keys: Sequence[str]) -> dict[str, str]:
        """Old key -> new key."""
        pairs = self._records.relist(self._slots(keys))
        return {self._records.key(old): self._records.key(new) for old, new in pairs.items()}

    def add(self, count: int, fields: Mapping[str, Any] | None) -> list[str]:
        """Adds records; returns their keys."""
        return self._keys(self._records.add(count, fields))

    def revoke(self, keys: Sequence[str]) -> list[str]:
        """Access to the records is lost."""
        return self._keys(self._records.revoke(self._slots(keys)))

    def grant(self, keys: Sequence[str]) -> list[str]:
        """Access to the records is regained."""
        return self._keys(self._records.grant(self._slots(keys)))

    def count(self) -> int:
        """How many one may see."""
        return self._records.count()

    def keys(self, after: str | None = None) -> Iterator[str]:
        """Visible keys after a key, ascending."""
        keys = (self._records.key(slot) for slot in self._records.slots())
        return (key for key in keys if after is None or key > after)

    def record(self, key: str) -> dict[str, Any] | None:
        """The record as it is served, None if it is not."""
        slot = self._records.slot(key)
        if slot is None or self._records.is_deleted(slot):
            return None
        return {**self._records.fields(slot), self._records.key_field: key}


Target = SparkTarget | ForgeTarget


def target(market: Market, feed: str, resource: str) -> Target:
    """What a request is about; raises ControlError for a feed or resource that is not there."""
    if feed == SPARK_FEED:
        return SparkTarget(market, resource)
    return ForgeTarget(forge_records(market, feed, resource))


def _what(body: Mapping[str, Any], default: str) -> str | None:
    """The kind of change: as asked, none with only `set`, the default with neither."""
    what = body.get("what", None if "set" in body else default)
    if what is not None and what not in CHANGES:
        raise ControlError(f"No change {what!r}; there are: {', '.join(CHANGES)}.")
    return cast("str | None", what)


def concerned(verb: str, chosen_from: Target, body: Mapping[str, Any]) -> list[str]:
    """The keys that a request names, or as many as it counts; ControlError for neither."""
    keys = body.get("keys")
    if keys is not None:
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise ControlError('"keys" has to be a list of strings.')
        return keys
    count = number(body, "count")
    if verb == "restore":
        return chosen_from.choose_removed(count)
    if verb == "grant":
        if isinstance(chosen_from, ForgeTarget):
            return chosen_from.choose_revoked(count)
        return chosen_from.choose_removed(count)
    return chosen_from.choose(count, body.get("status"))


def number(body: Mapping[str, Any], name: str) -> int:
    """A count that the request gives; ControlError if it gives none."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ControlError(f'The request needs "keys" (a list) or "{name}" (0 or more).')
    return value
