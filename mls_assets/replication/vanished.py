"""Noting whether a source still knows the MLS that it is asked about."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from mls_assets.errors import AccessLost
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse.landing import cursors, origins, vanishing


@contextmanager
def noting_access(workspace: Workspace, feed: str) -> Iterator[None]:
    """Count an answer that does not know the MLS; one that does ends the count.

    Only one counts in which the MLS is null and missing in the list of all MLSs too. Of an MLS that
    never answered nothing is left then: its name was a slip. The caller holds the feed's lock.
    """
    try:
        yield
    except AccessLost as error:
        if error.unlisted:
            with workspace.warehouse.write() as con:
                vanishing.note_unknown_mls(con, feed, datetime.now(UTC))
                if not cursors.states(con, feed):
                    origins.forget_origin(con, feed)
        raise
    with workspace.warehouse.read() as con:
        noted = vanishing.is_unknown_mls(con, feed)
    if noted:
        with workspace.warehouse.write() as con:
            vanishing.note_known_mls(con, feed)
