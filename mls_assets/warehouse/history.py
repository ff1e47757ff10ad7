"""The table `listing_events`: what changed when a newer version of a listing was merged.

Versions are compared once, when the newer one takes the place of the older; normalising again
what is stored derives nothing. What the first download brought is where the history begins.
"""

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from mls_assets.values import LandedRecord, Resource, Source
from mls_assets.warehouse import arrow
from mls_assets.warehouse.ddl import column_list, literal
from mls_assets.warehouse.queries import Connection, framed, scalar
from mls_assets.warehouse.schema import LISTING_EVENTS

#: The fields of `listings` that the history goes by, besides keys and times of our own.
FIELDS = (
    "ListPrice",
    "PriceChangeTimestamp",
    "StandardStatus",
    "StatusChangeTimestamp",
    "OriginalEntryTimestamp",
    "ModificationTimestamp",
    "PropertyType",
    "ParcelNumber",
    "UnparsedAddress",
    "UnitNumber",
    "PostalCode",
)

#: Standard statuses of a listing that can be had, and of one that was taken off unsold.
ON_MARKET = ("Active", "Active Under Contract", "Coming Soon", "Pending")
TAKEN_OFF = ("Canceled", "Expired", "Withdrawn")
#: From these a listing comes back when it is active again.
_AWAY = ("Active Under Contract", "Closed", "Hold", "Pending", *TAKEN_OFF)

#: Each event's field, and the field by which the source tells when that changed.
_PRICE, _STATUS = ("ListPrice", "PriceChangeTimestamp"), ("StandardStatus", "StatusChangeTimestamp")


def note(
    con: Connection, feed: str, records: Sequence[LandedRecord], versions: pl.DataFrame
) -> None:
    """Note what changes when these versions of listings take their rows.

    `versions` are the rows of `listings` to come, the ones that they replace still stand there;
    `records` are what the rows were made of.
    """
    if versions.is_empty():
        return
    end = _end_of_baseline(con, feed)
    baseline = {record.key for record in records if end is None or record.page_id <= end}
    # few of 700 columns: to bind them all takes longer than what is done with them
    few = versions.select("feed", "mls", "ListingKey", "landed_at", *FIELDS)
    with framed(con, incoming=few, first_download=arrow.of_keys(baseline)):
        changes = " union all ".join((_appearances(), _changes(*_PRICE), _changes(*_STATUS)))
        con.execute(
            f"insert into listing_events ({column_list(LISTING_EVENTS)}) {changes}",
            [feed] * changes.count("?"),
        )
        if any(record.key not in baseline for record in records):
            _note_relisted(con, feed)


def forget(con: Connection, feed: str, listing_keys: Collection[str]) -> None:
    """Delete the history of listings."""
    with framed(con, forgotten=arrow.of_keys(listing_keys)):
        con.execute(
            'delete from listing_events where feed = ? and "ListingKey" in '
            "(select record_key from forgotten)",
            [feed],
        )


def _end_of_baseline(con: Connection, feed: str) -> int | None:
    """Return the last page of a feed's first download; None while it is not over.

    Spark's has walks of its own; Forge's ends with the first page that leaves nothing.
    """
    if feed.startswith(f"{Source.SPARK}/"):
        query = (
            "select max(page_id) from raw.pages where feed = ? and resource = ? and walk_id = "
            "(select min(walk_id) from raw.pages where feed = ? and resource = ? "
            "and kind = 'download')"
        )
        return scalar(con, query, [feed, Resource.PROPERTY] * 2)
    query = "select min(page_id) from raw.pages where feed = ? and resource = ? and remaining = 0"
    return scalar(con, query, [feed, Resource.PROPERTY])


def _appearances() -> str:
    return (
        "select feed, \"ListingKey\", 'new', 'StandardStatus', null, \"StandardStatus\", "
        'coalesce("OriginalEntryTimestamp", "ModificationTimestamp"), landed_at from incoming new '
        'where "ListingKey" not in (select record_key from first_download) and "ListingKey" not in '
        '(select "ListingKey" from listings where feed = ?)'
    )


def _changes(field: str, told_by: str) -> str:
    """Return the query for changed values of a field; the same version again changes nothing."""
    event = "'price_change'"
    if field == "StandardStatus":
        event = (
            f'if(new."StandardStatus" = \'Active\' and old."StandardStatus" in ({_listed(_AWAY)}), '
            "'back_on_market', 'status_change')"
        )
    return (
        f'select new.feed, new."ListingKey", {event}, \'{field}\', old."{field}"::varchar, '
        f'new."{field}"::varchar, if(new."{told_by}" is distinct from old."{told_by}", '
        f'coalesce(new."{told_by}", new."ModificationTimestamp"), new."ModificationTimestamp"), '
        "new.landed_at from incoming new join listings old on old.feed = ? and "
        'old."ListingKey" = new."ListingKey" where old.landed_at is distinct from new.landed_at '
        f'and old."{field}" is distinct from new."{field}"'
    )


def _note_relisted(con: Connection, feed: str) -> None:
    """Note of new listings on the market that their place was listed under another key before.

    The same place is the same parcel and unit, or where no parcel is told the same address; the
    earlier listing was taken off the market unsold. The one modified last counts.
    """
    on_market, taken_off = _listed(ON_MARKET), _listed(TAKEN_OFF)
    same_place = (
        'if(new."ParcelNumber" is null, new."ParcelNumber" is not distinct from '
        'old."ParcelNumber" and lower(new."UnparsedAddress") = lower(old."UnparsedAddress") '
        'and new."PostalCode" is not distinct from old."PostalCode", '
        'new."ParcelNumber" = old."ParcelNumber") '
        'and new."UnitNumber" is not distinct from old."UnitNumber" '
        'and new."PropertyType" is not distinct from old."PropertyType" and new.mls = old.mls'
    )
    con.execute(
        f"insert into listing_events ({column_list(LISTING_EVENTS)}) "
        "select new.feed, new.\"ListingKey\", 'relisted', 'ListingKey', "
        'arg_max(old."ListingKey", (old."ModificationTimestamp", old."ListingKey")), '
        'new."ListingKey", any_value(event.happened_at), any_value(event.seen_at) '
        "from listing_events event join incoming new on event.feed = new.feed and "
        'event."ListingKey" = new."ListingKey" and event.seen_at = new.landed_at '
        f"join listings old on old.feed = new.feed and {same_place} "
        f"where event.feed = ? and event.event = 'new' and new.\"StandardStatus\" in ({on_market}) "
        f'and old."StandardStatus" in ({taken_off}) and old."ListingKey" <> new."ListingKey" '
        'group by new.feed, new."ListingKey"',
        [feed],
    )


def _listed(statuses: Iterable[str]) -> str:
    return ", ".join(map(literal, statuses))
