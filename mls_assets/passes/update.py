"""The update of a Spark resource, as the guide's step 2.

Asked is what was modified after the start of the last successful retrieval, less the overlap
that covers the source's caching. The new cursor is the time at which this update began; it is
stored when the last page is, in the same transaction. Child collections of changed listings are
fetched before their page is stored and land in its transaction.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mls_assets.errors import DownloadIncomplete, LinkExpired
from mls_assets.feeds import SparkFeed
from mls_assets.passes.outcome import Replicated
from mls_assets.passes.relations import with_children
from mls_assets.passes.settings import SparkSettings
from mls_assets.passes.site import Progress, Site
from mls_assets.sources import SparkClient, ahead
from mls_assets.values import Page, Resource, Source
from mls_assets.warehouse import FeedState, Walk, cursors, landing

#: What a Date header cannot tell apart.
_CLOCK_GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Update:
    """One update under way; `cursor` is the stored one that it started from.

    `since` is the lower bound that is asked for.
    """

    site: Site
    client: SparkClient
    feed: SparkFeed
    resource: Resource
    settings: SparkSettings
    cursor: str
    since: datetime
    source_rows: int | None


def update(
    site: Site,
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
    with site.warehouse.read() as con:
        walk = cursors.open_walk(con, feed.name, resource, "update")
    overlap = timedelta(minutes=settings.overlap_minutes)
    since = datetime.fromisoformat(state.cursor) - overlap
    source_rows = client.count(resource)
    work = _Update(site, client, feed, resource, settings, state.cursor, since, source_rows)
    if walk is not None and walk.since is not None:
        resumed = replace(work, since=walk.since)
        try:
            return _follow(resumed, walk, client.pages(resource, resume=walk.next_link))
        except LinkExpired:
            # the source forgot where we were: ask the whole window again
            with site.warehouse.write() as con:
                cursors.end_walks(con, feed.name, resource)
    until = client.clock if settings.two_sided_window else None
    return _follow(work, None, client.pages(resource, since=since, until=until))


def _follow(work: _Update, walk: Walk | None, pages: Iterator[Page]) -> Replicated:
    site, feed, resource = work.site, work.feed.name, work.resource
    done = Replicated(feed, resource, "update", cursor=work.cursor)
    records = 0
    for page in ahead(_told_with_children(work, pages)):
        if not page.next:
            _prove_complete(work, walk, page)
        with site.warehouse.write() as con:
            cursors.expect_cursor(con, feed, resource, work.cursor)
            if walk is None:
                walk = cursors.begin_walk(
                    con,
                    feed,
                    resource,
                    "update",
                    started_at=page.fetched_at,
                    since=work.since,
                    count_before=page.count,
                )
            landed = landing.land(con, page, source=Source.SPARK, walk=walk, run_id=site.run_id)
            if page.next:
                walk = cursors.advance_walk(con, walk, page.next)
            else:
                cursors.end_walks(con, feed, resource)
                cursors.succeed(
                    con,
                    feed,
                    resource,
                    cursor=next_cursor(work.cursor, walk.started_at),
                    at=page.fetched_at,
                    source_rows=work.source_rows,
                )
        done = done.plus(landed)
        records += len(page.records)
        site.progress(Progress(feed, resource, "update", done.pages, records, walk.count_before))
        if page.next and 0 < work.settings.page_budget <= done.pages:
            return replace(done, complete=False)
    if walk is None:
        raise AssertionError("a walk has at least one page")
    cursor = next_cursor(work.cursor, walk.started_at)
    done = replace(done, cursor=cursor, source_rows=work.source_rows)
    return done.noting(_went_back(work.cursor, cursor))


def _prove_complete(work: _Update, walk: Walk | None, last: Page) -> None:
    """Hold what came against the source's counts before the cursor moves past it.

    An answer without a link may be one that was cut: what it left out would never come again.
    """
    before = last.count if walk is None else walk.count_before
    seen = len(last.records) + len(last.removals) + len(last.rejects)
    if walk is not None:
        with work.site.warehouse.read() as con:
            seen += cursors.keys_seen(con, walk) + cursors.not_kept(con, walk)
    if before is None or seen >= before:
        return
    after = work.client.count(work.resource, since=work.since)
    if after is not None and seen < min(before, after):
        with work.site.warehouse.write() as con:
            cursors.end_walks(con, work.feed.name, work.resource)
        raise DownloadIncomplete(
            f"{work.feed.name} {work.resource}: the pages of the update ended after {seen:,} "
            f"records, but the source counts {before:,} before and {after:,} after. The cursor "
            "did not move; the next run asks for the whole window again."
        )


def _told_with_children(work: _Update, pages: Iterator[Page]) -> Iterator[Page]:
    for page in pages:
        yield with_children(work.site, work.client, work.feed, page)


def next_cursor(before: str, started_at: datetime) -> str:
    """Return the cursor after an update that began then, by the source's clock. Pure.

    A server's date has whole seconds, so an update right after another can seem to have begun
    before it: that moves nothing back.
    """
    back = datetime.fromisoformat(before) - started_at
    return before if timedelta(0) < back < _CLOCK_GRAIN else started_at.isoformat()


def _went_back(before: str, after: str) -> tuple[str, ...]:
    back = datetime.fromisoformat(before) - datetime.fromisoformat(after)
    if back <= timedelta(0):
        return ()
    return (
        f"the source's clock is {back.total_seconds():.0f} s behind its clock of the last update; "
        "the cursor follows it, so that nothing is missed",
    )
