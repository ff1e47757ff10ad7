"""When open houses are: which are over, and on which day and at what local time each begins.

Sources list only those to come, so past ones are no suspects; they stay as history while their
listing lives.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from mls_assets.model.records import RawRecord
from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

_TABLE, _KEY = TABLE_OF_RESOURCE[Resource.OPEN_HOUSE], quoted(KEY_FIELDS[Resource.OPEN_HOUSE])
#: The end of a row called `held`. One without an end is taken to last half a day. A date has no
#: zone: its day ends everywhere 36 hours after it began in UTC.
ENDS = (
    'coalesce(held."OpenHouseEndTime", held."OpenHouseStartTime" + interval 12 hour, '
    "timezone('UTC', held.\"OpenHouseDate\"::timestamp) + interval 36 hour)"
)
#: When it is over, as of a parameter.
OVER = f"{ENDS} < ?"
_LISTINGS, _LISTING_KEY = (
    TABLE_OF_RESOURCE[Resource.PROPERTY],
    quoted(KEY_FIELDS[Resource.PROPERTY]),
)
_STATE = "StateOrProvince"
#: What `localise` works out.
_LOCAL = ("time_zone", "starts_local", "ends_local", "OpenHouseDate", "date_from_start")


def over_by(con: Connection, feed: str, keys: Sequence[str], moment: datetime) -> set[str]:
    """Return those of some open houses that are over at a time."""
    with framed(con, asked=arrow.of_keys(keys)):
        found = rows(
            con,
            f"select {_KEY} from {_TABLE} held where feed = ? and {OVER} "
            f"and {_KEY} in (select record_key from asked)",
            [feed, moment],
        )
    return {over for (over,) in found}


def to_come(
    con: Connection, feed: str, listing_keys: Sequence[str], moment: datetime
) -> dict[str, set[str]]:
    """Return the open houses of these listings that are surely not over at a time."""
    with framed(con, asked=arrow.of_keys(listing_keys)):
        found = rows(
            con,
            f'select "ListingKey", {_KEY} from {_TABLE} held where feed = ? '
            f'and ({OVER}) is false and "ListingKey" in (select record_key from asked)',
            [feed, moment],
        )
    held: defaultdict[str, set[str]] = defaultdict(set)
    for listing_key, key in found:
        held[listing_key].add(key)
    return dict(held)


def count_to_come(con: Connection, feed: str, moment: datetime) -> int:
    """Count the open houses of a feed that are not over at a time."""
    return scalar(
        con,
        f"select count(*) from {_TABLE} held where feed = ? and ({OVER}) is false",
        [feed, moment],
    )


def newer(con: Connection, feed: str, records: Sequence[RawRecord]) -> list[RawRecord]:
    """Return those of some open houses of which no version is stored, or an older one."""
    with framed(con, asked=arrow.of_keys(record.key for record in records)):
        stored = dict(
            rows(
                con,
                "select record_key, modified_at from raw.records semi join asked "
                "using (record_key) where feed = ? and resource = ?",
                [feed, Resource.OPEN_HOUSE],
            )
        )
    return [
        record
        for record in records
        if record.modified_at is not None
        and (
            record.key not in stored
            or (stored[record.key] is not None and stored[record.key] < record.modified_at)
        )
    ]


def mark_past(con: Connection, moment: datetime) -> None:
    """Mark which open houses are over at a time, so far as they are marked otherwise."""
    over = f"coalesce({OVER}, false)"
    con.execute(
        f"update {_TABLE} held set is_past = {over} where is_past is distinct from {over}",
        [moment, moment],
    )


def localise(
    con: Connection,
    feeds: Mapping[str, str | None],
    zone_of_state: Mapping[str, str],
) -> None:
    """Work out the local times of the open houses of some feeds, so far as they are otherwise.

    The time zone is the one that the feed is given, else that of its listing's state, if that
    lies in one. A date that the source gave stays;
    where it gave none, it is the day of the start in that zone, and NULL where no zone is known.
    """
    given = arrow.table_of(
        feed=arrow.of_texts(list(feeds)), zone=arrow.of_texts([feeds[feed] for feed in feeds])
    )
    by_state = arrow.table_of(
        state=arrow.of_texts(list(zone_of_state)), zone=arrow.of_texts(list(zone_of_state.values()))
    )
    names = ", ".join(map(quoted, _LOCAL))
    with framed(con, given=given, by_state=by_state):
        con.execute(
            "create or replace temp table localised as "
            f"with zoned as (select held.feed, held.{_KEY} as key, "
            "coalesce(given.zone, by_state.zone) as time_zone, "
            'held."OpenHouseStartTime" as starts, held."OpenHouseEndTime" as ends, '
            'if(held.date_from_start, null, held."OpenHouseDate") as told, '
            f"row({_columns('held')}) as before from {_TABLE} held "
            f"join given on given.feed = held.feed left join {_LISTINGS} listing "
            f'on listing.feed = held.feed and listing.{_LISTING_KEY} = held."ListingKey" '
            f"left join by_state on by_state.state = upper(trim(listing.{quoted(_STATE)}))), "
            f"found as (select feed, key, before, time_zone, "
            "timezone(time_zone, starts) as starts_local, timezone(time_zone, ends) as ends_local, "
            'coalesce(told, timezone(time_zone, starts)::date) as "OpenHouseDate", '
            "told is null and timezone(time_zone, starts) is not null as date_from_start "
            f"from zoned) select feed, key, {names} from found "
            f"where row({_columns('found')}) is distinct from before"
        )
    if scalar(con, "select count(*) from localised"):
        told = ", ".join(f"{quoted(name)} = localised.{quoted(name)}" for name in _LOCAL)
        con.execute(
            f"update {_TABLE} set {told} from localised "
            f"where {_TABLE}.feed = localised.feed and {_TABLE}.{_KEY} = localised.key"
        )
        counters.changed(con)
    con.execute("drop table localised")


def _columns(table: str) -> str:
    return ", ".join(f"{table}.{quoted(name)}" for name in _LOCAL)
