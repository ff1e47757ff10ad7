"""Which open houses are over: sources list only those to come, so past ones are no suspects.

They stay as history while their listing lives.
"""

from collections.abc import Sequence
from datetime import datetime

from mls_assets.values import KEY_FIELDS, TABLES, Resource
from mls_assets.warehouse import arrow
from mls_assets.warehouse.ddl import quoted
from mls_assets.warehouse.queries import Connection, framed, rows

_TABLE, _KEY = TABLES[Resource.OPEN_HOUSE], quoted(KEY_FIELDS[Resource.OPEN_HOUSE])
#: When a row called `held` is over, as of a parameter. One without an end is taken to last half a
#: day. A date has no zone: its day ends everywhere 36 hours after it began in UTC.
OVER = (
    'coalesce(held."OpenHouseEndTime", held."OpenHouseStartTime" + interval 12 hour, '
    'held."OpenHouseDate"::timestamptz + interval 36 hour) < ?'
)


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


def mark_past(con: Connection, moment: datetime) -> None:
    """Mark which open houses are over at a time, so far as they are marked otherwise."""
    over = f"coalesce({OVER}, false)"
    con.execute(
        f"update {_TABLE} held set is_past = {over} where is_past is distinct from {over}",
        [moment, moment],
    )
