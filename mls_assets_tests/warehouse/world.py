"""A small warehouse to test with: seven short RESO tables, pages, and a normaliser of one line."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl

from mls_assets.model.declarations import Column, Table
from mls_assets.model.feed_names import FeedName
from mls_assets.model.records import ChildSet, Page, RawRecord, Removal
from mls_assets.model.resources import (
    CHILD_RESOURCES,
    KEY_FIELDS,
    TABLE_OF_RESOURCE,
    Reason,
    Resource,
)
from mls_assets.warehouse import Landing, Warehouse
from mls_assets.warehouse.landing import landing
from mls_assets.warehouse.publication.views import ONCE_FIELDS
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.addresses import storage_at
from mls_assets.warehouse.storage.belonging import DataFolder
from mls_assets.warehouse.storage.queries import Connection, scalar
from mls_assets.warehouse.tables import history, merging
from mls_assets.warehouse.tables.merging import Merged, Pending

FEED = FeedName("spark/default")
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
_LISTING_KEY = quoted(KEY_FIELDS[Resource.PROPERTY])


def _type_of(name: str) -> str:
    if name.endswith("Timestamp"):
        return "TIMESTAMPTZ"
    return "DOUBLE" if name.endswith("Price") else "VARCHAR"


_OWN = {
    Resource.PROPERTY: [
        Column("City", "VARCHAR"),
        Column("StateOrProvince", "VARCHAR"),
        Column("Appliances", "VARCHAR[]"),
        *(Column(name, _type_of(name)) for name in dict.fromkeys((*history.FIELDS, *ONCE_FIELDS))),
    ],
    Resource.OPEN_HOUSE: [
        Column("OpenHouseDate", "DATE"),
        Column("OpenHouseStartTime", "TIMESTAMPTZ"),
        Column("OpenHouseEndTime", "TIMESTAMPTZ"),
        Column("is_past", "BOOLEAN"),
        Column("time_zone", "VARCHAR"),
        Column("starts_local", "TIMESTAMP"),
        Column("ends_local", "TIMESTAMP"),
        Column("date_from_start", "BOOLEAN"),
    ],
}
_POLARS: Mapping[str, Any] = {
    "VARCHAR": pl.String,
    "JSON": pl.String,
    "DATE": pl.Date,
    "DOUBLE": pl.Float64,
    "BOOLEAN": pl.Boolean,
    "VARCHAR[]": pl.List(pl.String),
    "TIMESTAMP": pl.Datetime("us"),
    "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
}
REJECTED = {
    "feed": pl.String,
    "resource": pl.String,
    "record_key": pl.String,
    "field": pl.String,
    "value": pl.String,
    "problem": pl.String,
    "page_id": pl.Int64,
    "seen_at": pl.Datetime("us", "UTC"),
}


def _table(resource: Resource) -> Table:
    with_listing = resource in (*CHILD_RESOURCES, Resource.OPEN_HOUSE)
    keys = ["ListingKey"] if with_listing else []
    keys.append(KEY_FIELDS[resource])
    columns = (
        *(Column(name, "VARCHAR") for name in ("feed", "source", "mls", *keys)),
        *_OWN.get(resource, []),
        Column("local_fields", "JSON", "What the dictionary doesn't know."),
        Column("landed_at", "TIMESTAMPTZ"),
    )
    return Table(TABLE_OF_RESOURCE[resource], f"{resource} of a feed", columns, ("feed", *keys))


RESO_TABLES = {TABLE_OF_RESOURCE[resource]: _table(resource) for resource in TABLE_OF_RESOURCE}
BRIEF_COLUMNS = ("feed", "ListingKey", "City")


def warehouse_at(
    folder: Path,
    *,
    tables: Mapping[str, Table] = RESO_TABLES,
    standard_values: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType({}),
    home: DataFolder | None = None,
    **options: Any,
) -> Warehouse:
    storage = storage_at(str(folder / "warehouse.duckdb"), **options)
    return Warehouse(storage, tables, BRIEF_COLUMNS, standard_values=standard_values, home=home)


def record(key: str, modified_at: datetime | None = NOON, **fields: Any) -> RawRecord:
    return RawRecord(key, json.dumps({"key": key, **fields}).encode(), modified_at)


def photos(listing_key: str, *keys: str, **fields: Any) -> ChildSet:
    body = json.dumps([{"MediaKey": key, **fields} for key in keys]).encode()
    return ChildSet(listing_key, Resource.MEDIA, body)


def page(
    *entries: RawRecord | ChildSet | Removal | str,
    resource: Resource = Resource.PROPERTY,
    feed: str = FEED,
    at: datetime = NOON,
    **facts: Any,
) -> Page:
    """Make a page; a bare text stands for a record with that key."""
    entries = tuple(record(entry) if isinstance(entry, str) else entry for entry in entries)
    return Page(
        feed,
        resource,
        at,
        records=tuple(entry for entry in entries if isinstance(entry, RawRecord)),
        children=tuple(entry for entry in entries if isinstance(entry, ChildSet)),
        removals=tuple(entry for entry in entries if isinstance(entry, Removal)),
        **facts,
    )


def gone(key: str, reason: Reason = Reason.TOMBSTONE) -> Removal:
    return Removal(key, reason)


def land(con: Connection, landed: Page, walk: Any = None) -> Landing:
    return landing.land_page(con, landed, walk=walk, run_id="run-1")


def merge_all(con: Connection, feed: str = FEED) -> list[Merged]:
    """Normalise and merge all that waits, with an MLS, local fields and one rejected value each."""
    merged = []
    for resource in (
        Resource.PROPERTY,
        Resource.MEMBER,
        Resource.OFFICE,
        Resource.OPEN_HOUSE,
    ):
        while pending := merging.pending_records(con, feed, resource):
            merged.append(merge(con, pending, feed, resource))
    return merged


def merge(
    con: Connection, pending: Pending, feed: str = FEED, resource: Resource = Resource.PROPERTY
) -> Merged:
    frames = {TABLE_OF_RESOURCE[resource]: _frame(feed, resource, map(_as_row, pending.records))}
    replaced: dict[str, list[str]] = {}
    for child in CHILD_RESOURCES:
        sets = [one for one in pending.children if one.resource is child]
        if sets:
            rows = [
                {"ListingKey": one.listing_key, "landed_at": one.landed_at, **member}
                for one in sets
                for member in json.loads(one.body)
            ]
            frames[TABLE_OF_RESOURCE[child]] = _frame(feed, child, rows)
            replaced[TABLE_OF_RESOURCE[child]] = [one.listing_key for one in sets]
    rejected = [
        (feed, resource, one.key, "Bad", fields["Bad"], "no number", one.page_id, one.landed_at)
        for one in pending.records
        if "Bad" in (fields := json.loads(one.body))
    ] + [
        (feed, one.resource, one.listing_key, "Bad", fields["Bad"], "no text", one.page_id, NOON)
        for one in pending.children
        for fields in json.loads(one.body)
        if "Bad" in fields
    ]
    return merging.merge_batch(
        con,
        feed,
        resource,
        frames=frames,
        replaced=replaced,
        rejected=pl.DataFrame(rejected, schema=REJECTED, orient="row"),
        pending=pending,
    )


def bring(warehouse: Warehouse, *pages: Page) -> None:
    """Land pages and merge them, in one transaction."""
    with warehouse.write() as con:
        for one in pages:
            land(con, one)
        for feed in {one.feed for one in pages}:
            merge_all(con, feed)


def keys_in(con: Connection, table: str, column: str | None = None) -> list[str]:
    if column is None:
        column = next(
            KEY_FIELDS[resource]
            for resource in TABLE_OF_RESOURCE
            if TABLE_OF_RESOURCE[resource] == table
        )
    query = f'select "{column}" from {table} order by all'
    return [key for (key,) in con.execute(query).fetchall()]


def ledger_entries(con: Connection) -> list[tuple[Any, ...]]:
    return con.execute(
        "select resource, record_key, event, reason from deletion_ledger order by entry_id"
    ).fetchall()


def _as_row(landed: Any) -> dict[str, Any]:
    fields = json.loads(landed.body)
    key = fields.pop("key")
    return {"landed_at": landed.landed_at, "own_key": key, **fields}


def _frame(feed: str, resource: Resource, found: Iterable[dict[str, Any]]) -> pl.DataFrame:
    table = RESO_TABLES[TABLE_OF_RESOURCE[resource]]
    rows: list[Sequence[Any]] = []
    for fields in found:
        known = {
            "feed": feed,
            "source": feed.partition("/")[0],
            "mls": fields.get("mls", feed),
            "local_fields": json.dumps(fields, default=str),
            KEY_FIELDS[resource]: fields.get("own_key"),
            **{
                name: datetime.fromisoformat(value)
                if name.endswith("Timestamp") and isinstance(value, str)
                else value
                for name, value in fields.items()
                if name in table.column_names
            },
        }
        rows.append([known.get(column.name) for column in table.columns])
    schema = {column.name: _POLARS[column.type] for column in table.columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


def tables_that_mention(con: Connection, warehouse: Warehouse, text: str) -> set[str]:
    """Search every column of every table for a text, packed bodies too."""
    found = set()
    for table in warehouse.schema.tables:
        for column in table.columns:
            values = con.execute(f'select "{column.name}"::varchar from {table.name}').fetchall()
            if any(value and text in value for (value,) in values):
                found.add(table.name)
        if "body" in table.column_names:
            bodies = con.execute(f"select body, size from {table.name}").fetchall()
            if any(text.encode() in arrow.unpacked(body, size) for body, size in bodies):
                found.add(table.name)
    return found


def orphans(con: Connection) -> dict[str, int]:
    """Return the child tables with rows whose listing is not here, with how many; `{}` is right.

    While pages wait for normalisation, a child set can be ahead of its listing.
    """
    counts = {
        TABLE_OF_RESOURCE[child]: scalar(
            con,
            f"select count(*) from {TABLE_OF_RESOURCE[child]} child where not exists (from "
            f"{TABLE_OF_RESOURCE[Resource.PROPERTY]} listing where listing.feed = child.feed "
            f"and listing.{_LISTING_KEY} = child.{_LISTING_KEY})",
        )
        for child in CHILD_RESOURCES
    }
    return {table: count for table, count in counts.items() if count}
