"""Landed JSON objects of one resource to typed columns, and what didn't fit to the rejects.

Holds for records and children alike. Keys, the MLS, photos and child sets are `normalise`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache

import polars as pl
from msgspec import Raw

from mls_assets.model.resources import TABLE_OF_RESOURCE, Resource, Source
from mls_assets.reso import dictionary, tables
from mls_assets.reso.decode import column, nulls, series
from mls_assets.reso.dialects import forge, spark
from mls_assets.reso.rejects import LandedItem, Rejects
from mls_assets.reso.split import RecordParser


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


@lru_cache(maxsize=64)
def _splitter(source: Source, feed: str, resource: Resource) -> RecordParser:
    """A splitter for each feed, since each has custom fields of its own."""
    dialect = spark if source is Source.SPARK else forge
    return RecordParser(dialect.filing(resource))


def read_rows(
    source: Source, feed: str, resource: Resource, items: Sequence[LandedItem], rejects: Rejects
) -> Rows:
    """Split and decode items; every one that is a JSON object becomes a row."""
    split = _splitter(source, feed, resource).split([item.body for item in items])
    for position, problem in split.broken:
        rejects.add(resource, items[position], None, items[position].body, problem)
    for position, name, token in split.superseded:
        problem = "the field came more than once; the last one counts"
        rejects.add(resource, items[position], name, token, problem)
    for position, name, token, problem in split.unusable:
        rejects.add(resource, items[position], name, token, problem)
    kept = [items[position] for position in split.rows]
    filled: dict[str, set[int]] = {}
    if source is Source.FORGE and resource is Resource.PROPERTY:
        for name, own in forge.FILLED_FROM.items():
            filled[name] = forge.filled(split.columns[name], split.columns[own])
    columns = origin(source, feed, kept)
    for name, field in dictionary.fields_of(resource).items():
        tokens = split.columns[name]
        columns[name], misfits = column(field, tokens)
        for position, problem in misfits:
            if position in filled.get(name, ()):
                problem = f"{problem} (sent as {forge.FILLED_FROM[name]})"
            rejects.add(resource, kept[position], name, bytes(tokens[position] or b""), problem)
    columns[tables.LOCAL_FIELDS] = series(tables.LOCAL_FIELDS, split.local, "JSON")
    if source is Source.SPARK:
        columns[tables.HIDDEN_FIELDS] = series(tables.HIDDEN_FIELDS, split.hidden, "VARCHAR[]")
    return Rows(resource, kept, columns, split.columns)


def origin(source: Source, feed: str, items: Sequence[LandedItem]) -> dict[str, pl.Series]:
    """The columns that say where rows come from, but for `mls`."""
    moments = [item.landed_at.astimezone(UTC) for item in items]
    return {
        "feed": series("feed", [feed] * len(items), "VARCHAR"),
        "source": series("source", [str(source)] * len(items), "VARCHAR"),
        tables.LANDED_AT: series(tables.LANDED_AT, moments, "TIMESTAMPTZ"),
    }
