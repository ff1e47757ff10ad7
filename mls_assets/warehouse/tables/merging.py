"""What landed and is not normalised yet, and merging it into the RESO tables once it is.

Uniqueness by DELETE and INSERT in one transaction, since no table has a key that DuckDB knows.
The values themselves are the business of the room that normalises.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import polars as pl
import pyarrow as pa

from mls_assets.model.records import LandedChildren, LandedRecord
from mls_assets.model.resources import CHILD_RESOURCES, KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.landing import cursors, rejects
from mls_assets.warehouse.landing.rejects import RejectedVersion
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar
from mls_assets.warehouse.tables import history

#: Counts how often what had landed was normalised again.
RENORMALISED = "renormalised"

_LISTING_KEY = KEY_FIELDS[Resource.PROPERTY]
_CHILD_TABLES: Mapping[str, Resource] = {
    TABLE_OF_RESOURCE[child]: child for child in CHILD_RESOURCES
}


@dataclass(frozen=True, slots=True)
class Pending:
    """What landed on the pages up to `through` and waits for normalisation."""

    records: list[LandedRecord]
    children: list[LandedChildren]
    through: int


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows were written per table, and how many values were rejected for each."""

    rows: Mapping[str, int]
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Alive:
    """Which of the pending entities still are what they were when they were read."""

    records: frozenset[str]
    children: frozenset[tuple[str, Resource]]
    told: frozenset[tuple[str, Resource]]

    def listings_of(self, child: Resource, listing_keys: Sequence[str]) -> list[str]:
        """Return those listings whose set of this child resource may be replaced.

        A set came on its own, or (Forge) in the record.
        """
        return [
            key
            for key in listing_keys
            if ((key, child) in self.children if (key, child) in self.told else key in self.records)
        ]

    def versions(self, resource: Resource, pending: Pending) -> list[RejectedVersion]:
        """Return what is merged, by the pages that brought it."""
        return [
            RejectedVersion(resource, record.key, record.page_id)
            for record in pending.records
            if record.key in self.records
        ] + [
            RejectedVersion(child.resource, child.listing_key, child.page_id)
            for child in pending.children
            if (child.listing_key, child.resource) in self.children
        ]


def pending_records(
    con: Connection,
    feed: str,
    resource: Resource,
    *,
    max_bytes: int = 48 * 1024**2,
    max_records: int = 10_000,
) -> Pending | None:
    """Return the oldest pages not normalised yet, whole, up to the bounds but at least one.

    The child sets of listings wait with Property. None when nothing waits.
    """
    after = _through(con, feed, resource)
    through = _last_page(con, feed, resource, after, max_bytes, max_records)
    if through is None:
        return None
    records = rows(
        con,
        "select record_key, body, size, page_id, landed_at from raw.records where feed = ? "
        "and resource = ? and page_id > ? and page_id <= ?",
        [feed, resource, after, through],
    )
    children = []
    if resource is Resource.PROPERTY:
        children = rows(
            con,
            "select listing_key, resource, body, size, page_id, landed_at from raw.children "
            "where feed = ? and page_id > ? and page_id <= ?",
            [feed, after, through],
        )
    return Pending(
        [
            LandedRecord(key, arrow.unpacked(body, size), page_id, landed_at)
            for key, body, size, page_id, landed_at in records
        ],
        [
            LandedChildren(key, Resource(child), arrow.unpacked(body, size), page_id, landed_at)
            for key, child, body, size, page_id, landed_at in children
        ],
        through,
    )


def mls_of_listings(con: Connection, feed: str, pending: Pending) -> dict[str, str]:
    """Return the MLS of those listings in the tables to which children or open houses belong.

    A listing's own record, where it is pending too, knows better.
    """
    asked = [child.listing_key for child in pending.children] or [
        listing_key for record in pending.records if (listing_key := _listing_of(record))
    ]
    with framed(con, asked=arrow.of_keys(asked)):
        return dict(
            rows(
                con,
                f"select {quoted(_LISTING_KEY)}, mls from {TABLE_OF_RESOURCE[Resource.PROPERTY]} "
                f"where feed = ? and {quoted(_LISTING_KEY)} in (select record_key from asked)",
                [feed],
            )
        )


def merge_batch(
    con: Connection,
    feed: str,
    resource: Resource,
    *,
    frames: Mapping[str, pl.DataFrame],
    replaced: Mapping[str, Sequence[str]],
    rejected: pl.DataFrame,
    pending: Pending,
) -> Merged:
    """Put what was made of `pending_records` into the tables, in the caller's transaction.

    `frames` are the rows per table; `replaced` names, per child table, the listings whose whole
    set the rows are, also where there are none. What was removed or replaced since it was read
    is left out: the removal stands, and the newer version waits for its own turn.
    """
    alive = _alive(con, feed, resource, pending)
    table, key = TABLE_OF_RESOURCE[resource], KEY_FIELDS[resource]
    merged: dict[str, int] = {}
    for child_table, listing_keys in replaced.items():
        listings = alive.listings_of(_CHILD_TABLES[child_table], listing_keys)
        kept = _only(frames[child_table], _LISTING_KEY, listings)
        merged[child_table] = _replace(con, feed, child_table, _LISTING_KEY, listings, kept)
    if table in frames:
        kept = _only(frames[table], key, alive.records)
        new = []
        if resource is Resource.PROPERTY:
            new = history.note_changes(con, feed, pending.records, kept)
        merged[table] = _replace(con, feed, table, key, kept[key].to_list(), kept)
        history.note_relisted(con, feed, new)
    counts = rejects.replace_values(con, feed, alive.versions(resource, pending), rejected)
    _advance(con, feed, resource, pending.through)
    cursors.recount(con, feed, resource)
    counters.changed(con)
    return Merged(merged, {TABLE_OF_RESOURCE[each]: count for each, count in counts.items()})


def renormalise(con: Connection, feed: str | None = None) -> None:
    """Let everything that landed be normalised again, of all feeds or of one."""
    con.execute("update raw.normalised set through = 0 where feed = coalesce(?, feed)", [feed])
    counters.take_numbers(con, RENORMALISED)


def note_renormalise(con: Connection, feeds: Sequence[str]) -> None:
    """Note that these feeds are to be normalised again by whoever has their lock next."""
    for feed in feeds:
        con.execute("delete from raw.renormalise where feed = ?", [feed])
        con.execute("insert into raw.renormalise values (?)", [feed])


def is_noted(con: Connection, feed: str) -> bool:
    """Tell whether a feed is to be normalised again."""
    return bool(scalar(con, "select count(*) from raw.renormalise where feed = ?", [feed]))


def begin_renormalise(con: Connection, feed: str) -> None:
    """Do what was noted; the caller holds the feed's lock."""
    renormalise(con, feed)
    con.execute("delete from raw.renormalise where feed = ?", [feed])


class _Belongs(msgspec.Struct):
    """The one field by which an open house names its listing."""

    ListingKey: str | None = None


_belongs = msgspec.json.Decoder(_Belongs).decode


def _listing_of(record: LandedRecord) -> str | None:
    try:
        return _belongs(record.body).ListingKey
    except msgspec.DecodeError:
        return None


def _through(con: Connection, feed: str, resource: Resource) -> int:
    return (
        scalar(
            con,
            "select through from raw.normalised where feed = ? and resource = ?",
            [feed, resource],
        )
        or 0
    )


def _advance(con: Connection, feed: str, resource: Resource, through: int) -> None:
    con.execute("delete from raw.normalised where feed = ? and resource = ?", [feed, resource])
    con.execute("insert into raw.normalised values (?, ?, ?)", [feed, resource, through])


def _last_page(
    con: Connection, feed: str, resource: Resource, after: int, max_bytes: int, max_records: int
) -> int | None:
    """Return the last page that fits, by sizes alone: no body is read for it."""
    sizes = "select page_id, size from raw.records where feed = ? and resource = ? and page_id > ?"
    params: list[object] = [feed, resource, after]
    if resource is Resource.PROPERTY:
        sizes += " union all select page_id, size from raw.children where feed = ? and page_id > ?"
        params += [feed, after]
    pages = rows(
        con,
        f"select page_id, sum(size)::bigint, count(*) from ({sizes}) group by page_id "
        "order by page_id limit 1000",
        params,
    )
    through = None
    for page_id, size, count in pages:
        max_bytes -= size
        max_records -= count
        if through is not None and (max_bytes < 0 or max_records < 0):
            break
        through = page_id
    return through


def _alive(con: Connection, feed: str, resource: Resource, pending: Pending) -> _Alive:
    records = pa.table(
        {
            "record_key": arrow.of_texts([record.key for record in pending.records]),
            "page_id": pa.array([record.page_id for record in pending.records], pa.int64()),
        }
    )
    children = pa.table(
        {
            "listing_key": arrow.of_texts([child.listing_key for child in pending.children]),
            "resource": arrow.of_texts([child.resource for child in pending.children]),
            "page_id": pa.array([child.page_id for child in pending.children], pa.int64()),
        }
    )
    with framed(con, read_records=records, read_children=children):
        living = rows(
            con,
            "select record_key from raw.records semi join read_records "
            "using (record_key, page_id) where feed = ? and resource = ?",
            [feed, resource],
        )
        living_children = (
            rows(
                con,
                "select listing_key, resource from raw.children semi join read_children "
                "using (listing_key, resource, page_id) where feed = ?",
                [feed],
            )
            if pending.children
            else []
        )
    return _Alive(
        frozenset(key for (key,) in living),
        frozenset((key, Resource(resource)) for key, resource in living_children),
        frozenset((child.listing_key, child.resource) for child in pending.children),
    )


def _only(frame: pl.DataFrame, column: str, keys: Sequence[str] | frozenset[str]) -> pl.DataFrame:
    return frame.filter(pl.col(column).is_in(list(keys)))


def _replace(
    con: Connection,
    feed: str,
    table: str,
    column: str,
    keys: Sequence[str],
    frame: pl.DataFrame,
) -> int:
    """Put the frame's rows in the place of those of `keys`; return how many."""
    with framed(con, outdated=arrow.of_keys(keys), incoming=frame):
        con.execute(
            f"delete from {table} where feed = ? "
            f"and {quoted(column)} in (select record_key from outdated)",
            [feed],
        )
        columns = ", ".join(map(quoted, frame.columns))
        con.execute(f"insert into {table} ({columns}) select {columns} from incoming")
    return len(frame)
