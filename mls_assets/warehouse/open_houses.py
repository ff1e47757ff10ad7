"""Which open houses are over: sources list only those to come, so past ones are no suspects.

They stay as history while their listing lives.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from mls_assets.values import KEY_FIELDS, TABLES, RawRecord, Resource
from mls_assets.warehouse import arrow
from mls_assets.warehouse.ddl import quoted
from mls_assets.warehouse.queries import Connection, framed, rows, scalar

_TABLE, _KEY = TABLES[Resource.OPEN_HOUSE], quoted(KEY_FIELDS[Resource.OPEN_HOUSE])
#: When a row called `held` ends. One without an end is taken to last half a day. A date has no
#: zone: its day ends everywhere 36 hours after it began in UTC.
ENDS = (
    'coalesce(held."OpenHouseEndTime", held."OpenHouseStartTime" + interval 12 hour, '
    'held."OpenHouseDate"::timestamptz + interval 36 hour)'
)
#: Whether it is over, as of a parameter.
OVER = f"{ENDS} < ?"


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
