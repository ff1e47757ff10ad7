"""The table `listing_events`: what changed when a newer version of a listing was merged.

Versions are compared once, when the newer one takes the place of the older; normalising again
what is stored derives nothing. What the first download brought is where the history begins.
"""

from collections.abc import Collection, Iterable, Sequence

import polars as pl

from mls_assets.model.records import LandedRecord
from mls_assets.model.resources import Resource
from mls_assets.model.states import ListingEvent, PassKind
from mls_assets.warehouse.schema.ddl import column_list, literal
from mls_assets.warehouse.schema.tables import LISTING_EVENTS
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

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
ON_MARKET_STATUSES = ("Active", "Active Under Contract", "Coming Soon", "Pending")
TAKEN_OFF = ("Canceled", "Expired", "Withdrawn")
#: From these a listing comes back when it is active again.
_AWAY = ("Active Under Contract", "Closed", "Hold", "Pending", *TAKEN_OFF)

#: Each event's field, and the field by which the source tells when that changed.
_PRICE, _STATUS = ("ListPrice", "PriceChangeTimestamp"), ("StandardStatus", "StatusChangeTimestamp")

#: What tells a place, and which listing of it.
_PLACE = (
    '"ListingKey", "ParcelNumber", "UnitNumber", "PropertyType", "PostalCode", '
    'lower("UnparsedAddress") as address, "OriginalEntryTimestamp", "ModificationTimestamp"'
)


def note_changes(
    con: Connection, feed: str, records: Sequence[LandedRecord], versions: pl.DataFrame
) -> list[str]:
    """Note what changes when these versions of listings take their rows; return the new listings.

    `versions` are the rows of `listings` to come, the ones that they replace still stand there;
    `records` are what the rows were made of.
    """
    if versions.is_empty():
        return []
    end = _end_of_baseline(con, feed)
    baseline = {record.key for record in records if end is None or record.page_id <= end}
    # few of 700 columns: to bind them all takes longer than what is done with them
    few = versions.select("feed", "ListingKey", "landed_at", *FIELDS)
    with framed(con, incoming=few, first_download=arrow.of_keys(baseline)):
        appeared = rows(
            con,
            'select "ListingKey" from incoming where "ListingKey" not in '
            '(select record_key from first_download) and "ListingKey" not in '
            '(select "ListingKey" from listings where feed = ?)',
            [feed],
        )
        new = [key for (key,) in appeared]
        with framed(con, appeared=arrow.of_keys(new)):
            changes = " union all ".join((_appearances(), _changes(*_PRICE), _changes(*_STATUS)))
            con.execute(
                f"insert into listing_events ({column_list(LISTING_EVENTS)}) {changes}",
                [feed] * changes.count("?"),
            )
    return new


def note_relisted(con: Connection, feed: str, new: Sequence[str]) -> None:
    """Note of new listings on the market that their place was listed under another key before.

    Their rows are in `listings`. The same place is the same parcel and unit, or where no parcel is
    told the same address; the earlier listing was taken off the market unsold. Of several the one
    modified last counts.
    """
    if not new:
        return
    alike = (
        'fresh."UnitNumber" is not distinct from old."UnitNumber" and fresh."PropertyType" is not '
        'distinct from old."PropertyType" and fresh.mls = old.mls and old."ListingKey" <> '
        'fresh."ListingKey"'
    )
    # two joins, each with an equality of its own: with an `or` it would be a cross product
    with framed(con, appeared=arrow.of_keys(new)):
        con.execute(
            "with fresh as (select * from (select feed, mls, landed_at, "
            f'{_PLACE} from listings where feed = ? and "StandardStatus" in '
            f'({_listed(ON_MARKET_STATUSES)})) semi join appeared on "ListingKey" = record_key), '
            f"old as (select mls, {_PLACE} from listings where feed = ? and "
            f'"StandardStatus" in ({_listed(TAKEN_OFF)})), '
            'pairs as (select fresh.*, old."ListingKey" as before, '
            'old."ModificationTimestamp" as modified_before from fresh join old on '
            f'fresh."ParcelNumber" = old."ParcelNumber" and {alike} union all '
            'select fresh.*, old."ListingKey", old."ModificationTimestamp" from fresh join old on '
            'fresh.address = old.address and fresh."ParcelNumber" is null and old."ParcelNumber" '
            f'is null and fresh."PostalCode" is not distinct from old."PostalCode" and {alike}) '
            f"insert into listing_events ({column_list(LISTING_EVENTS)}) select feed, "
            f"\"ListingKey\", '{ListingEvent.RELISTED}', 'ListingKey', "
            "arg_max(before, (coalesce(modified_before, '-infinity'::timestamptz), before)), "
            '"ListingKey", any_value(coalesce("OriginalEntryTimestamp", "ModificationTimestamp")), '
            'any_value(landed_at) from pairs group by feed, "ListingKey"',
            [feed, feed],
        )


def forget_history(con: Connection, feed: str, listing_keys: Collection[str]) -> None:
    """Delete the history of listings, and what names them as the earlier listing of another."""
    with framed(con, forgotten=arrow.of_keys(listing_keys)):
        con.execute(
            'delete from listing_events where feed = ? and ("ListingKey" in '
            f"(select record_key from forgotten) or (event = '{ListingEvent.RELISTED}' "
            "and old_value in "
            "(select record_key from forgotten)))",
            [feed],
        )


def _end_of_baseline(con: Connection, feed: str) -> int | None:
    """Return the last page of a feed's first download; None while it is not over.

    It is over when an update begins, however often it was started anew; an event log's with the
    first page that leaves nothing.
    """
    return scalar(
        con,
        f"select min(case when kind = '{PassKind.UPDATE}' then page_id - 1 "
        "when remaining = 0 then page_id end) from raw.pages where feed = ? and resource = ?",
        [feed, Resource.PROPERTY],
    )


def _appearances() -> str:
    """Return the query for listings that were not here; one that was removed before returned."""
    was_here = (
        '"ListingKey" in (select record_key from deletion_ledger where feed = ? '
        f"and resource = {literal(Resource.PROPERTY)})"
    )
    return (
        f"select feed, \"ListingKey\", if({was_here}, '{ListingEvent.RETURNED}', "
        f"'{ListingEvent.NEW}'), 'StandardStatus', null, "
        f'"StandardStatus", if({was_here}, "ModificationTimestamp", coalesce('
        '"OriginalEntryTimestamp", "ModificationTimestamp")), landed_at from incoming '
        'where "ListingKey" in (select record_key from appeared)'
    )


def _changes(field: str, told_by: str) -> str:
    """Return the query for changed values of a field; the same version again changes nothing.

    A value that is withheld, or was refused, is NULL, which says nothing about a change.
    """
    event = f"'{ListingEvent.PRICE_CHANGE}'"
    if field == "StandardStatus":
        event = (
            f'if(new."StandardStatus" = \'Active\' and old."StandardStatus" in ({_listed(_AWAY)}), '
            f"'{ListingEvent.BACK_ON_MARKET}', '{ListingEvent.STATUS_CHANGE}')"
        )
    return (
        f'select new.feed, new."ListingKey", {event}, \'{field}\', old."{field}"::varchar, '
        f'new."{field}"::varchar, if(new."{told_by}" is distinct from old."{told_by}", '
        f'coalesce(new."{told_by}", new."ModificationTimestamp"), new."ModificationTimestamp"), '
        "new.landed_at from incoming new join listings old on old.feed = ? and "
        'old."ListingKey" = new."ListingKey" where old.landed_at is distinct from new.landed_at '
        f'and old."{field}" <> new."{field}"'
    )


def _listed(statuses: Iterable[str]) -> str:
    return ", ".join(map(literal, statuses))
