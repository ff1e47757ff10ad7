"""Logs that were found to end before the event that was handled last, so that they were reset.

Only such a log may be replayed without reaching that event. Who finds it out: `replication.events`,
and `reconciliation.replay` where another question is asked meanwhile. One answer proves little: it
may come from a replica that is behind.
"""

from datetime import datetime, timedelta

from mls_assets.model.resources import Resource
from mls_assets.warehouse.storage.queries import Connection, scalar

#: How long a log must end too early before it is taken for reset, where a replica that is behind
#: could say the same.
RESET_PROVEN_AFTER = timedelta(hours=1)


def note_reset(con: Connection, feed: str, resource: Resource, moment: datetime) -> None:
    """Note that a log was reset; since when is kept until it is forgotten."""
    if not is_reset(con, feed, resource):
        con.execute("insert into raw.resets values (?, ?, ?)", [feed, resource, moment])


def is_proven(con: Connection, feed: str, resource: Resource, now: datetime) -> bool:
    """Tell whether a log has ended too early for so long that no replica is that far behind."""
    since = scalar(
        con,
        "select min(since) from raw.resets where feed = ? and resource = ?",
        [feed, resource],
    )
    return since is not None and now - since >= RESET_PROVEN_AFTER


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
