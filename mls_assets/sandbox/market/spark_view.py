"""A Spark feed in one shape: what `Catalogue` promises, on top of `SparkFeed`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mls_assets.sandbox.catalogue import Shape
from mls_assets.sandbox.jsontext import dumps
from mls_assets.sandbox.market.spark_feed import WORLD_END, SandboxSparkFeed
from mls_assets.sandbox.world import schema
from mls_assets.sandbox.world.keys import micros_of, micros_of_stamp
from mls_assets.sandbox.world.lookups import lookup_rows

_WORLD_END = micros_of(WORLD_END)


class SparkView:
    """The `Catalogue` of one feed; raises KeyError for a resource that is not in `RESOURCES`."""

    def __init__(self, feed: SandboxSparkFeed, shape: Shape) -> None:
        self._feed = feed
        self._shape: Shape = shape

    @property
    def shape(self) -> Shape:
        """See `Catalogue`."""
        return self._shape

    def with_shape(self, shape: Shape) -> SparkView:
        """See `Catalogue`."""
        return SparkView(self._feed, shape)

    def now(self) -> datetime:
        """See `Catalogue`."""
        return self._feed.now()

    def count(self, resource: str) -> int:
        """See `Catalogue`."""
        now = self._feed.micros()
        if resource == "Lookup":
            return len(lookup_rows())
        if resource == "OpenHouse":
            return sum(1 for _ in self._feed.open_houses.keys(now))
        return self._feed.populations[resource].count()

    def keys(self, resource: str, after: str | None = None) -> Iterator[str]:
        """See `Catalogue`."""
        now = self._feed.micros()
        if resource == "Lookup":
            rows = list(lookup_rows())
            return iter(rows[bisect_right(rows, after or "") :])
        if resource == "OpenHouse":
            return self._feed.open_houses.keys(now, after)
        return self._feed.populations[resource].keys(after)

    def head(self, resource: str, key: str) -> dict[str, Any] | None:
        """See `Catalogue`."""
        if resource == "Lookup":
            return self.record(resource, key)
        return self._feed.head(resource, key)

    def record(self, resource: str, key: str) -> dict[str, Any] | None:
        """See `Catalogue`."""
        if resource == "Lookup":
            row = lookup_rows().get(key)
            return None if row is None else dict(row)
        return self._feed.record(resource, key, self._shape)

    def record_json(self, resource: str, key: str) -> bytes | None:
        """See `Catalogue`."""
        if resource == "Lookup":
            row = lookup_rows().get(key)
            return None if row is None else dumps(row)
        return self._feed.record_json(resource, key, self._shape)

    def children(self, resource: str, key: str, navigation: str) -> list[dict[str, Any]]:
        """See `Catalogue`."""
        return self._feed.children_of(resource, key, navigation)

    def children_json(self, resource: str, key: str, navigation: str, root: str) -> bytes:
        """See `Catalogue`."""
        return self._feed.children_json(resource, key, navigation, root)

    def modified_since(self, resource: str, moment: datetime) -> Iterator[str]:
        """See `Catalogue`."""
        now, since = self._feed.micros(), micros_of(moment)
        if resource == "OpenHouse":
            return self._feed.open_houses.modified_since(since, now)
        if resource != "Lookup" and since >= _WORLD_END:
            return iter(self._feed.populations[resource].modified_since(since))
        return self._scan(resource, since)

    def _scan(self, resource: str, since: int) -> Iterator[str]:
        """For a moment before the sandbox, which every base record has to be asked about."""
        for key in self.keys(resource):
            head = self.head(resource, key)
            if head and micros_of_stamp(head["ModificationTimestamp"]) > since:
                yield key

    def properties(self, resource: str) -> Mapping[str, str]:
        """See `Catalogue`."""
        return schema.declared(resource)

    def navigations(self, resource: str) -> Mapping[str, str]:
        """See `Catalogue`."""
        return schema.NAVIGATIONS.get(resource, {})

    def key_field(self, resource: str) -> str:
        """See `Catalogue`."""
        return schema.SANDBOX_KEY_FIELDS[resource]

    def local_names(self) -> Mapping[str, str]:
        """See `Catalogue`."""
        return schema.local_names()
