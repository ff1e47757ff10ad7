"""What the checks ask of the warehouse and the published file: each function counts offenders.

Only SELECTs, only counts; what an answer means is said by the checks.
"""

from mls_assets import moments
from mls_assets.model.resources import (
    CHILD_RESOURCES,
    KEY_FIELDS,
    KEYED_RESOURCES,
    LISTING_RESOURCES,
    TABLE_OF_RESOURCE,
    Resource,
)
from mls_assets.model.states import LedgerEvent, ListingEvent, PassKind
from mls_assets.warehouse import rows, scalar
from mls_assets.warehouse.removals.hiding import visible_rows
from mls_assets.warehouse.removals.ledger import GONE
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import literal, quoted
from mls_assets.warehouse.schema.tables import LISTING_EVENTS
from mls_assets.warehouse.storage.queries import Connection

_LISTING_KEY = quoted(KEY_FIELDS[Resource.PROPERTY])
_CHILDREN = ", ".join(map(literal, CHILD_RESOURCES))


def downloads_under_way(
    con: Connection,
) -> dict[tuple[str, Resource], tuple[int, int, int | None]]:
    """Return the first downloads that have begun: pages, records here, and the source's count."""
    found = rows(
        con,
        "select held.feed, held.resource, held.pages, held.records, walk.count_before from "
        "(select page.feed, page.resource, count(*) as pages, (select count(*) from raw.records "
        "record where record.feed = page.feed and record.resource = page.resource) as records "
        "from raw.pages page semi join (from feeds where last_success_at is null "
        "and initial_download_complete is not true) new using (feed, resource) "
        "group by page.feed, page.resource) held left join raw.walks walk on "
        "walk.feed = held.feed and walk.resource = held.resource and walk.kind = ? "
        "order by all",
        [PassKind.DOWNLOAD],
    )
    return {
        (feed, Resource(resource)): (pages, records, count)
        for feed, resource, pages, records, count in found
    }


def being_normalised(con: Connection) -> set[tuple[str, Resource]]:
    """Return the resources of feeds of which landed records are not in the tables yet."""
    found = rows(
        con,
        "select feed, resource from raw.records landed left join raw.normalised done "
        "using (feed, resource) group by feed, resource "
        "having max(landed.page_id) > coalesce(max(done.through), 0)",
    )
    return {(feed, Resource(resource)) for feed, resource in found}


def half_applied(con: Connection) -> dict[str, int]:
    """Count per table what one transaction would never leave behind; `{}` is right.

    Records that count as normalised but have no row, rows without a record, and children of a
    listing that is not here.
    """
    counts: dict[str, int] = {}
    for resource in KEYED_RESOURCES:
        table, key = TABLE_OF_RESOURCE[resource], quoted(KEY_FIELDS[resource])
        counts[f"{table} without a row"] = scalar(
            con,
            "select count(*) from raw.records landed join raw.normalised done "
            "using (feed, resource) where landed.resource = ? and landed.page_id <= done.through "
            f"and not exists (from {table} held where held.feed = landed.feed "
            f"and held.{key} = landed.record_key)",
            [resource],
        )
        counts[f"{table} without a record"] = scalar(
            con,
            f"select count(*) from {table} held where not exists (from raw.records landed "
            f"where landed.feed = held.feed and landed.resource = ? "
            f"and landed.record_key = held.{key})",
            [resource],
        )
    for child in CHILD_RESOURCES:
        table = TABLE_OF_RESOURCE[child]
        counts[f"{table} without a listing"] = scalar(
            con,
            f"select count(*) from {table} held where not exists (from raw.records landed "
            "where landed.feed = held.feed and landed.resource = ? "
            f"and landed.record_key = held.{_LISTING_KEY})",
            [Resource.PROPERTY],
        )
    return {name: count for name, count in counts.items() if count}


def rejected_shares(con: Connection) -> list[tuple[str, str, int, float]]:
    """Return per feed and resource: records with a rejected value, and their share of the rows.

    A timestamp that was kept to the microsecond is none of them.
    """
    return rows(
        con,
        "select feed, resource, count(distinct record_key), count(distinct record_key) "
        "/ greatest(coalesce(any_value(state.rows), 0), 1)::double from rejected_values "
        "left join feeds state using (feed, resource) where problem is distinct from ? "
        "group by feed, resource order by all",
        [moments.CUT],
    )


def rejected_count(con: Connection) -> int:
    """Count the values and records that stand in rejected_values."""
    return scalar(con, "select count(*) from rejected_values")


def rejected_fields(con: Connection, limit: int = 20) -> list[tuple[str, str, str, int]]:
    """Return the fields with most rejected values: feed, resource, field, how many."""
    return rows(
        con,
        "select feed, resource, coalesce(field, '(record)'), count(*) as count "
        "from rejected_values group by 1, 2, 3 order by count desc, 1, 2, 3 limit ?",
        [limit],
    )


def incomplete_entries(con: Connection) -> int:
    """Count ledger entries that lack their reason, proof, or times."""
    return scalar(
        con,
        "select count(*) from deletion_ledger where reason is null or evidence_id is null "
        "or first_evidence_at is null or run_id is null "
        f"or (event = '{LedgerEvent.REMOVED}' and removed_at is null)",
    )


def vanished_since_publication(con: Connection) -> int:
    """Count keys of the published file that are here no more, and of which no entry says why."""
    return sum(
        scalar(
            con,
            f"select count(*) from published.main.{TABLE_OF_RESOURCE[resource]} was where not "
            "exists "
            f"(from main.{TABLE_OF_RESOURCE[resource]} held where held.feed = was.feed "
            f"and held.{quoted(KEY_FIELDS[resource])} = was.{quoted(KEY_FIELDS[resource])}) "
            f"and not exists (from {GONE} gone where gone.feed = was.feed "
            f"and gone.resource = ? and gone.record_key = was.{quoted(KEY_FIELDS[resource])})",
            [resource],
        )
        for resource in KEYED_RESOURCES
    )


def slowest_removal_hours(con: Connection) -> dict[tuple[str, Resource], float]:
    """Return the longest time from first evidence to gone for readers within the last day.

    In hours, by feed and resource. What readers still have counts until now; where nothing was
    ever published there are no readers, and gone from the tables is gone. What came back since
    does not count.
    """
    published = counters.stored_moment(con, "published_at") is not None
    gone = "coalesce(published_at, now())" if published else "removed_at"
    found = rows(
        con,
        "select feed, resource, "
        f"max(epoch({gone} - first_evidence_at)) / 3600 from deletion_ledger entry "
        f"where event = '{LedgerEvent.REMOVED}' and {gone} >= now() - interval 1 day "
        "and not exists (from "
        "deletion_ledger later where later.feed = entry.feed and later.resource = entry.resource "
        "and later.record_key = entry.record_key and later.entry_id > entry.entry_id) group by all",
    )
    return {
        (feed, Resource(resource)): max(round(hours, 3), 0.0) for feed, resource, hours in found
    }


def differing_tables(con: Connection) -> dict[str, int]:
    """Return the tables whose rows differ between file and warehouse, by how many; `{}` is right.

    Rows count as equal by feed, keys and the time they landed. What publication hides on
    purpose is left out.
    """
    differing = {}
    for resource, table in TABLE_OF_RESOURCE.items():
        keys = {KEY_FIELDS[resource]: None}
        if resource in LISTING_RESOURCES:
            keys[KEY_FIELDS[Resource.PROPERTY]] = None
        named = ", ".join(map(quoted, ("feed", *keys, "landed_at")))
        here = f"select {named} from main.{table} held where {visible_rows(table)}"
        there = f"select {named} from published.main.{table}"
        # a sum of hashes needs no memory; rows are set side by side only where they differ
        digest = f"select count(*), sum(hash({named}))"
        if rows(con, f"{digest} from ({here})") == rows(con, f"{digest} from ({there})"):
            continue
        count = scalar(
            con,
            f"select (select count(*) from (({here}) except all ({there}))) "
            f"+ (select count(*) from (({there}) except all ({here})))",
        )
        if count:
            differing[table] = count
    for table, key in (("deletion_ledger", "entry_id"), ("sweeps", "sweep_id")):
        count = scalar(
            con,
            f"select count(*) from main.{table} held full join published.main.{table} there "
            f"using ({key}) where held.{key} is null or there.{key} is null",
        )
        if count:
            differing[table] = count
    return differing


def count_held_rows(con: Connection) -> tuple[int, int]:
    """Return how many rows the RESO tables hold together, and how many tables these are."""
    counts = [
        scalar(con, f"select count(*) from main.{table}") for table in TABLE_OF_RESOURCE.values()
    ]
    return sum(counts), len(counts)


def gone_keys(con: Connection) -> int:
    """Return how many keys are removed and have not come back."""
    return scalar(con, f"select count(*) from {GONE}")


def lingering(con: Connection, *, published: bool) -> dict[str, int]:
    """Return where removed keys still stand, with how many rows; `{}` is right.

    In the warehouse at once; in the file (`published`) those whose entry says that it is rid
    of them.
    """
    catalog = "published.main." if published else "main."
    when = "and gone.published_at is not null" if published else ""
    counts: dict[str, int] = {}
    for resource in KEYED_RESOURCES:
        places: list[tuple[str, str]] = [
            (f"{catalog}{TABLE_OF_RESOURCE[resource]}", KEY_FIELDS[resource])
        ]
        if resource is Resource.PROPERTY:
            of_listings = (
                *(TABLE_OF_RESOURCE[child] for child in CHILD_RESOURCES),
                LISTING_EVENTS.name,
            )
            places += [(f"{catalog}{table}", "ListingKey") for table in of_listings]
            if not published:
                places.append(("raw.children", "listing_key"))
        for place, key in places:
            counts[place] = counts.get(place, 0) + scalar(
                con,
                f"select count(*) from {place} held join {GONE} gone on gone.feed = held.feed "
                f"and gone.resource = ? and gone.record_key = held.{quoted(key)} {when}",
                [resource],
            )
    counts[f"{catalog}{LISTING_EVENTS.name}"] += scalar(
        con,
        f"select count(*) from {catalog}{LISTING_EVENTS.name} held join {GONE} gone on gone.feed = "
        f"held.feed and gone.resource = ? and held.event = '{ListingEvent.RELISTED}' "
        f"and gone.record_key = held.old_value {when}",
        [Resource.PROPERTY],
    )
    keyed = [f"{catalog}rejected_values", *([] if published else ["raw.records"])]
    for place in keyed:
        counts[place] = scalar(
            con,
            # what was rejected of a listing's children stands under the listing's key
            f"select count(*) from {place} held join {GONE} gone on gone.feed = held.feed "
            "and gone.record_key = held.record_key and (gone.resource = held.resource or "
            f"(gone.resource = ? and held.resource in ({_CHILDREN}))) {when}",
            [Resource.PROPERTY],
        )
    return {place: count for place, count in counts.items() if count}
