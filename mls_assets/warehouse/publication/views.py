"""The views in the readers' database: other looks at its tables, with nothing stored.

They are made at each publication; the warehouse itself has none.
"""

from collections.abc import Iterable

from mls_assets.model.resources import KEY_FIELDS, RESOURCE_OF_TABLE, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.schema.ddl import WarehouseSchema, literal, quoted
from mls_assets.warehouse.storage.queries import Connection
from mls_assets.warehouse.tables.open_houses import ENDS

_LISTINGS, _OPEN_HOUSES = (
    TABLE_OF_RESOURCE[Resource.PROPERTY],
    TABLE_OF_RESOURCE[Resource.OPEN_HOUSE],
)
#: What `open_houses_upcoming` shows of an open house and of its listing.
_HOUSE_FIELDS = (
    *("feed", "mls", "OpenHouseKey", "ListingKey", "OpenHouseDate", "starts_local", "ends_local"),
    *("time_zone", "OpenHouseStartTime", "OpenHouseEndTime", "OpenHouseType", "OpenHouseStatus"),
    "OpenHouseRemarks",
)
_ADDRESS = (
    *("StandardStatus", "UnparsedAddress", "City", "StateOrProvince", "PostalCode", "ListPrice"),
)

#: The fields by which `listings_once` tells that two rows are one real listing, and which is newer.
ONCE_FIELDS = ("OriginatingSystemName", "ListingId", "ModificationTimestamp")


def create_views(con: Connection, schema: WarehouseSchema, catalog: str) -> None:
    """Make all views in an attached database that has the published tables."""
    for name, comment, query in (
        (
            "listings_brief",
            "One row per listing: the columns that are asked for first.",
            f"select {', '.join(map(quoted, schema.brief_columns))} from main.{_LISTINGS}",
        ),
        (
            "listings_once",
            "One row per real listing, from whichever feed told of it last; feeds names all that "
            "carry it. One real listing is one ListingId of one originating system.",
            _once(schema),
        ),
        (
            "open_houses_upcoming",
            "One row per open house that is not over and not cancelled, with local times in "
            "time_zone and what is asked first about its listing.",
            _upcoming(schema),
        ),
        (
            "local_values",
            "One row per feed, field and value that the Data Dictionary 2.0 does not have, with "
            "how often it occurs.",
            _local_values(schema),
        ),
    ):
        view = f"{quoted(catalog)}.main.{name}"
        con.execute(f"create view {view} as {query}")
        con.execute(f"comment on view {view} is {literal(comment)}")


def _once(schema: WarehouseSchema) -> str:
    """Return the query for real listings, each once.

    Names of originating systems are compared without case, blanks and marks, for each source
    writes them its own way; where none is named, the feed's MLS is. A listing without a ListingId
    is nobody else's. Winners are chosen on a few columns, and only their rows read whole.
    """
    key = quoted(KEY_FIELDS[Resource.PROPERTY])
    system, listing_id, modified = map(quoted, ONCE_FIELDS)
    named = f"lower(coalesce(nullif(trim({system}), ''), mls))"
    columns = ", ".join(f"listing.{quoted(name)}" for name in schema.reso[_LISTINGS].column_names)
    letters = f"regexp_replace({named}, '[^\\p{{L}}\\p{{N}}]', '', 'g')"
    return (
        f"with held as (select feed, {key}, coalesce(nullif({letters}, ''), {named}) as system_, "
        f"coalesce(nullif(trim({listing_id}), ''), concat(feed, ' ', {key})) as id_, "
        f"coalesce({modified}, landed_at) as told_at from main.{_LISTINGS}), "
        "winner as (select arg_max(struct_pack(feed := feed, key := "
        f"{key}), (told_at, feed, {key})) as chosen, list_sort(list(distinct feed)) as feeds "
        "from held group by system_, id_) "
        f"select {columns}, "
        f"winner.feeds from winner join main.{_LISTINGS} listing on listing.feed = chosen.feed "
        f"and listing.{key} = chosen.key"
    )


def _upcoming(schema: WarehouseSchema) -> str:
    """Return the query for open houses to come, as of when it is asked."""
    held = schema.reso[_OPEN_HOUSES].column_names
    known = [name for name in _HOUSE_FIELDS if name in held]
    of_listing = [name for name in _ADDRESS if name in schema.reso[_LISTINGS].column_names]
    columns = [f"held.{quoted(name)}" for name in known]
    columns += [f"listing.{quoted(name)}" for name in of_listing]
    gone = ""
    if "OpenHouseStatus" in held:
        gone = "and coalesce(held.\"OpenHouseStatus\", '') not in ('Canceled', 'Ended') "
    key = quoted(KEY_FIELDS[Resource.PROPERTY])
    return (
        f"select {', '.join(columns)} from main.{_OPEN_HOUSES} held "
        f"left join main.{_LISTINGS} listing on listing.feed = held.feed "
        f"and listing.{key} = held.{key} where {ENDS} >= now() {gone}"
    )


def _local_values(schema: WarehouseSchema) -> str:
    """Return the query for values beyond the standard's, by resource and field, with counts."""
    parts = [
        part
        for table, fields in schema.standard_values.items()
        for part in _values_of(schema, table, fields)
    ]
    if not parts:
        return "select '' as feed, '' as resource, '' as field, '' as value, 0 as rows where false"
    standard = ", ".join(
        f"({literal(RESOURCE_OF_TABLE[table])}, {literal(field)}, {literal(value)})"
        for table, fields in sorted(schema.standard_values.items())
        for field, values in sorted(fields.items())
        for value in sorted(values)
    )
    return (
        f"with standard(resource, field, value) as (values {standard}), "
        f"held as ({' union all '.join(parts)}) "
        "select feed, resource, field, value, count(*) as rows from held anti join standard "
        "using (resource, field, value) where value is not null group by all"
    )


def _values_of(schema: WarehouseSchema, table: str, fields: Iterable[str]) -> Iterable[str]:
    """Yield the queries for the values of fields: of single ones, and of the items of lists."""
    resource = literal(RESOURCE_OF_TABLE[table])
    types = {column.name: column.type for column in schema.reso[table].columns}
    for value, kind in (("value", "VARCHAR"), ("unnest(value)", "VARCHAR[]")):
        names = ", ".join(quoted(field) for field in fields if types.get(field) == kind)
        if names:
            yield (
                f"select feed, {resource} as resource, field, {value} as value from "
                f"(unpivot (select feed, {names} from main.{table}) on {names} "
                "into name field value value)"
            )
