"""Numbers for the pictures on assets' pages: counts by day and sizes of pages, never content."""

from datetime import UTC, date, datetime, timedelta

from mls_assets.model.resources import Resource
from mls_assets.warehouse.storage.queries import Connection, rows

Removals = list[tuple[date, int, int]]


def removals_by_day(con: Connection, days: int, *, until: datetime | None = None) -> Removals:
    """Return for each of the last days, oldest first, its removals and returns (UTC days)."""
    last = (until or datetime.now(UTC)).astimezone(UTC).date()
    first = last - timedelta(days=days - 1)
    found = rows(
        con,
        "select coalesce(removed_at, first_evidence_at)::timestamp::date as day, "
        "count(*) filter (event = 'removed'), count(*) filter (event = 'restored') "
        "from deletion_ledger where coalesce(removed_at, first_evidence_at)::timestamp::date "
        "between ? and ? group by day",
        [first, last],
    )
    counted = {day: (removed, restored) for day, removed, restored in found}
    every = (first + timedelta(days=number) for number in range(days))
    return [(day, *counted.get(day, (0, 0))) for day in every]


def page_sizes(
    con: Connection, feed: str, resource: Resource, *, run_id: str, most: int
) -> list[int]:
    """Return the sizes in bytes of the last pages that a run stored, in their order."""
    found = rows(
        con,
        "select size from (select page_id, size from raw.pages where feed = ? and resource = ? "
        "and run_id = ? and size > 0 order by page_id desc limit ?) order by page_id",
        [feed, resource, run_id, most],
    )
    return [size for (size,) in found]
