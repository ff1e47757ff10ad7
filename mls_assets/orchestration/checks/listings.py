"""Checks on `listings`, standing for all RESO tables: whole, unique, fresh, and as sent."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from mls_assets.configuration.feeds import Feeds, load_feeds
from mls_assets.model.resources import Resource
from mls_assets.orchestration.checks.plotted import of_each
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import OFFENDERS, failing
from mls_assets.replication.reporting.status import LATE_HOURS, STALE_HOURS, status
from mls_assets.replication.reporting.status_table import as_markdown, hours_in_words
from mls_assets.sources.registry import has_event_log
from mls_assets.warehouse import Connection, FeedState
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.publication import audit, invariants
from mls_assets.warehouse.removals import unasked

#: Share of a resource's records with a rejected value above which the dialect wants a look.
REJECTED_SHARE = 0.01
#: By how much rows and the source's count may differ between two purges.
UNPURGED_ROWS, UNPURGED_SHARE = 25, 0.02


@dg.asset_check(
    asset="listings",
    blocking=True,
    description="No key occurs twice in any table: one row per feed and RESO key.",
)
def keys_unique(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Hold publication back while a table has duplicates."""
    with failing(), warehouse.read() as con:
        duplicates = invariants.duplicate_keys(con)
    return dg.AssetCheckResult(
        passed=not duplicates,
        description=_named(duplicates) or "Every key is there once.",
        metadata={"duplicates": sum(duplicates.values())},
    )


@dg.asset_check(
    asset="listings",
    blocking=True,
    description="No batch is half applied: each normalised record has its row, each row its "
    "record, and each child its listing.",
)
def no_half_applied_batch(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Hold publication back while the tables are not what one clean run would leave."""
    with failing(), warehouse.read() as con:
        found = audit.half_applied(con)
    return dg.AssetCheckResult(
        passed=not found,
        description=_named(found) or "Rows, records and children agree.",
        metadata={"half_applied": sum(found.values())},
    )


@dg.asset_check(
    asset="listings",
    description="Nothing is coerced or dropped silently: values that do not fit are listed in "
    f"rejected_values, and they concern less than {REJECTED_SHARE:.0%} of a feed's records.",
)
def rejected_share(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Warn when a source sends more than the odd bad value."""
    with failing(), warehouse.read() as con:
        shares = audit.rejected_shares(con)
        fields = audit.rejected_fields(con)
        values = audit.rejected_count(con)
    high = [entry for entry in shares if entry[3] > REJECTED_SHARE]
    text = "; ".join(
        f"{feed} {resource}: {count:,} records ({share:.1%}) have a rejected value"
        for feed, resource, count, share in high
    )
    return dg.AssetCheckResult(
        passed=not high,
        severity=dg.AssetCheckSeverity.WARN,
        description=text or f"Rejected values are rare: {values:,} stand in rejected_values.",
        metadata={
            "records": sum(entry[2] for entry in shares),
            "values": values,
            OFFENDERS: [f"{feed} {resource}" for feed, resource, _, _ in high],
            "highest_share": round(max((entry[3] for entry in shares), default=0.0), 6),
            "fields": _table(("feed", "resource", "field", "count"), fields),
        },
    )


@dg.asset_check(
    asset="listings",
    description="Every feed that is configured or stored was brought to current lately: a warning "
    f"after {LATE_HOURS:.0f} hours, an error after {STALE_HOURS:.0f} (what licences allow at "
    "most). One whose first download is under way is not judged; how far it is stands here.",
)
def feeds_fresh(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Name the feeds that are late."""
    with failing():
        feeds = load_feeds()
        with warehouse.read() as con:
            states = watched(con, feeds)
            under_way = how_far(con)
        current = status(warehouse.workspace("check"), feeds)
        hours = hours_since_success(states, datetime.now(UTC))
    late = {name: age for name, age in hours.items() if age > LATE_HOURS}
    oldest = max(hours.values(), default=0.0)
    error = oldest > STALE_HOURS
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN,
        description="; ".join(
            [*(f"{name}: {hours_in_words(age)}" for name, age in late.items()), *under_way]
        )
        or "Every feed is current.",
        metadata={
            "oldest": hours_in_words(oldest),
            "oldest_hours": oldest,
            "late_feeds": len(late),
            OFFENDERS: sorted(late),
            "status": dg.MetadataValue.md(as_markdown(current)),
            **of_each(hours=hours),
        },
    )


@dg.asset_check(
    asset="listings",
    additional_deps=["sweeps"],
    description="There are as many rows of each feed as its source counts; between two purges "
    f"removals that the source does not tell may make a difference of {UNPURGED_SHARE:.0%}, or of "
    f"{UNPURGED_ROWS} rows. Not counted are Forge's, whose replay compares keys, and open houses: "
    "the source has only those to come.",
)
def rows_match_source(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Hold the rows of each downloaded feed against the last count of its source."""
    with failing():
        feeds = load_feeds()
        with warehouse.read() as con:
            states = watched(con, feeds)
            under_way = how_far(con)
            unsettled = audit.being_normalised(con)
    counted = {
        f"{state.feed} {state.resource}": (state.rows or 0, state.source_rows)
        for state in states
        if state.source_rows is not None
        and state.initial_download_complete
        # another run has landed them, and its rows are on their way
        and (state.feed, state.resource) not in unsettled
        and state.resource is not Resource.OPEN_HOUSE
        and not has_event_log(state.feed)
    }
    wrong = {
        name: f"{rows:,} rows here, {source:,} at the source"
        for name, (rows, source) in counted.items()
        if not is_near(rows, source)
    }
    return dg.AssetCheckResult(
        passed=not wrong,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join([*(f"{name}: {text}" for name, text in wrong.items()), *under_way])
        or "Rows and the sources' counts agree.",
        metadata={
            "compared": len(counted),
            "differing": len(wrong),
            OFFENDERS: sorted(wrong),
            **of_each(
                rows={name: rows for name, (rows, _) in counted.items()},
                source_rows={name: source for name, (_, source) in counted.items()},
            ),
        },
    )


def is_near(rows: int, source_rows: int) -> bool:
    """Tell whether the rows here differ from a count by no more than a day's removals can make.

    None at all is never near.
    """
    if not rows:
        return not source_rows
    return abs(rows - source_rows) <= max(UNPURGED_ROWS, UNPURGED_SHARE * source_rows)


def watched(con: Connection, feeds: Feeds) -> list[FeedState]:
    """Return the states of all that is asked for, and of all else of which content is stored."""
    holding = unasked.holding(con)
    return [
        state
        for state in cursors.states(con)
        if feeds.asks_for(state.feed, state.resource) or (state.feed, state.resource) in holding
    ]


def how_far(con: Connection) -> list[str]:
    """Say of each first download how far it is."""
    return [
        f"{feed} {resource}: the first download is under way, {pages:,} pages with {records:,}"
        + (f" of {count:,} records" if count else " records")
        for (feed, resource), (pages, records, count) in audit.downloads_under_way(con).items()
    ]


def hours_since_success(states: Iterable[FeedState], now: datetime) -> dict[str, float]:
    """Return per feed and resource how long ago it was current; one that never was has no age."""
    return {
        f"{state.feed} {state.resource}": max(
            round((now - state.last_success_at) / timedelta(hours=1), 3), 0.0
        )
        for state in states
        if state.last_success_at is not None
    }


def _named(counts: dict[str, int]) -> str:
    return "; ".join(f"{name}: {count:,}" for name, count in counts.items())


def _table(columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> dg.TableMetadataValue:
    records = [dg.TableRecord(dict(zip(columns, row, strict=True))) for row in rows]
    schema = dg.TableSchema(
        [dg.TableColumn(name, "int" if name == "count" else "string") for name in columns]
    )
    return dg.MetadataValue.table(records, schema)
