"""The rows of `sweeps`: written while a sweep runs, closed by its verdict, and read back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from mls_assets.model.resources import Reason, Resource
from mls_assets.model.states import LedgerEvent
from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.schema.table_rows import insert_row, stored_rows
from mls_assets.warehouse.schema.tables import SWEEPS
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

#: After a sweep's id: a set that is paged by offset is walked twice, and its second walk is staged
#: beside the first.
SECOND_WALK = "/again"
_SUPERSEDED = (
    "It never came to a verdict: its process ended, or a newer sweep began first. Nothing was "
    "removed; the newer sweep counts."
)
#: Sweeps of a feed follow each other, but their starts are told by the source's clock: in whole
#: seconds. One that still runs is the last.
_NEWEST_FIRST = "finished_at desc nulls first"
_CUT_SHORT = (
    "{removed:,} were removed, then its process ended before the sets could be compared; the "
    "newer sweep does that."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """A row of `sweeps`; the fields are its columns."""

    sweep_id: str
    feed: str
    resource: Resource
    started_at: datetime
    finished_at: datetime | None = None
    pages: int | None = None
    source_keys: int | None = None
    source_count_before: int | None = None
    source_count_after: int | None = None
    local_keys_before: int | None = None
    absent: int | None = None
    confirmed_absent: int | None = None
    removed: int | None = None
    spared: int | None = None
    missing_locally: int | None = None
    refetched: int | None = None
    local_keys_after: int | None = None
    changed_keys: list[str] | None = None
    source_digest: str | None = None
    local_digest: str | None = None
    verdict: Verdict
    explanation: str | None = None


def begin_sweep(
    con: Connection,
    sweep_id: str,
    feed: str,
    resource: Resource,
    started_at: datetime,
    run_id: str,
) -> None:
    """Write the `running` row, and remember which pages came before it.

    The caller holds the feed's lock, so an earlier sweep that still runs is void, or `unequal`
    if it had removed already.
    """
    for left, removed in rows(
        con,
        "select sweep_id, coalesce(removed, 0) from sweeps where feed = ? and resource = ? "
        f"and verdict = '{Verdict.RUNNING}'",
        [feed, resource],
    ):
        if removed:
            text = _CUT_SHORT.format(removed=removed)
            close_sweep(con, left, verdict=Verdict.UNEQUAL, explanation=text)
        else:
            close_sweep(con, left, verdict=Verdict.VOID, explanation=_SUPERSEDED)
    row = SweepRow(
        sweep_id=sweep_id,
        feed=feed,
        resource=resource,
        started_at=started_at,
        verdict=Verdict.RUNNING,
    )
    insert_row(con, SWEEPS, row)
    con.execute(
        "insert into raw.sweep_marks (sweep_id, watermark, began_here_at, run_id) "
        "values (?, ?, ?, ?)",
        [sweep_id, counters.current(con, "page_id"), datetime.now(UTC), run_id],
    )
    counters.changed(con)


def update_sweep(con: Connection, sweep_id: str, **columns: object) -> None:
    """Fill in columns of a sweep's row while it runs."""
    unknown = columns.keys() - set(SWEEPS.column_names)
    if unknown:
        raise ValueError(f"sweeps has no columns {', '.join(sorted(unknown))}")
    assignments = ", ".join(f"{quoted(name)} = ?" for name in columns)
    con.execute(
        f"update sweeps set {assignments} where sweep_id = ?", [*columns.values(), sweep_id]
    )


def close_sweep(
    con: Connection,
    sweep_id: str,
    *,
    verdict: Verdict,
    explanation: str,
    **columns: object,
) -> None:
    """Store a sweep's verdict and drop the keys it was told."""
    facts: Mapping[str, object] = {
        "finished_at": datetime.now(UTC),
        "verdict": verdict,
        "explanation": explanation,
        **columns,
    }
    update_sweep(con, sweep_id, **facts)
    con.execute(
        "delete from raw.sweep_keys where sweep_id in (?, ? || ?)",
        [sweep_id, sweep_id, SECOND_WALK],
    )
    counters.changed(con)


def mark_keyless(con: Connection, sweep_id: str, passed: tuple[str, str] | None = None) -> None:
    """Note that records without a key speak against a sweep, and nothing else does.

    `passed` names the void sweep whose approval lets them pass here, and who gave it.
    """
    approved, by = passed or (None, None)
    con.execute(
        "update raw.sweep_marks set keyless_alone = true, keyless_passed = ?, "
        "keyless_passed_by = ? where sweep_id = ?",
        [approved, by, sweep_id],
    )


def is_keyless(con: Connection, sweep_id: str) -> bool:
    """Tell whether a sweep met records without a key, and nothing else spoke against it."""
    return bool(
        scalar(con, "select keyless_alone from raw.sweep_marks where sweep_id = ?", [sweep_id])
    )


def keyless_passed(con: Connection, sweep_id: str) -> tuple[str, str] | None:
    """Return the approval that let a sweep's keyless records pass, and who gave it, if any did."""
    found = rows(
        con,
        "select keyless_passed, keyless_passed_by from raw.sweep_marks "
        "where sweep_id = ? and keyless_passed is not null",
        [sweep_id],
    )
    return found[0] if found else None


class Subject(NamedTuple):
    """Whose keys a sweep is told, and since when."""

    feed: str
    resource: Resource
    started_at: datetime


def about(con: Connection, sweep_id: str) -> Subject:
    """Return what is known of a sweep from its start, which is quicker than its whole row."""
    ((feed, resource, started_at),) = rows(
        con, "select feed, resource, started_at from sweeps where sweep_id = ?", [sweep_id]
    )
    return Subject(feed, Resource(resource), started_at)


def sweep_row(con: Connection, sweep_id: str) -> SweepRow:
    """Return a sweep's row; raises ValueError when there is none."""
    found = find_sweep(con, sweep_id)
    if found is None:
        raise ValueError(f"no sweep {sweep_id} has begun")
    return found


def find_sweep(con: Connection, sweep_id: str) -> SweepRow | None:
    """Return a sweep's row, None when it is unknown."""
    found = stored_rows(con, SWEEPS, SweepRow, "sweep_id = ?", [sweep_id])
    return found[0] if found else None


def latest_sweep(
    con: Connection, feed: str, resource: Resource, verdicts: Sequence[Verdict] = ()
) -> SweepRow | None:
    """Return the newest sweep's row (of these verdicts), None when there was none."""
    where = "feed = ? and resource = ? and (? or list_contains(?::varchar[], verdict)) "
    found = stored_rows(
        con,
        SWEEPS,
        SweepRow,
        f"{where} order by {_NEWEST_FIRST} limit 1",
        [feed, resource, not verdicts, list(verdicts)],
    )
    return found[0] if found else None


def blocked_sweeps(con: Connection) -> list[SweepRow]:
    """Return, of each feed and resource, the newest judged sweep if a guard holds it back."""
    return stored_rows(
        con,
        SWEEPS,
        SweepRow,
        f"verdict in ('{Verdict.RECONCILED}', '{Verdict.UNEQUAL}', '{Verdict.BLOCKED}') "
        f"qualify verdict = '{Verdict.BLOCKED}' and "
        f"row_number() over (partition by feed, resource order by {_NEWEST_FIRST}) = 1",
    )


def waiting_sweeps(con: Connection, feed: str, *, hours: float = 1.0) -> list[SweepRow]:
    """Return the sweeps of a feed that were proven lately and have no verdict yet."""
    return stored_rows(
        con,
        SWEEPS,
        SweepRow,
        f"feed = ? and verdict = '{Verdict.RUNNING}' and source_keys is not null and sweep_id in "
        "(select sweep_id from raw.sweep_marks where began_here_at >= ?)",
        [feed, datetime.now(UTC) - timedelta(hours=hours)],
    )


def began_here_at(con: Connection, sweep_id: str) -> datetime:
    """Return when a sweep began by the local clock."""
    return scalar(con, "select began_here_at from raw.sweep_marks where sweep_id = ?", [sweep_id])


def note_source_at(con: Connection, sweep_id: str, moment: datetime) -> None:
    """Store when a sweep began by the source's clock alone, by which its open houses end."""
    con.execute("update raw.sweep_marks set source_at = ? where sweep_id = ?", [moment, sweep_id])


def source_at(con: Connection, sweep_id: str) -> datetime:
    """Return when a sweep began by the source's clock, so far as that is known."""
    return scalar(
        con,
        "select coalesce(source_at, started_at) from sweeps left join raw.sweep_marks "
        "using (sweep_id) where sweep_id = ?",
        [sweep_id],
    )


def count_removed_by_sweeps(con: Connection, feed: str, resource: Resource, since: datetime) -> int:
    """Count the keys that sweeps of this resource removed since a time, but for released ones.

    Open houses that went with their listing are the listing's sweep's.
    """
    ours = "(select sweep_id from sweeps where feed = ? and resource = ?)"
    removed = scalar(
        con,
        "select count(*) from deletion_ledger where feed = ? and resource = ? and "
        f"event = '{LedgerEvent.REMOVED}' and reason = ? and removed_at >= ? "
        f"and evidence_id in {ours}",
        [feed, resource, Reason.ABSENT_FROM_SWEEP, since, feed, resource],
    )
    released = scalar(
        con,
        "select coalesce(sum(released), 0)::bigint from raw.approvals where used_at >= ? "
        f"and used_by in {ours}",
        [since, feed, resource],
    )
    return max(removed - released, 0)


def recently_seen(
    con: Connection,
    feed: str,
    resource: Resource,
    *,
    since: datetime,
    until: datetime,
    among: Sequence[str],
) -> tuple[int, frozenset[str]]:
    """Return how many keys came last in pages asked for in a span of the source's clock.

    And which keys of `among` were with them.
    """
    seen = (
        "from raw.records where feed = ? and resource = ? and seen_page_id in "
        "(select page_id from raw.pages where feed = ? and resource = ? "
        "and fetched_at >= ? and fetched_at < ?)"
    )
    params = [feed, resource, feed, resource, since, until]
    with framed(con, asked=arrow.of_keys(among)):
        found = rows(
            con,
            f"select record_key {seen} and record_key in (select record_key from asked)",
            params,
        )
    return scalar(con, f"select count(*) {seen}", params), frozenset(key for (key,) in found)
