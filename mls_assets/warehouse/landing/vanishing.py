"""MLSs that their source says it does not know: since when, and how often it said so in a row.

Nothing is removed for it: what is stored stays until a person erases it.
"""

from datetime import datetime

from mls_assets.warehouse.storage.queries import Connection, rows, scalar

#: One odd answer proves nothing.
PROVEN_AFTER = 2


def note_unknown_mls(con: Connection, feed: str, now: datetime) -> None:
    """Count one more proper answer that did not know the MLS of a feed, if it is stored."""
    if not scalar(con, "select count(*) from feeds where feed = ?", [feed]):
        return
    found = rows(con, "select since, answers from raw.vanished where feed = ?", [feed])
    since, answers = found[0] if found else (now, 0)
    con.execute("delete from raw.vanished where feed = ?", [feed])
    con.execute("insert into raw.vanished values (?, ?, ?)", [feed, since, answers + 1])


def note_known_mls(con: Connection, feed: str) -> None:
    """Note that the source knows the MLS of a feed (again)."""
    con.execute("delete from raw.vanished where feed = ?", [feed])


def is_unknown_mls(con: Connection, feed: str) -> bool:
    """Tell whether any answer did not know the MLS since one last did."""
    return bool(scalar(con, "select count(*) from raw.vanished where feed = ?", [feed]))


def vanished_feeds(con: Connection) -> dict[str, datetime]:
    """Return the feeds whose MLS has vanished by enough answers in a row, and since when."""
    return dict(
        rows(con, "select feed, since from raw.vanished where answers >= ?", [PROVEN_AFTER])
    )
