"""What must always hold in the tables, counted cheaply, since no constraint holds it for us."""

from mls_assets.model.resources import CHILD_RESOURCES, KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.removals.ledger import GONE
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.schema.raw_tables import RAW_TABLES
from mls_assets.warehouse.schema.tables import PIPELINE_TABLES
from mls_assets.warehouse.storage.queries import Connection, scalar

_LISTING_KEY = quoted(KEY_FIELDS[Resource.PROPERTY])

#: The columns that are unique together in each table; a child is unique in its listing.
_UNIQUE = {
    **{
        TABLE_OF_RESOURCE[resource]: f"feed, {_LISTING_KEY}, {quoted(key)}"
        if resource in CHILD_RESOURCES
        else f"feed, {quoted(key)}"
        for resource, key in KEY_FIELDS.items()
    },
    **{
        table.name: ", ".join(map(quoted, table.key))
        for table in (*PIPELINE_TABLES, *RAW_TABLES)
        if table.key
    },
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
        for resource, table in TABLE_OF_RESOURCE.items()
        if resource not in CHILD_RESOURCES
    )
