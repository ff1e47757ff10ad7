"""Following the event log of one Forge MLS and kind, as the guide says.

Ask for what follows the last event, handle all of the answer, and only then (in the same
transaction) store `latest_event`; go on while `remaining` is above 0.
"""

from dataclasses import replace
from datetime import UTC, datetime

from mls_assets.configuration.feeds import ForgeAccess, mls_of_feed
from mls_assets.errors import CursorWentBack
from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.own_entries import keeping
from mls_assets.replication.settings import ForgeSettings
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sources import ForgeClient, ahead
from mls_assets.warehouse.landing import cursors, landing, resets


def follow_events(
    workspace: Workspace,
    client: ForgeClient,
    feed: str,
    access: ForgeAccess,
    resource: Resource,
    settings: ForgeSettings,
) -> Replicated:
    """Handle all events after the stored one; the caller holds the feed's lock.

    Raises CursorWentBack (and marks the feed `needs_resync`) when the source's log was reset,
    and the typed source errors; every page that was stored stays stored with its event id.
    """
    done = Replicated(feed, resource, PassKind.EVENTS)
    with workspace.warehouse.read() as con:
        cursor = cursors.state_of(con, feed, resource).cursor
    pages = client.pages(
        feed,
        mls_of_feed(feed),
        resource,
        after=int(cursor or 0),
        filter=access.filter_for(resource),
    )
    expected: int | None = None
    records = 0
    try:
        for page in ahead(pages):
            # a source that never says what remains is current where it brings nothing new
            current = page.remaining == 0 or (
                page.remaining is None and page.position == int(cursor or 0)
            )
            with workspace.warehouse.write() as con:
                cursors.expect_cursor(con, feed, resource, cursor)
                page = keeping(con, page)
                landed = landing.land_page(con, page, walk=None, run_id=workspace.run_id)
                cursor = str(page.position)
                cursors.advance_events(
                    con, feed, resource, cursor=cursor, at=page.fetched_at, current=current
                )
            done = done.plus(landed)
            records += len(page.records) + len(page.removals)
            expected = records + (page.remaining or 0)
            workspace.progress(
                Progress(feed, resource, PassKind.EVENTS, done.pages, records, expected)
            )
            if not current and 0 < settings.page_budget <= done.pages:
                return replace(done, complete=False, cursor=cursor)
    except CursorWentBack:
        with workspace.warehouse.write() as con:
            cursors.needs_resync(con, feed, resource)
            resets.note_reset(con, feed, resource, datetime.now(UTC))
        raise
    return replace(done, cursor=cursor)
