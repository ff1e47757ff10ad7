"""What is stored and no longer asked for: marked for readers, counted, and let go where it is due.

What is asked for is the caller's to say; a whole feed or resource is erased in `erasure`.
"""

from collections.abc import Collection
from datetime import datetime

from mls_assets.model.resources import CHILD_RESOURCES, TABLE_OF_RESOURCE, Resource
from mls_assets.model.states import ReplicationState
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage.queries import Connection, rows, scalar

StoredResource = tuple[str, Resource]


def mark_unconfigured(con: Connection, unasked: Collection[StoredResource], now: datetime) -> None:
    """Note which stored resources of feeds are not asked for; readers see it in `feeds`."""
    before = set(unconfigured_since(con))
    for feed, resource in before - set(unasked):
        con.execute(
            "delete from raw.unconfigured where feed = ? and resource = ?", [feed, resource]
        )
    for feed, resource in set(unasked) - before:
        con.execute("insert into raw.unconfigured values (?, ?, ?)", [feed, resource, now])
    if before != set(unasked):
        counters.changed(con)


def unconfigured_since(con: Connection) -> dict[StoredResource, datetime]:
    """Return what is marked, and since when."""
    found = rows(con, "select feed, resource, since from raw.unconfigured")
    return {(feed, Resource(resource)): moment for feed, resource, moment in found}


def told_state(columns: str, otherwise: str) -> str:
    """Return a list of columns of `feeds` (called `held`) in which what is marked says so.

    `otherwise` is the expression for the state of what is not marked.
    """
    state = quoted("state")
    return columns.replace(
        state,
        "case when exists (from raw.unconfigured gone where gone.feed = held.feed "
        f"and gone.resource = held.resource) then '{ReplicationState.UNCONFIGURED}' "
        f"else {otherwise} end as {state}",
    )


def holding(con: Connection) -> set[StoredResource]:
    """Return the resources of feeds of which content is stored: records, or values of some."""
    found = rows(
        con,
        "select distinct feed, resource from raw.records union "
        "select distinct feed, resource from raw.replayed union "
        "select distinct feed, resource from rejected_values union "
        f"select distinct feed, '{Resource.PROPERTY}' from raw.children",
    )
    children = set(CHILD_RESOURCES)
    return {
        (feed, Resource.PROPERTY if resource in children else Resource(resource))
        for feed, resource in found
    }


def children_held(con: Connection) -> set[tuple[str, Resource]]:
    """Return the child resources that are stored, by feed."""
    found = rows(con, "select distinct feed, resource from raw.children")
    return {(feed, Resource(resource)) for feed, resource in found}


def shared_listings(con: Connection, feed: str, other: str) -> int:
    """Count the listings that both feeds hold under the same key."""
    return scalar(
        con,
        "select count(*) from raw.records mine semi join (from raw.records where feed = ? "
        "and resource = ?) other using (record_key) where mine.feed = ? and mine.resource = ?",
        [other, Resource.PROPERTY, feed, Resource.PROPERTY],
    )


def drop_children(con: Connection, feed: str, asked: Collection[Resource]) -> int:
    """Take the child collections of a feed that are not asked for out of all tables.

    They have no entries of their own in the ledger, for they are a listing's. Returns how many
    collections were stored.
    """
    dropped = 0
    for child in CHILD_RESOURCES:
        where, of_child = "where feed = ? and resource = ?", [feed, child]
        if child in asked:
            continue
        con.execute(f"delete from raw.untold {where}", of_child)
        if (feed, child) not in children_held(con):
            continue
        dropped += scalar(con, f"select count(*) from raw.children {where}", of_child)
        con.execute(f"delete from raw.children {where}", of_child)
        con.execute(f"delete from {TABLE_OF_RESOURCE[child]} where feed = ?", [feed])
        con.execute(f"delete from rejected_values {where}", of_child)
    if dropped:
        counters.changed(con)
    return dropped
