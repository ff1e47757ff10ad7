"""Taking keys out of every table, with an entry that says why; and noting keys that came back.

The only place that removes a record. What is removed is gone from all tables when the caller's
transaction ends; the ledger keeps keys, reasons, proofs and times, never content.
"""

from collections.abc import Sequence
from datetime import datetime

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import (
    CHILD_RESOURCES,
    KEY_FIELDS,
    TABLE_OF_RESOURCE,
    Reason,
    Resource,
)
from mls_assets.model.states import LedgerEvent
from mls_assets.warehouse.landing import cursors, rejects
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar
from mls_assets.warehouse.tables import history

_LISTING_KEY = quoted(KEY_FIELDS[Resource.PROPERTY])
#: The keys whose last event is a removal, as a query.
GONE = (
    "(select feed, resource, record_key, arg_max(published_at, entry_id) as published_at "
    "from deletion_ledger group by feed, resource, record_key "
    f"having arg_max(event, entry_id) = '{LedgerEvent.REMOVED}')"
)


def remove_keys(
    con: Connection,
    *,
    feed: str,
    resource: Resource,
    keys: Sequence[str],
    reason: Reason,
    evidence_id: str,
    first_evidence_at: datetime,
    removed_at: datetime,
    run_id: str,
) -> int:
    """Remove those of `keys` that are here, from everywhere; return how many they were.

    A listing takes its child sets and open houses with it; open houses get entries of their
    own. The MLS is the row's, else that of `FeedName`.
    """
    if not keys:
        return 0
    name = FeedName.of(feed)
    table, key = TABLE_OF_RESOURCE[resource], quoted(KEY_FIELDS[resource])
    # what was kept of a record that was refused goes too, although there is no row
    owned = (resource, *CHILD_RESOURCES) if resource is Resource.PROPERTY else (resource,)
    rejects.forget_rejects(con, feed, owned, keys)
    with framed(con, asked=arrow.of_keys(keys)):
        here = [
            found
            for (found,) in rows(
                con,
                "select record_key from asked where record_key in (select record_key from "
                "raw.records where feed = ? and resource = ?) or record_key in "
                f"(select {key} from {table} where feed = ?)",
                [feed, resource, feed],
            )
        ]
    if not here:
        return 0
    open_houses = _open_houses_of(con, feed, here) if resource is Resource.PROPERTY else []
    with framed(con, gone=arrow.of_keys(here)):
        enter_events(
            con,
            f"select record_key, ? as source, coalesce(mls, ?) as mls from gone left join (select "
            f"{key} as record_key, any_value(mls) as mls from {table} where feed = ? "
            f"and {key} in (select record_key from gone) group by {key}) using (record_key)",
            [name.source, name.mls, feed],
            feed=feed,
            resource=resource,
            event=LedgerEvent.REMOVED,
            reason=reason,
            evidence_id=evidence_id,
            first_evidence_at=first_evidence_at,
            removed_at=removed_at,
            run_id=run_id,
        )
        if resource is Resource.PROPERTY:
            _remove_children(con, feed)
            history.forget_history(con, feed, here)
        con.execute(
            "delete from raw.records where feed = ? and resource = ? "
            "and record_key in (select record_key from gone)",
            [feed, resource],
        )
        con.execute(
            f"delete from {table} where feed = ? and {key} in (select record_key from gone)",
            [feed],
        )
    cursors.recount(con, feed, resource)
    counters.changed(con)
    remove_keys(
        con,
        feed=feed,
        resource=Resource.OPEN_HOUSE,
        keys=open_houses,
        reason=reason,
        evidence_id=evidence_id,
        first_evidence_at=first_evidence_at,
        removed_at=removed_at,
        run_id=run_id,
    )
    return len(here)


def gone_along(con: Connection, resource: Resource, evidence_id: str) -> int:
    """Count the open houses that went with the listings which this evidence removed."""
    if resource is not Resource.PROPERTY:
        return 0
    return scalar(
        con,
        "select count(*) from deletion_ledger where evidence_id = ? and resource = ?",
        [evidence_id, Resource.OPEN_HOUSE],
    )


def restore_keys(
    con: Connection,
    *,
    feed: str,
    resource: Resource,
    keys: Sequence[str],
    evidence_id: str,
    seen_at: datetime,
    run_id: str,
) -> int:
    """Enter those of the newly landed `keys` whose last event is a removal; return how many."""
    if not keys or not scalar(con, "select count(*) from deletion_ledger where feed = ?", [feed]):
        return 0
    with framed(con, landed=arrow.of_keys(keys)):
        count = enter_events(
            con,
            "select record_key, arg_max(source, entry_id) as source, arg_max(mls, entry_id) as mls "
            "from deletion_ledger semi join landed using (record_key) "
            "where feed = ? and resource = ? group by record_key "
            "having arg_max(event, entry_id) = ?",
            [feed, resource, LedgerEvent.REMOVED],
            feed=feed,
            resource=resource,
            event=LedgerEvent.RESTORED,
            reason=Reason.RETURNED,
            evidence_id=evidence_id,
            first_evidence_at=seen_at,
            removed_at=None,
            run_id=run_id,
        )
    if count:
        counters.changed(con)
    return count


def enter_events(
    con: Connection,
    keys_query: str,
    params: Sequence[object],
    *,
    feed: str,
    resource: Resource,
    event: LedgerEvent,
    reason: Reason,
    evidence_id: str,
    first_evidence_at: datetime,
    removed_at: datetime | None,
    run_id: str,
) -> int:
    """Write an entry for each row (record_key, source, mls) of a query; return how many."""
    count = scalar(con, f"select count(*) from ({keys_query})", params)
    if not count:
        return 0
    first = counters.take_numbers(con, "entry_id", count)
    con.execute(
        "insert into deletion_ledger (entry_id, feed, source, mls, resource, record_key, event, "
        "reason, evidence_id, first_evidence_at, removed_at, run_id) "
        "select ? + row_number() over (order by record_key) - 1, ?, source, mls, ?, record_key, "
        f"?, ?, ?, ?, ?, ? from ({keys_query})",
        [
            *(first, feed, resource, event, reason, evidence_id, first_evidence_at, removed_at),
            *(run_id, *params),
        ],
    )
    return count


def count_removed_for_reason(
    con: Connection, feed: str, resource: Resource, reason: Reason, since: datetime
) -> int:
    """Count the removals of a resource for a reason since a time."""
    return scalar(
        con,
        "select count(*) from deletion_ledger where feed = ? and resource = ? and reason = ? "
        "and removed_at >= ?",
        [feed, resource, reason, since],
    )


def _open_houses_of(con: Connection, feed: str, listing_keys: Sequence[str]) -> list[str]:
    table, key = TABLE_OF_RESOURCE[Resource.OPEN_HOUSE], quoted(KEY_FIELDS[Resource.OPEN_HOUSE])
    with framed(con, gone=arrow.of_keys(listing_keys)):
        found = rows(
            con,
            f"select {key} from {table} where feed = ? "
            f"and {_LISTING_KEY} in (select record_key from gone)",
            [feed],
        )
    return [found_key for (found_key,) in found]


def _remove_children(con: Connection, feed: str) -> None:
    """Remove the child sets of the listings in the frame `gone`."""
    con.execute(
        "delete from raw.children where feed = ? and listing_key in (select record_key from gone)",
        [feed],
    )
    con.execute(
        "delete from raw.untold where feed = ? and listing_key in (select record_key from gone)",
        [feed],
    )
    for child in CHILD_RESOURCES:
        con.execute(
            f"delete from {TABLE_OF_RESOURCE[child]} where feed = ? "
            f"and {_LISTING_KEY} in (select record_key from gone)",
            [feed],
        )
