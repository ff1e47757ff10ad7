"""The update of a Spark resource, as the guide's step 2.

Asked is what was modified after the start of the last successful retrieval, less the overlap
that covers the source's caching. The new cursor is the time at which this update began; it is
stored when the last page is, in the same transaction. Child collections of changed listings are
fetched before their page is stored and land in its transaction.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from mls_assets.errors import LinkExpired
from mls_assets.feeds import SparkFeed
from mls_assets.passes.children import due
from mls_assets.passes.outcome import Replicated
from mls_assets.passes.settings import SparkSettings
from mls_assets.passes.site import Progress, Site
from mls_assets.sources import SparkClient, ahead
from mls_assets.values import Page, Resource, Source
from mls_assets.warehouse import Walk, cursors, landing


def update(
    site: Site, client: SparkClient, feed: SparkFeed, resource: Resource, settings: SparkSettings
) -> Replicated:
    """Bring a downloaded resource up to date; the caller holds the feed's lock.

    Raises the typed source errors; the cursor moves only when everything has landed.
    """
    done = Replicated(feed.name, resource, "update")
    source_rows = client.count(resource)
    with site.warehouse.read() as con:
        state = cursors.state_of(con, feed.name, resource)
        walk = cursors.open_walk(con, feed.name, resource, "update")
    if walk is not None:
        try:
            return _follow(site, client, feed, resource, settings, done, walk, source_rows)
        except LinkExpired:
            # the source forgot where we were: ask the whole window again
            with site.warehouse.write() as con:
                cursors.end_walks(con, feed.name, resource)
    since = datetime.fromisoformat(state.cursor or "") - timedelta(minutes=settings.overlap_minutes)
    return _follow(site, client, feed, resource, settings, done, since, source_rows)


def _follow(
    site: Site,
    client: SparkClient,
    feed: SparkFeed,
    resource: Resource,
    settings: SparkSettings,
    done: Replicated,
    start: Walk | datetime,
    source_rows: int | None,
) -> Replicated:
    walk = start if isinstance(start, Walk) else None
    with site.warehouse.read() as con:
        cursor_before = cursors.state_of(con, feed.name, resource).cursor
    records = 0
    for page in ahead(_pages(site, client, feed, resource, settings, start)):
        with site.warehouse.write() as con:
            cursors.expect_cursor(con, feed.name, resource, cursor_before)
            if walk is None:
                walk = cursors.begin_walk(
                    con,
                    feed.name,
                    resource,
                    "update",
                    started_at=page.fetched_at,
                    count_before=page.count,
                )
            landed = landing.land(con, page, source=Source.SPARK, walk=walk, run_id=site.run_id)
            if page.next:
                walk = cursors.advance_walk(con, walk, page.next)
            else:
                cursors.end_walks(con, feed.name, resource)
                cursors.succeed(
                    con,
                    feed.name,
                    resource,
                    cursor=walk.started_at.isoformat(),
                    at=client.clock or page.fetched_at,
                    source_rows=source_rows,
                )
        done = done.plus(landed)
        records += len(page.records)
        site.progress(
            Progress(feed.name, resource, "update", done.pages, records, walk.count_before)
        )
        if page.next and 0 < settings.page_budget <= done.pages:
            return replace(done, complete=False, cursor=cursor_before)
    cursor = walk.started_at.isoformat() if walk else cursor_before
    return replace(done, cursor=cursor, source_rows=source_rows).noting(
        _went_back(cursor_before, cursor)
    )


def _pages(
    site: Site,
    client: SparkClient,
    feed: SparkFeed,
    resource: Resource,
    settings: SparkSettings,
    start: Walk | datetime,
) -> Iterator[Page]:
    """Yield the pages of the window, each with the child sets that its listings ask for."""
    if isinstance(start, Walk):
        pages = client.pages(resource, resume=start.next_link)
    else:
        until = client.clock if settings.two_sided_window else None
        pages = client.pages(resource, since=start, until=until)
    for page in pages:
        if resource is Resource.PROPERTY and feed.relations:
            yield with_children(site, client, feed, page)
        else:
            yield page


def with_children(site: Site, client: SparkClient, feed: SparkFeed, page: Page) -> Page:
    """Return the page with the child sets that its listings ask for (see `children.due`)."""
    keys = [record.key for record in page.records]
    with site.warehouse.read() as con:
        before = landing.bodies(con, feed.name, page.resource, keys)
        stored = landing.stored_children(con, feed.name, keys)
    wanted: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for record in page.records:
        relations = due(
            before.get(record.key),
            record.body,
            stored=stored.get(record.key, frozenset()),
            relations=feed.relations,
        )
        if relations:
            wanted[relations].append(record.key)
    children = list(page.children)
    for relations, listing_keys in wanted.items():
        ordered = tuple(name for name in feed.relations if name in relations)
        found, _ = client.children(listing_keys, ordered)
        children += found
    return replace(page, children=tuple(children))


def _went_back(before: str | None, after: str | None) -> tuple[str, ...]:
    if not before or not after:
        return ()
    back = datetime.fromisoformat(before) - datetime.fromisoformat(after)
    if back <= timedelta(0):
        return ()
    return (
        f"the source's clock is {back.total_seconds():.0f} s behind its clock of the last update; "
        "the cursor follows it, so that nothing is missed",
    )
