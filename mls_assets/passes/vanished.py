"""Noting whether a source still knows the MLS that it is asked about."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from mls_assets.errors import AccessLost
from mls_assets.passes.site import Site
from mls_assets.warehouse import vanishing


@contextmanager
def noting_access(site: Site, feed: str) -> Iterator[None]:
    """Count an answer that does not know the MLS; one that does ends the count.

    Only one counts in which the MLS is null and missing in the list of all MLSs too. The caller
    holds the feed's lock.
    """
    try:
        yield
    except AccessLost as error:
        if error.unlisted:
            with site.warehouse.write() as con:
                vanishing.note(con, feed, datetime.now(UTC))
        raise
    with site.warehouse.read() as con:
        noted = vanishing.noted(con, feed)
    if noted:
        with site.warehouse.write() as con:
            vanishing.forget(con, feed)
