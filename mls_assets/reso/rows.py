"""Rows on their way to a table: typed columns, and the tokens that they were made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC

import polars as pl
from msgspec import Raw

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import TABLE_OF_RESOURCE, Resource
from mls_assets.reso import tables
from mls_assets.reso.decode import nulls, series
from mls_assets.reso.rejects import LandedItem


@dataclass(frozen=True, slots=True)
class Rows:
    """Items that became rows; `columns` are typed, `tokens` raw, both run with `items`.

    `tokens` also has the fields that a dialect takes apart itself.
    """

    resource: Resource
    items: Sequence[LandedItem]
    columns: dict[str, pl.Series]
    tokens: Mapping[str, Sequence[Raw | None]]

    def texts(self, name: str) -> list[str | None]:
        """A text column's values; all None where the resource has no such column."""
        if name not in self.columns:
            return [None] * len(self.items)
        return self.columns[name].to_list()

    def frame(self) -> pl.DataFrame:
        """The rows in exactly the columns and types of their table."""
        return frame(self.resource, self.columns, len(self.items))


def frame(resource: Resource, columns: Mapping[str, pl.Series], count: int) -> pl.DataFrame:
    """Make a resource's frame of so many rows; columns that are not given are NULL."""
    return pl.DataFrame(
        [
            columns[declared.name]
            if declared.name in columns
            else nulls(declared.name, count, declared.type)
            for declared in tables.RESO_TABLES[TABLE_OF_RESOURCE[resource]].columns
        ]
    )


def origin(feed: FeedName, items: Sequence[LandedItem]) -> dict[str, pl.Series]:
    """The columns that say where rows come from, but for `mls`."""
    moments = [item.landed_at.astimezone(UTC) for item in items]
    return {
        "feed": series("feed", [feed] * len(items), "VARCHAR"),
        "source": series("source", [feed.source] * len(items), "VARCHAR"),
        tables.LANDED_AT: series(tables.LANDED_AT, moments, "TIMESTAMPTZ"),
    }
