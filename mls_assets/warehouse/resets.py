"""Logs that a source was found to have reset: they end before the event that was handled last.

Only such a log may be replayed without reaching that event. Who finds it out: `passes.events`,
and `passes.replay` where another question is asked meanwhile.
"""

from datetime import datetime

from mls_assets.values import Resource
from mls_assets.warehouse.queries import Connection, scalar


def note(con: Connection, feed: str, resource: Resource, moment: datetime) -> None:
    """Note that a log was reset."""
    forget(con, feed, resource)
    con.execute("insert into raw.resets values (?, ?, ?)", [feed, resource, moment])


def noted(con: Connection, feed: str, resource: Resource) -> bool:
    """Tell whether a log was reset and not replayed since."""
    return bool(
        scalar(
            con,
            "select count(*) from raw.resets where feed = ? and resource = ?",
            [feed, resource],
        )
    )


def forget(con: Connection, feed: str, resource: Resource) -> None:
    """Forget that a log was reset: what is stored is what it tells now."""
    con.execute("delete from raw.resets where feed = ? and resource = ?", [feed, resource])
