"""The first download of a Spark resource, as the guide's step 1, resumable page by page.

Two walks: the records, and (for listings) their Media, Room and Unit. The position of a walk is
stored with the page it follows, so a kill costs at most the page being stored and the one being
fetched. The cursor is the time at which the first attempt began, however often it was resumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count as numbers

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import DownloadIncomplete, LinkExpired
from mls_assets.model.records import KeyOrder, Page
from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind
from mls_assets.reconcile.ending import MAX_MISSED_SHARE, WalkCounts, followed
from mls_assets.replication.clocks import is_ahead
from mls_assets.replication.ending import Ending, Window, ending, way_out
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.relations import (
    or_what_to_correct,
    refused_relations,
    untold_after_walk,
    without_unasked,
)
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.undated import about_undated
from mls_assets.replication.upkeep.unconfigured import children_of
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sources import QuestionRefused, SparkClient, ahead
from mls_assets.warehouse import Walk
from mls_assets.warehouse.landing import cursors, landing, undated
from mls_assets.warehouse.landing.cursors import ENDED
from mls_assets.warehouse.removals import unasked

_BEGUN_IN_THE_FUTURE = (
    "the download had begun by a clock that ran ahead, so it was not known which changes came "
    "after its start; it began again"
)


@dataclass(slots=True)
class _Download:
    """One download under way: the parts that both of its walks need."""

    workspace: Workspace
    client: SparkClient
    feed: SparkFeed
    resource: Resource
    settings: SparkSettings
    done: Replicated

    @property
    def out_of_budget(self) -> bool:
        return 0 < self.settings.page_budget <= self.done.pages

    def report(self, stage: str, pages: int, records: int, expected: int | None) -> None:
        self.workspace.progress(
            Progress(self.feed.name, self.resource, stage, pages, records, expected)
        )


def download(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    resource: Resource,
    settings: SparkSettings,
) -> Replicated:
    """Begin or resume the download of a resource; the caller holds the feed's lock.

    Raises DownloadIncomplete where nothing proves that all keys came, and the typed source
    errors; the next call resumes, or begins again where the source forgot the position.
    """
    work = _Download(
        workspace,
        client,
        feed,
        resource,
        settings,
        Replicated(feed.name, resource, PassKind.DOWNLOAD),
    )
    walk = _walk_records(work)
    if walk is None:
        return replace(work.done, complete=False)
    seen, source_rows = walk.seen, walk.source_rows
    if resource is Resource.PROPERTY and feed.relations and not _walk_relations(work, seen):
        return replace(work.done, complete=False)
    began = min(walk.walk.started_at, client.clock or walk.walk.started_at)
    cursor = began.isoformat()
    with workspace.warehouse.write() as con:
        cursors.end_walks(con, feed.name, resource)
        if resource is Resource.PROPERTY:
            # what an earlier question asked for stayed until now
            unasked.drop_children(con, feed.name, children_of(feed))
        cursors.succeed(
            con,
            feed.name,
            resource,
            cursor=cursor,
            at=client.clock or walk.walk.started_at,
            initial_complete=True,
            source_rows=source_rows,
        )
        cursors.remember(con, feed.name, resource, began)
        unreached = undated.count_undated(con, feed.name, resource)
    done = replace(work.done, cursor=cursor, source_rows=source_rows)
    return done.noting(about_undated(resource, unreached))


@dataclass(frozen=True, slots=True)
class _Proven:
    """A walk over records that is whole: what came, and what the source counts."""

    walk: Walk
    seen: int
    source_rows: int | None


def _walk_records(work: _Download) -> _Proven | None:
    """Walk to the proven end of the records; None when the page budget ended it."""
    for attempt in numbers():
        with work.workspace.warehouse.read() as con:
            walk = cursors.open_walk(con, work.feed.name, work.resource, PassKind.DOWNLOAD)
        if walk is not None and is_ahead(walk.started_at, datetime.now(UTC)):
            # by a clock that ran ahead: when it really began, and so its cursor, is not known
            with work.workspace.warehouse.write() as con:
                cursors.end_walks(con, work.feed.name, work.resource)
            work.done = work.done.noting((_BEGUN_IN_THE_FUTURE,))
            walk = None
        try:
            return _follow_to_the_end(work, walk)
        except LinkExpired:
            # the source forgot where we were: begin again, but not for ever
            if walk is None or attempt:
                raise
            with work.workspace.warehouse.write() as con:
                cursors.end_walks(con, work.feed.name, work.resource)
    raise AssertionError("unreachable")


def _follow_to_the_end(work: _Download, walk: Walk | None) -> _Proven | None:
    went_behind: str | None = None
    while True:
        walk = _follow_records(work, walk)
        if walk is None:
            return None
        found, proven = _prove_complete(work, walk, went_behind)
        if found.link is None:
            return proven
        went_behind = walk.last_key
        with work.workspace.warehouse.write() as con:
            walk = cursors.advance_walk(con, walk, found.link, pages=0)
        if work.out_of_budget:
            return None


def _follow_records(work: _Download, walk: Walk | None) -> Walk | None:
    if walk and walk.next_link == ENDED:
        return walk
    feed, resource = work.feed.name, work.resource
    records = 0
    if walk is not None:
        with work.workspace.warehouse.read() as con:
            records = cursors.keys_seen(con, walk)
    pages = work.client.pages(resource, resume=walk.next_link if walk else None)
    answered = ahead(or_what_to_correct(work.feed, resource, pages))
    for page in (without_unasked(work.feed, page) for page in answered):
        with work.workspace.warehouse.write() as con:
            if walk is None:
                walk = cursors.begin_walk(
                    con,
                    feed,
                    resource,
                    PassKind.DOWNLOAD,
                    started_at=page.fetched_at,
                    count_before=page.count,
                )
            landed = landing.land_page(con, page, walk=walk, run_id=work.workspace.run_id)
            order = followed(walk.order, page.keys)
            walk = cursors.advance_walk(con, walk, page.next or ENDED, order)
        work.done = work.done.plus(landed)
        records += len(page.records)
        work.report(PassKind.DOWNLOAD, walk.pages, records, walk.count_before)
        if page.next and work.out_of_budget:
            return None
    return walk


def _prove_complete(work: _Download, walk: Walk, went_behind: str | None) -> tuple[Ending, _Proven]:
    """Hold what came against the source's counts, and ask what lies behind it where they doubt.

    The end of the chain alone proves nothing: on other OData servers `$top` limits the whole
    answer and no link follows.
    """
    feed, resource, client = work.feed.name, work.resource, work.client
    count_after = client.count(resource)
    with work.workspace.warehouse.read() as con:
        # what was refused or told as removed came too: the source counts it
        seen = cursors.keys_seen(con, walk) + cursors.not_kept(con, walk)
        items, last_items = cursors.items_of(con, walk)
    since = walk.started_at - timedelta(minutes=work.settings.overlap_minutes)
    found = ending(
        client,
        Window(resource),
        walk.order,
        WalkCounts(seen, walk.count_before, count_after, full=last_items >= client.page_size),
        items=items,
        changed=lambda: client.count(resource, since=since) or 0,
        went_behind=went_behind,
    )
    if found.denied and _came_twice(work, walk, seen, count_after, found.denied):
        found = Ending()
    if found.fault:
        with work.workspace.warehouse.write() as con:
            cursors.end_walks(con, feed, resource)
        raise DownloadIncomplete(
            f"{feed} {resource}: {found.fault}. What came is kept, the download is not complete "
            f"and begins again at the next run. {way_out(feed, found)}"
        )
    return found, _Proven(walk, seen, count_after)


def _came_twice(work: _Download, walk: Walk, seen: int, count: int | None, denied: int) -> bool:
    """Tell whether a second walk, over the keys alone, comes to the same end.

    Then a count that is a little too high is no reason to download for ever.
    """
    if denied > max(1, seen * MAX_MISSED_SHARE):
        return False
    order, keys = KeyOrder(), 0
    for page in work.client.key_pages(work.resource):
        order = followed(order, page.keys)
        keys += len(page.keys) + page.keyless
    ascending = (walk.bytewise and order.bytewise) or (walk.numeric and order.numeric)
    if not ascending or keys != seen or order.last != walk.last_key:
        return False
    work.done = work.done.noting(
        (
            f"the source counts {count or seen + denied:,} {work.resource} records, but two walks "
            f"came to the same end after {seen:,}, and nothing lies behind it: the download is "
            "complete. Ask whoever runs the source why its count differs",
        )
    )
    return True


def _walk_relations(work: _Download, expected: int) -> bool:
    """Walk the listings' child collections; False when the page budget ended it."""
    for attempt in numbers():
        with work.workspace.warehouse.read() as con:
            walk = cursors.open_walk(con, work.feed.name, work.resource, PassKind.RELATIONS)
        try:
            return _follow_relations(work, walk, expected)
        except LinkExpired:
            if walk is None or attempt:
                raise
            with work.workspace.warehouse.write() as con:
                cursors.end_walks(con, work.feed.name, work.resource, kind=PassKind.RELATIONS)
    raise AssertionError("unreachable")


def _follow_relations(work: _Download, walk: Walk | None, expected: int) -> bool:
    if walk and walk.next_link == ENDED:
        _prove_told(work, walk)
        return True
    if work.out_of_budget:
        return False
    pages = work.client.relation_pages(work.feed.relations, resume=walk.next_link if walk else None)
    told = 0
    for page in ahead(_or_where_to_change(work, pages)):
        with work.workspace.warehouse.write() as con:
            if walk is None:
                walk = cursors.begin_walk(
                    con,
                    work.feed.name,
                    work.resource,
                    PassKind.RELATIONS,
                    started_at=page.fetched_at,
                    count_before=page.count,
                )
            landed = landing.land_page(con, page, walk=walk, run_id=work.workspace.run_id)
            walk = cursors.advance_walk(con, walk, page.next or ENDED)
        work.done = work.done.plus(landed)
        told += len({child.listing_key for child in page.children})
        work.report(PassKind.RELATIONS, walk.pages, told, expected)
        if page.next and work.out_of_budget:
            return False
    if walk is None:
        raise AssertionError("a walk has at least one page")
    _prove_told(work, walk)
    return True


def _or_where_to_change(work: _Download, pages: Iterator[Page]) -> Iterator[Page]:
    try:
        yield from pages
    except QuestionRefused as refusal:
        raise refused_relations(work.feed, work.feed.relations, refusal) from None


def _prove_told(work: _Download, walk: Walk) -> None:
    """Ask by key for what the walk told nothing of: such listings may be newer, or left out."""

    def land(page: Page) -> None:
        with work.workspace.warehouse.write() as con:
            landed = landing.land_page(con, page, walk=None, run_id=work.workspace.run_id)
        work.done = work.done.plus(landed)

    work.done = work.done.noting(
        untold_after_walk(work.workspace, work.client, work.feed, walk, land)
    )
