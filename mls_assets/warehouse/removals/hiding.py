"""What publication leaves out while a guard holds removals back: suspects, for those who ask.

A licence can demand that what is gone at the source is gone for readers within hours, also when
nobody has decided yet whether it is gone. Nothing is removed here.
"""

from collections.abc import Sequence

from mls_assets.model.rejected_values import REJECTED_VALUES
from mls_assets.model.resources import (
    CHILD_RESOURCES,
    KEY_FIELDS,
    LISTING_RESOURCES,
    RESOURCE_OF_TABLE,
    TABLE_OF_RESOURCE,
    Resource,
)
from mls_assets.model.states import ListingEvent
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import literal, quoted
from mls_assets.warehouse.schema.tables import LISTING_EVENTS
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows


def hide_keys(con: Connection, feed: str, resource: Resource, keys: Sequence[str]) -> None:
    """Let publication leave these keys of a resource out, and no others."""
    before = rows(
        con, "select record_key from raw.hidden where feed = ? and resource = ?", [feed, resource]
    )
    if {key for (key,) in before} == set(keys):
        return
    con.execute("delete from raw.hidden where feed = ? and resource = ?", [feed, resource])
    with framed(con, suspected=arrow.of_keys(keys)):
        con.execute(
            "insert into raw.hidden select ?, ?, record_key from suspected", [feed, resource]
        )
    counters.changed(con)


def show_keys(con: Connection, feed: str, resource: Resource, keys: Sequence[str]) -> None:
    """Let publication show keys again, so far as they were hidden."""
    with framed(con, alive=arrow.of_keys(keys)):
        which = "feed = ? and resource = ? and record_key in (select record_key from alive)"
        if rows(con, f"select 1 from raw.hidden where {which} limit 1", [feed, resource]):
            con.execute(f"delete from raw.hidden where {which}", [feed, resource])
            counters.changed(con)


def visible_rows(table: str) -> str:
    """Return the condition, on rows called `held`, that readers get them; a listing's go with it.

    True for tables that hold nothing of a single record.
    """
    resource = RESOURCE_OF_TABLE.get(table)
    if table == REJECTED_VALUES.name:
        children = ", ".join(map(literal, CHILD_RESOURCES))
        listing = literal(Resource.PROPERTY)
        houses = TABLE_OF_RESOURCE[Resource.OPEN_HOUSE]
        listing_key, house_key = (
            quoted(KEY_FIELDS[each]) for each in (Resource.PROPERTY, Resource.OPEN_HOUSE)
        )
        hidden = (
            "(hidden.record_key = held.record_key and (hidden.resource = held.resource "
            f"or (hidden.resource = {listing} and held.resource in ({children})))) "
            # what was rejected of an open house stands under its own key
            f"or (hidden.resource = {listing} and held.resource = {literal(Resource.OPEN_HOUSE)} "
            f"and hidden.record_key in (select {listing_key} from main.{houses} house "
            f"where house.feed = held.feed and house.{house_key} = held.record_key))"
        )
        return f"not exists (from raw.hidden where hidden.feed = held.feed and ({hidden}))"
    if resource is None and table != LISTING_EVENTS.name:
        return "true"
    owners = [] if resource is None else [resource]
    if resource is None or resource in LISTING_RESOURCES:
        owners.append(Resource.PROPERTY)
    conditions = [
        "not exists (from raw.hidden where hidden.feed = held.feed "
        f"and hidden.resource = {literal(owner)} "
        f"and hidden.record_key = held.{quoted(KEY_FIELDS[owner])})"
        for owner in owners
    ]
    if table == LISTING_EVENTS.name:
        # a relisted one names the earlier listing too
        conditions.append(
            f"not (held.event = '{ListingEvent.RELISTED}' and exists (from raw.hidden "
            "where hidden.feed = "
            f"held.feed and hidden.resource = {literal(Resource.PROPERTY)} "
            "and hidden.record_key = held.old_value))"
        )
    return " and ".join(conditions)
