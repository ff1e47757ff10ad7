"""Which stored records no update can bring, for no window of time holds them. Questions only."""

from collections.abc import Sequence
from datetime import UTC, datetime

from mls_assets.model.resources import EARLIEST_TIMESTAMP, FUTURE_TOLERANCE, Resource
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

#: Without a ModificationTimestamp (null, hidden, unreadable), or with one that is out of our time.
_UNDATED = (
    "feed = ? and resource = ? and (modified_at is null or modified_at > ? or modified_at < ?)"
)


def count_undated(con: Connection, feed: str, resource: Resource) -> int:
    """Count the records of a resource that lie outside of every window."""
    return scalar(
        con, f"select count(*) from raw.records where {_UNDATED}", _params(feed, resource)
    )


def undated_keys(con: Connection, feed: str, resource: Resource, most: int) -> list[str]:
    """Return the keys of such records, at most so many, those that were seen longest ago first."""
    found = rows(
        con,
        f"select record_key from raw.records where {_UNDATED} "
        "order by seen_page_id, record_key limit ?",
        [*_params(feed, resource), most],
    )
    return [key for (key,) in found]


def known_undated(
    con: Connection, feed: str, resource: Resource, among: Sequence[str]
) -> frozenset[str]:
    """Return those keys of `among` that are such records here."""
    with framed(con, asked=arrow.of_keys(among)):
        found = rows(
            con,
            f"select record_key from raw.records semi join asked using (record_key) "
            f"where {_UNDATED}",
            _params(feed, resource),
        )
    return frozenset(key for (key,) in found)


def _params(feed: str, resource: Resource) -> Sequence[object]:
    return [feed, resource, datetime.now(UTC) + FUTURE_TOLERANCE, EARLIEST_TIMESTAMP]
