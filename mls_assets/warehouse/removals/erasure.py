"""The end of a licence: all of a feed (or resource) leaves all tables; the ledger says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import (
    CHILD_RESOURCES,
    KEY_FIELDS,
    KEYED_RESOURCES,
    TABLE_OF_RESOURCE,
    Reason,
    Resource,
)
from mls_assets.model.states import LedgerEvent
from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.removals import ledger
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.schema.raw_tables import RAW_TABLES
from mls_assets.warehouse.schema.tables import LISTING_EVENTS, PIPELINE_TABLES
from mls_assets.warehouse.storage.queries import Connection, rows, scalar

#: What outlives its feed: proofs, which hold keys, counts, hashes and times only.
_KEPT = ("deletion_ledger", "sweeps")
_CLOSED = "The feed was erased meanwhile, so nothing follows from it."


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """How many rows left each table, and how many entries the ledger got."""

    tables: Mapping[str, int]
    ledger_entries: int


def erase_feed(
    con: Connection, feed: FeedName, run_id: str, resource: Resource | None = None
) -> ErasedRows:
    """Remove everything of a feed in the caller's transaction; the feed's name is free then.

    With `resource` only that goes, a listing's children with it. The bytes are gone after the
    next compaction and publication. A feed that is unknown here erases nothing and says so by
    empty counts.
    """
    _end_sweeps(con, feed, resource)
    entries = sum(
        _enter(con, feed, entered, run_id)
        for entered in KEYED_RESOURCES
        if resource in (None, entered)
    )
    gone = {name: _delete(con, name, feed, resource) for name in _tables_of(resource)}
    counters.changed(con)
    return ErasedRows({name: count for name, count in gone.items() if count}, entries)


def _end_sweeps(con: Connection, feed: str, resource: Resource | None) -> None:
    """Void the sweeps that still run, and drop the keys that any of these sweeps holds."""
    of_it = "feed = ? and resource = coalesce(?, resource)"
    which = [feed, resource]
    for (running,) in rows(
        con, f"select sweep_id from sweeps where {of_it} and verdict = '{Verdict.RUNNING}'", which
    ):
        sweeps.close_sweep(con, running, verdict=Verdict.VOID, explanation=_CLOSED)
    con.execute(
        f"delete from raw.sweep_keys where sweep_id in (select sweep_id from sweeps where {of_it} "
        f"union all select sweep_id || ? from sweeps where {of_it})",
        [*which, sweeps.SECOND_WALK, *which],
    )
    for table in ("raw.suspects", "raw.sweep_marks"):
        con.execute(
            f"delete from {table} where sweep_id in (select sweep_id from sweeps where {of_it})",
            which,
        )
    con.execute(f"update sweeps set changed_keys = [] where {of_it}", which)
    # what was held back went with the feed: nobody has to decide it any more
    con.execute(
        f"update sweeps set verdict = '{Verdict.VOID}', explanation = ? where {of_it} "
        f"and verdict in ('{Verdict.BLOCKED}', '{Verdict.PLANNED}')",
        [_CLOSED, *which],
    )


def _enter(con: Connection, feed: FeedName, resource: Resource, run_id: str) -> int:
    table, key = TABLE_OF_RESOURCE[resource], quoted(KEY_FIELDS[resource])
    now = datetime.now(UTC)
    return ledger.enter_events(
        con,
        "select record_key, ? as source, coalesce(any_value(mls), ?) as mls from (select "
        "record_key, null::varchar as mls from raw.records where feed = ? and resource = ? "
        f"union all select {key}, mls from {table} where feed = ?) group by record_key",
        [feed.source, feed.mls, feed, resource, feed],
        feed=feed,
        resource=resource,
        event=LedgerEvent.REMOVED,
        reason=Reason.OPERATOR_ERASE,
        evidence_id=run_id,
        first_evidence_at=now,
        removed_at=now,
        run_id=run_id,
    )


def _tables_of(resource: Resource | None) -> list[str]:
    """Return the tables in which something of a feed (of a resource of it) can stand."""
    owned = [*TABLE_OF_RESOURCE] if resource is None else _owned(resource)
    own = [table for table in PIPELINE_TABLES if table.name not in _KEPT]
    noted = [table for table in (*own, *RAW_TABLES) if "feed" in table.column_names]
    if resource is not None:
        noted = [table for table in noted if "resource" in table.column_names]
        if resource is Resource.PROPERTY:
            noted.append(LISTING_EVENTS)
    return [*(TABLE_OF_RESOURCE[each] for each in owned), *(table.name for table in noted)]


def _owned(resource: Resource) -> list[Resource]:
    """Return a resource, with a listing's children."""
    return [resource, *(CHILD_RESOURCES if resource is Resource.PROPERTY else ())]


def _where(table: str, feed: str, resource: Resource | None) -> tuple[str, list[object]]:
    if resource is None or table in TABLE_OF_RESOURCE.values() or table == LISTING_EVENTS.name:
        return "feed = ?", [feed]
    owned = _owned(resource)
    return f"feed = ? and resource in ({', '.join('?' * len(owned))})", [feed, *owned]


def _rows_of(con: Connection, table: str, feed: str, resource: Resource | None) -> int:
    where, params = _where(table, feed, resource)
    return scalar(con, f"select count(*) from {table} where {where}", params)


def _delete(con: Connection, table: str, feed: str, resource: Resource | None) -> int:
    count = _rows_of(con, table, feed, resource)
    if count:
        where, params = _where(table, feed, resource)
        con.execute(f"delete from {table} where {where}", params)
    return count


def left_of(con: Connection, feed: str, resource: Resource | None = None) -> dict[str, int]:
    """Return the tables in which rows of a feed are left, with how many: the proof is `{}`."""
    left = {table: _rows_of(con, table, feed, resource) for table in _tables_of(resource)}
    return {table: count for table, count in left.items() if count}


def unproven(con: Connection, feed: str, resource: Resource | None = None) -> int:
    """Count a feed's (or resource's) removals whose bytes a publication or compaction keeps yet."""
    return scalar(
        con,
        "select count(*) from deletion_ledger where feed = ? and event = ? "
        "and resource = coalesce(?, resource) "
        "and (published_at is null or raw_scrubbed_at is null)",
        [feed, LedgerEvent.REMOVED, resource],
    )
