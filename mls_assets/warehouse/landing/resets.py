"""Logs that a source was found to have reset: they end before the event that was handled last.

Only such a log may be replayed without reaching that event. Who finds it out: `passes.events`,
and `passes.replay` where another question is asked meanwhile.
"""

from datetime import datetime

from mls_assets.model.resources import Resource
from mls_assets.warehouse.storage.queries import Connection, scalar


def note_reset(con: Connection, feed: str, resource: Resource, moment: datetime) -> None:
    """Note that a log was reset."""
    forget_reset(con, feed, resource)
    con.execute("insert into raw.resets values (?, ?, ?)", [feed, resource, moment])


def is_reset(con: Connection, feed: str, resource: Resource) -> bool:
    """Tell whether a log was reset and not replayed since."""
    return bool(
        scalar(
            con,
            "select count(*) from raw.resets where feed = ? and resource = ?",
            [feed, resource],
        )
    )


def forget_reset(con: Connection, feed: str, resource: Resource) -> None:
    """Forget that a log was reset: what is stored is what it tells now."""
    con.execute("delete from raw.resets where feed = ? and resource = ?", [feed, resource])
