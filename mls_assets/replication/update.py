"""The update of a Spark resource, as the guide's step 2.

Asked is what was modified after the start of the last successful retrieval, less the overlap
that covers the source's caching. The new cursor is the time at which this update began; it is
stored when the last page is, in the same transaction. Child collections of changed listings are
fetched before their page is stored and land in its transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import DownloadIncomplete, LinkExpired
from mls_assets.model.records import KeyOrder, Page
from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind
from mls_assets.reconcile.ending import WalkCounts, followed
from mls_assets.replication.clocks import CLOCK_GRAIN, about_return, is_ahead, last_sane
from mls_assets.replication.ending import Ending, Window, ending, way_out
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.open_houses import Removing
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.relations import or_what_to_correct, with_children
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sources import SparkClient, ahead
from mls_assets.warehouse import FeedState, Walk
from mls_assets.warehouse.landing import cursors, landing


@dataclass(frozen=True, slots=True)
class _Update:
    """One update under way; `cursor` is the stored one that it started from.

    `since` is the lower bound that is asked for, `until` the upper one of a two-sided window;
    `notes` say why the lower one is not the cursor's.
    """

    workspace: Workspace
    client: SparkClient
    feed: SparkFeed
    resource: Resource
    settings: SparkSettings
    cursor: str
    since: datetime
    source_rows: int | None
    notes: tuple[str, ...] = ()
    until: datetime | None = None


def update(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    resource: Resource,
    settings: SparkSettings,
    state: FeedState,
) -> Replicated:
    """Bring a downloaded resource up to date from `state`; the caller holds the feed's lock.

    Raises the typed source errors; the cursor moves only when everything has landed.
    """
    if state.cursor is None:
        raise ValueError("an update starts from a cursor")
    with workspace.warehouse.read() as con:
        walk = cursors.open_walk(con, feed.name, resource, PassKind.UPDATE)
        before = cursors.remembered(con, feed.name, resource)
    source_rows = client.count(resource)
    now = client.clock or datetime.now(UTC)
    cursor, notes = datetime.fromisoformat(state.cursor), ()
    from_then = cursor
    if is_ahead(cursor, now):
        from_then = last_sane([*before, cursor] if cursor not in before else before, now)
        notes = (about_return(cursor, now, from_then),)
    since = from_then - timedelta(minutes=settings.overlap_minutes)
    work = _Update(
        workspace, client, feed, resource, settings, state.cursor, since, source_rows, notes
    )
    if walk is not None and walk.since is not None:
        resumed = replace(work, since=walk.since, until=walk.until)
        # one that a clock began which ran ahead asks for too little
        is_sound = not notes and not is_ahead(walk.started_at, now)
        try:
            if is_sound:
                return _follow(resumed, walk, client.pages(resource, resume=walk.next_link))
        except LinkExpired:
            pass  # the source forgot where we were: ask the whole window again
        with workspace.warehouse.write() as con:
            cursors.end_walks(con, feed.name, resource)
    work = replace(work, until=client.clock if settings.two_sided_window else None)
    return _follow(work, None, client.pages(resource, since=since, until=work.until))


def _follow(work: _Update, walk: Walk | None, pages: Iterator[Page]) -> Replicated:
    workspace, feed, resource = work.workspace, work.feed.name, work.resource
    done = Replicated(feed, resource, PassKind.UPDATE, cursor=work.cursor)
    records = 0
    went_behind: str | None = None
    following: Iterator[Page] | None = pages
    while following is not None:
        asked, following = or_what_to_correct(work.feed, resource, following), None
        for page in ahead(_told_with_children(work, asked)):
            order = followed(walk.order if walk else KeyOrder(), page.keys)
            fault = advice = ""
            if not page.next:
                found = _prove_complete(work, walk, page, order, went_behind)
                fault, advice = found.fault, way_out(feed, found)
                if found.link is not None:
                    went_behind, page = order.last, replace(page, next=found.link)
                    following = work.client.pages(resource, resume=found.link)
            if resource is Resource.PROPERTY and page.removals:
                # a removal takes along the open houses in the table; some may just have landed
                normalise_locked(workspace, feed, resources=(Resource.OPEN_HOUSE,))
            with workspace.warehouse.write() as con:
                cursors.expect_cursor(con, feed, resource, work.cursor)
                walk = walk or cursors.begin_walk(
                    con,
                    feed,
                    resource,
                    PassKind.UPDATE,
                    started_at=page.fetched_at,
                    since=work.since,
                    until=work.until,
                    count_before=page.count,
                )
                landed = landing.land_page(con, page, walk=walk, run_id=workspace.run_id)
                if page.next:
                    walk = cursors.advance_walk(con, walk, page.next, order)
                else:
                    cursors.end_walks(con, feed, resource)
                if not page.next and not fault:
                    cursor = _next_cursor(work, walk)
                    cursors.remember(con, feed, resource, datetime.fromisoformat(cursor))
                    cursors.succeed(
                        con,
                        feed,
                        resource,
                        cursor=cursor,
                        at=page.fetched_at,
                        source_rows=work.source_rows,
                    )
            if fault:
                raise DownloadIncomplete(
                    f"{feed} {resource}: of the update, {fault}. What came is kept, the cursor "
                    "did not move, and the next run asks for the whole window again. "
                    f"{advice}"
                )
            done = done.plus(landed)
            records += len(page.records)
            expected = walk.count_before
            workspace.progress(
                Progress(feed, resource, PassKind.UPDATE, done.pages, records, expected)
            )
            if page.next and 0 < work.settings.page_budget <= done.pages:
                return replace(done, complete=False)
    if walk is None:
        raise AssertionError("a walk has at least one page")
    cursor = _next_cursor(work, walk)
    done = replace(done, cursor=cursor, source_rows=work.source_rows)
    return done.noting(work.notes)


def _prove_complete(
    work: _Update, walk: Walk | None, last: Page, order: KeyOrder, went_behind: str | None
) -> Ending:
    """Hold what came against the source's counts before the cursor moves past it.

    An answer without a link may be one that was cut: what it left out would never come again.
    A listing that leaves a two-sided window was modified again, and comes with the next one.
    """
    client, resource = work.client, work.resource
    before = last.count if walk is None else walk.count_before
    here = cursors.marks_of(last).union(record.key for record in last.records)
    seen, items = len(here), last.items
    if walk is not None:
        with work.workspace.warehouse.read() as con:
            seen += cursors.keys_seen(con, walk, besides=here)
            seen += cursors.not_kept(con, walk, besides=here)
            items += cursors.items_of(con, walk)[0]
    came = WalkCounts(seen, before, None, full=last.items >= client.page_size)
    if came.in_doubt:
        after = client.count(resource, since=work.since, until=work.until)
        came = replace(came, after=after)
    left = work.until
    return ending(
        client,
        Window(resource, work.since, work.until),
        order,
        came,
        items=items,
        changed=lambda: (client.count(resource, since=left) or 0) if left else 0,
        went_behind=went_behind,
    )


def _next_cursor(work: _Update, walk: Walk) -> str:
    """Return the cursor after this walk: never later than what it asked for, nor than a clock."""
    bounds = (walk.started_at, walk.until, work.client.clock)
    return next_cursor(work.cursor, min(moment for moment in bounds if moment is not None))


def _told_with_children(work: _Update, pages: Iterator[Page]) -> Iterator[Page]:
    removing = Removing()
    for page in pages:
        yield with_children(work.workspace, work.client, work.feed, page, updating=removing)


def next_cursor(before: str, started_at: datetime) -> str:
    """Return the cursor after an update that began then, by the source's clock. Pure.

    A server's date has whole seconds, so an update right after another can seem to have begun
    before it: that moves nothing back.
    """
    back = datetime.fromisoformat(before) - started_at
    return before if timedelta(0) < back < CLOCK_GRAIN else started_at.isoformat()
