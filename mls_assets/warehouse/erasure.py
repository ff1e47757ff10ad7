"""The end of a licence: everything of one feed leaves all tables; the ledger says that it did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mls_assets.values import KEY_FIELDS, KEYED_RESOURCES, TABLES, Reason, Resource, Source
from mls_assets.warehouse import counters, ledger, origins, sweeps
from mls_assets.warehouse.ddl import quoted
from mls_assets.warehouse.queries import Connection, rows, scalar
from mls_assets.warehouse.raw_schema import RAW_TABLES
from mls_assets.warehouse.schema import PIPELINE_TABLES

#: What outlives its feed: proofs, which hold keys, counts, hashes and times only.
_KEPT = ("deletion_ledger", "sweeps")
_CLOSED = "The feed was erased meanwhile, so nothing follows from it."


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows left each table, and how many entries the ledger got."""

    tables: Mapping[str, int]
    ledger_entries: int


def erase(con: Connection, feed: str, run_id: str) -> Erased:
    """Remove everything of a feed in the caller's transaction; the feed's name is free then.

    The bytes are gone after the next compaction and publication. A feed that is unknown here
    erases nothing and says so by empty counts.
    """
    _end_sweeps(con, feed)
    source = origins.source_of(con, feed)
    entries = sum(_enter(con, feed, source, resource, run_id) for resource in KEYED_RESOURCES)
    gone = {name: _delete(con, name, feed) for name in _tables_with_feed()}
    counters.changed(con)
    return Erased({name: count for name, count in gone.items() if count}, entries)


def _end_sweeps(con: Connection, feed: str) -> None:
    """Void the sweeps that still run, and drop the keys that any sweep of the feed holds."""
    for (running,) in rows(
        con, "select sweep_id from sweeps where feed = ? and verdict = 'running'", [feed]
    ):
        sweeps.close(con, running, verdict="void", explanation=_CLOSED)
    con.execute(
        "delete from raw.sweep_keys where sweep_id in (select sweep_id from sweeps where feed = ? "
        "union all select sweep_id || ? from sweeps where feed = ?)",
        [feed, sweeps.SECOND_WALK, feed],
    )
    con.execute(
        "delete from raw.suspects where sweep_id in (select sweep_id from sweeps where feed = ?)",
        [feed],
    )
    con.execute("update sweeps set changed_keys = [] where feed = ?", [feed])
    # what was held back went with the feed: nobody has to decide it any more
    con.execute(
        "update sweeps set verdict = 'void', explanation = ? where feed = ? "
        "and verdict in ('blocked', 'planned')",
        [_CLOSED, feed],
    )
    con.execute(
        "delete from raw.sweep_marks where sweep_id in (select sweep_id from sweeps "
        "where feed = ?)",
        [feed],
    )


def _enter(con: Connection, feed: str, source: Source, resource: Resource, run_id: str) -> int:
    table, key = TABLES[resource], quoted(KEY_FIELDS[resource])
    now = datetime.now(UTC)
    return ledger.enter(
        con,
        "select record_key, ? as source, coalesce(any_value(mls), ?) as mls from (select "
        "record_key, null::varchar as mls from raw.records where feed = ? and resource = ? "
        f"union all select {key}, mls from {table} where feed = ?) group by record_key",
        [source, ledger.default_mls(feed), feed, resource, feed],
        feed=feed,
        resource=resource,
        event="removed",
        reason=Reason.OPERATOR_ERASE,
        evidence_id=run_id,
        first_evidence_at=now,
        removed_at=now,
        run_id=run_id,
    )


def _tables_with_feed() -> list[str]:
    raw = [table.name for table in RAW_TABLES if "feed" in table.column_names]
    own = [table.name for table in PIPELINE_TABLES if table.name not in _KEPT]
    return [*TABLES.values(), *own, *raw]


def _rows_of(con: Connection, table: str, feed: str) -> int:
    return scalar(con, f"select count(*) from {table} where feed = ?", [feed])


def _delete(con: Connection, table: str, feed: str) -> int:
    count = _rows_of(con, table, feed)
    if count:
        con.execute(f"delete from {table} where feed = ?", [feed])
    return count


def left_of(con: Connection, feed: str) -> dict[str, int]:
    """Return the tables in which rows of a feed are left, with how many: the proof is `{}`."""
    left = {table: _rows_of(con, table, feed) for table in _tables_with_feed()}
    return {table: count for table, count in left.items() if count}


def unproven(con: Connection, feed: str) -> int:
    """Count the removals of a feed whose bytes a publication or a compaction has yet to drop."""
    return scalar(
        con,
        "select count(*) from deletion_ledger where feed = ? and event = 'removed' "
        "and (published_at is null or raw_scrubbed_at is null)",
        [feed],
    )
