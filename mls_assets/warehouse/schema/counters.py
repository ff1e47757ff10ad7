"""Numbers that only grow, and marks, in `raw.meta`: page and entry ids, and what has changed.

A counter is a stored row and never a maximum over a table, because rows go and numbers must
not come back.
"""

from datetime import UTC, datetime, timedelta

from mls_assets.warehouse.storage.queries import Connection, scalar

#: Where a warehouse keeps the number that tells it from all others.
WAREHOUSE_NUMBER = "warehouse_number"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def current(con: Connection, name: str) -> int:
    """Return the last number given out, 0 before the first."""
    return scalar(con, "select value from raw.meta where name = ?", [name]) or 0


def take_numbers(con: Connection, name: str, how_many: int = 1) -> int:
    """Give out `how_many` consecutive numbers; return the first."""
    last = current(con, name)
    set_mark(con, name, last + how_many)
    return last + 1


def set_mark(con: Connection, name: str, value: int) -> None:
    """Store a number under a name."""
    con.execute("delete from raw.meta where name = ?", [name])
    con.execute("insert into raw.meta values (?, ?)", [name, value])


def changed(con: Connection) -> None:
    """Note that what readers would see is different from before."""
    take_numbers(con, "changes")


def mark_moment(con: Connection, name: str, moment: datetime) -> None:
    """Store a time under a name."""
    set_mark(con, name, (moment - _EPOCH) // timedelta(microseconds=1))


def stored_moment(con: Connection, name: str) -> datetime | None:
    """Return a time that was stored, None before the first."""
    value = current(con, name)
    return _EPOCH + timedelta(microseconds=value) if value else None
