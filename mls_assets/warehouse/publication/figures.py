"""Numbers for the pages of assets: entries of the ledger by day, sizes of pages; never content."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from mls_assets.model.resources import Resource
from mls_assets.model.states import LedgerEvent
from mls_assets.warehouse.storage.queries import Connection, rows


class PageSizes(NamedTuple):
    """How much came in pages, in bytes without compression."""

    total: int
    largest: int


def removals_by_day(
    con: Connection, days: int, *, until: datetime | None = None
) -> list[tuple[date, int, int]]:
    """Return the removals and returns of each of the last `days` days that has any.

    Newest first; days are those of UTC.
    """
    last = (until or datetime.now(UTC)).astimezone(UTC).date()
    return rows(
        con,
        "select coalesce(removed_at, first_evidence_at)::timestamp::date as day, "
        "count(*) filter (event = ?), count(*) filter (event = ?) "
        "from deletion_ledger where event in (?, ?) "
        "and coalesce(removed_at, first_evidence_at)::timestamp::date between ? and ? "
        "group by day order by day desc",
        [*(LedgerEvent.REMOVED, LedgerEvent.RESTORED) * 2, last - timedelta(days=days - 1), last],
    )


def page_sizes(con: Connection, feed: str, resource: Resource, *, run_id: str) -> PageSizes:
    """Return how much the pages that a run stored brought; zeros if it stored none."""
    ((total, largest),) = rows(
        con,
        "select coalesce(sum(size), 0)::bigint, coalesce(max(size), 0) from raw.pages "
        "where feed = ? and resource = ? and run_id = ?",
        [feed, resource, run_id],
    )
    return PageSizes(total, largest)
