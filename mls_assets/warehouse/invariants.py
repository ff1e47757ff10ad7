"""What must always hold in the tables, counted cheaply, since no constraint holds it for us."""

from mls_assets.values import CHILD_RESOURCES, KEY_FIELDS, TABLES, Resource
from mls_assets.warehouse.ddl import quoted
from mls_assets.warehouse.ledger import GONE
from mls_assets.warehouse.queries import Connection, scalar

_LISTING_KEY = quoted(KEY_FIELDS[Resource.PROPERTY])

#: The columns that are unique together in each table; a child is unique in its listing.
_UNIQUE = {
    **{
        TABLES[resource]: f"feed, {_LISTING_KEY}, {quoted(key)}"
        if resource in CHILD_RESOURCES
        else f"feed, {quoted(key)}"
        for resource, key in KEY_FIELDS.items()
    },
    "raw.records": "feed, resource, record_key",
    "raw.children": "feed, listing_key, resource",
    "feeds": "feed, resource",
    "sweeps": "sweep_id",
    "deletion_ledger": "entry_id",
}


def duplicate_keys(con: Connection) -> dict[str, int]:
    """Return the tables in which keys occur more than once, with how many; `{}` is right."""
    counts = {
        table: scalar(
            con,
            f"select count(*) from (select 1 from {table} group by {key} having count(*) > 1)",
        )
        for table, key in _UNIQUE.items()
    }
    return {table: count for table, count in counts.items() if count}


def removed_but_present(con: Connection) -> int:
    """Count the keys whose last event is a removal, but which are in a table; 0 is right."""
    return sum(
        scalar(
            con,
            f"select count(*) from {GONE} gone join {table} held on held.feed = gone.feed "
            f"and held.{quoted(KEY_FIELDS[resource])} = gone.record_key where gone.resource = ?",
            [resource],
        )
        for resource, table in TABLES.items()
        if resource not in CHILD_RESOURCES
    )


def orphans(con: Connection) -> dict[str, int]:
    """Return the child tables with rows whose listing is not here, with how many; `{}` is right.

    While pages wait for normalisation, a child set can be ahead of its listing.
    """
    counts = {
        TABLES[child]: scalar(
            con,
            f"select count(*) from {TABLES[child]} child where not exists (from "
            f"{TABLES[Resource.PROPERTY]} listing where listing.feed = child.feed "
            f"and listing.{_LISTING_KEY} = child.{_LISTING_KEY})",
        )
        for child in CHILD_RESOURCES
    }
    return {table: count for table, count in counts.items() if count}
