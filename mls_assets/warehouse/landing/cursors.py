"""How far each resource of a feed is replicated: its state, its cursor, its unfinished walks.

A cursor is written in the transaction that stores the data it stands for. No data here.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mls_assets.errors import FeedBusy
from mls_assets.model.records import KeyOrder, Page
from mls_assets.model.resources import FUTURE_TOLERANCE, TABLE_OF_RESOURCE, Resource
from mls_assets.model.states import PassKind, ReplicationState
from mls_assets.warehouse.landing import status_deletes
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.raw_tables import WALKS
from mls_assets.warehouse.schema.table_rows import insert_row, stored_rows
from mls_assets.warehouse.schema.tables import FEEDS
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar

#: The `next_link` of a walk whose last page is stored.
ENDED = ""

#: How many time cursors of a resource are remembered: a week of one each twenty minutes.
CURSORS_KEPT = 500


@dataclass(frozen=True, slots=True)
class FeedState:
    """A row of `feeds`; the fields are its columns."""

    feed: str
    resource: Resource
    state: ReplicationState = ReplicationState.NEW
    cursor: str | None = None
    initial_download_complete: bool = False
    last_poll_at: datetime | None = None
    last_success_at: datetime | None = None
    reconciled_at: datetime | None = None
    newest_modification: datetime | None = None
    rows: int = 0
    source_rows: int | None = None

    @property
    def was_complete(self) -> bool:
        """Tell whether all that the source had was ever here; before that nothing is judged."""
        return bool(self.initial_download_complete or self.last_success_at or self.reconciled_at)


@dataclass(frozen=True, slots=True)
class Walk:
    """A row of `raw.walks`: a walk over pages that is not finished; the fields are its columns.

    `next_link` is None before the first page.
    """

    walk_id: int
    feed: str
    resource: Resource
    kind: PassKind
    started_at: datetime
    since: datetime | None = None
    next_link: str | None = None
    pages: int = 0
    count_before: int | None = None
    cursor_before: str | None = None
    until: datetime | None = None
    last_key: str | None = None
    before_last_key: str | None = None
    bytewise: bool | None = True
    numeric: bool | None = True

    @property
    def order(self) -> KeyOrder:
        """How its keys came; of a walk that an older program began nothing is known."""
        return KeyOrder(
            self.last_key, self.before_last_key, bool(self.bytewise), bool(self.numeric)
        )


def states(con: Connection, feed: str | None = None) -> list[FeedState]:
    """Return the states of all feeds, or of one, in order."""
    where = "feed = coalesce(?, feed) order by feed, resource"
    return stored_rows(con, FEEDS, FeedState, where, [feed])


def state_of(con: Connection, feed: str, resource: Resource) -> FeedState:
    """Return the state of a resource; `new` when nothing is known of it."""
    found = [state for state in states(con, feed) if state.resource == resource]
    return found[0] if found else FeedState(feed, resource)


def save_state(con: Connection, state: FeedState) -> None:
    """Store a state as it is given."""
    con.execute("delete from feeds where feed = ? and resource = ?", [state.feed, state.resource])
    insert_row(con, FEEDS, state)


def note_modification(
    con: Connection, feed: str, resource: Resource, modified_at: Iterable[datetime | None]
) -> None:
    """Note how new the newest record is that came; a date in the future tells nothing of that."""
    state = state_of(con, feed, resource)
    latest = datetime.now(UTC) + FUTURE_TOLERANCE
    moments = (*modified_at, state.newest_modification)
    known = [moment for moment in moments if moment and moment <= latest]
    save_state(con, replace(state, newest_modification=max(known, default=None)))


def remember(con: Connection, feed: str, resource: Resource, cursor: datetime) -> None:
    """Keep a time cursor among the last ones; those after it belong to a clock that ran ahead."""
    where = "where feed = ? and resource = ?"
    con.execute(f"delete from raw.cursors {where} and cursor > ?", [feed, resource, cursor])
    number = scalar(
        con, f"select coalesce(max(number), 0) + 1 from raw.cursors {where}", [feed, resource]
    )
    con.execute(
        "insert into raw.cursors (feed, resource, number, cursor) values (?, ?, ?, ?)",
        [feed, resource, number, cursor],
    )
    con.execute(
        f"delete from raw.cursors {where} and number <= ?",
        [feed, resource, number - CURSORS_KEPT],
    )


def remembered(con: Connection, feed: str, resource: Resource) -> list[datetime]:
    """Return the time cursors that a resource had last, oldest first."""
    found = rows(
        con,
        "select cursor from raw.cursors where feed = ? and resource = ? order by number",
        [feed, resource],
    )
    return [cursor for (cursor,) in found]


def unblock(con: Connection, feed: str, resource: Resource) -> None:
    """End a block: no guard holds anything back any more."""
    state = state_of(con, feed, resource)
    if state.state == ReplicationState.BLOCKED:
        save_state(con, replace(state, state=ReplicationState.CURRENT))
        counters.changed(con)


def reconciled(
    con: Connection, feed: str, resource: Resource, *, at: datetime, source_rows: int | None
) -> None:
    """Store that removals are proven as of a time, which never goes back.

    A source's clock that is ahead of ours would make a proof look young for as long.
    """
    state = state_of(con, feed, resource)
    now = datetime.now(UTC)
    before = state.reconciled_at if state.reconciled_at and state.reconciled_at <= now else None
    save_state(
        con,
        replace(
            state,
            reconciled_at=max(min(at, now), before or min(at, now)),
            source_rows=state.source_rows if source_rows is None else source_rows,
        ),
    )
    counters.changed(con)


def block(con: Connection, feed: str, resource: Resource, *, source_rows: int) -> None:
    """Mark that a guard holds a purge back; updates go on, and a resync stays due."""
    state = replace(state_of(con, feed, resource), source_rows=source_rows)
    save_state(
        con,
        replace(state, state=ReplicationState.BLOCKED)
        if state.state == ReplicationState.CURRENT
        else state,
    )
    counters.changed(con)


def recount(con: Connection, feed: str, resource: Resource) -> int:
    """Store and return how many rows the table of a resource holds."""
    count = _rows_held(con, feed, resource)
    save_state(con, replace(state_of(con, feed, resource), rows=count))
    return count


def succeed(
    con: Connection,
    feed: str,
    resource: Resource,
    *,
    cursor: str,
    at: datetime,
    initial_complete: bool | None = None,
    source_rows: int | None = None,
) -> None:
    """Store that a resource is current as of `at`, with the cursor to go on from.

    `initial_complete` and `source_rows` (as the source counts, what it lists as deleted too)
    are left as they are when None; a purge that a guard holds back stays `blocked`.
    """
    state = state_of(con, feed, resource)
    if initial_complete is None:
        initial_complete = state.initial_download_complete
    save_state(
        con,
        replace(
            state,
            state=ReplicationState.BLOCKED
            if state.state == ReplicationState.BLOCKED
            else ReplicationState.CURRENT,
            cursor=cursor,
            initial_download_complete=initial_complete,
            last_poll_at=at,
            last_success_at=at,
            rows=_rows_held(con, feed, resource),
            source_rows=state.source_rows
            if source_rows is None
            else max(source_rows - status_deletes.count_status_deletes(con, feed, resource), 0),
        ),
    )
    if state.state not in (ReplicationState.CURRENT, ReplicationState.BLOCKED):
        counters.changed(con)


def advance_events(
    con: Connection, feed: str, resource: Resource, *, cursor: str, at: datetime, current: bool
) -> None:
    """Store a Forge event id with its page; `current` says that no event remained."""
    if current:
        succeed(con, feed, resource, cursor=cursor, at=at, initial_complete=True)
        return
    state = state_of(con, feed, resource)
    under_way = state.state
    if under_way == ReplicationState.NEW:
        under_way = ReplicationState.DOWNLOADING
    save_state(con, replace(state, state=under_way, cursor=cursor, last_poll_at=at))


def needs_resync(con: Connection, feed: str, resource: Resource) -> None:
    """Mark that what is stored cannot be brought up to date; unfinished walks are dropped."""
    end_walks(con, feed, resource)
    save_state(con, replace(state_of(con, feed, resource), state=ReplicationState.NEEDS_RESYNC))
    counters.changed(con)


def expect_cursor(con: Connection, feed: str, resource: Resource, cursor: str | None) -> None:
    """Raise FeedBusy if the stored cursor is not the one that this pass started from."""
    stored = state_of(con, feed, resource).cursor
    if stored != cursor:
        raise FeedBusy(
            f"{feed} {resource}: the cursor moved from {cursor} to {stored} meanwhile, so another "
            "run is at work. This page was not stored; the next run goes on from there."
        )


def open_walk(con: Connection, feed: str, resource: Resource, kind: PassKind) -> Walk | None:
    """Return the unfinished walk of a kind, if there is one."""
    where = "feed = ? and resource = ? and kind = ? order by walk_id desc limit 1"
    found = stored_rows(con, WALKS, Walk, where, [feed, resource, kind])
    return found[0] if found else None


def begin_walk(
    con: Connection,
    feed: str,
    resource: Resource,
    kind: PassKind,
    *,
    started_at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    count_before: int | None = None,
) -> Walk:
    """Begin a walk in place of an unfinished one of the same kind.

    A download marks its resource as `downloading`.
    """
    end_walks(con, feed, resource, kind=kind)
    state = state_of(con, feed, resource)
    walk = Walk(
        counters.take_numbers(con, "walk_id"),
        feed,
        resource,
        kind,
        started_at,
        since,
        count_before=count_before,
        cursor_before=state.cursor,
        until=until,
    )
    insert_row(con, WALKS, walk)
    if kind == PassKind.DOWNLOAD:
        save_state(con, replace(state, state=ReplicationState.DOWNLOADING, last_poll_at=started_at))
    return walk


def advance_walk(
    con: Connection, walk: Walk, next_link: str, order: KeyOrder | None = None, *, pages: int = 1
) -> Walk:
    """Store the position after one more page; `ENDED` after the last.

    `order` is that of all its keys with the page's, where it matters. A walk that ended goes on
    with another link and no further `pages`.

    Raises FeedBusy if another process moved or ended the walk meanwhile.
    """
    where = "walk_id = ? and pages = ? and next_link is not distinct from ?"
    params = [walk.walk_id, walk.pages, walk.next_link]
    if not scalar(con, f"select count(*) from raw.walks where {where}", params):
        raise FeedBusy(
            f"{walk.feed} {walk.resource}: another run moved this {walk.kind} on meanwhile. This "
            "page was not stored; the next run goes on from there."
        )
    order = order or walk.order
    moved = replace(
        walk,
        pages=walk.pages + pages,
        next_link=next_link,
        last_key=order.last,
        before_last_key=order.before_last,
        bytewise=order.bytewise,
        numeric=order.numeric,
    )
    con.execute("delete from raw.walks where walk_id = ?", [walk.walk_id])
    insert_row(con, WALKS, moved)
    return moved


def end_walks(
    con: Connection, feed: str, resource: Resource, *, kind: PassKind | None = None
) -> None:
    """Drop the unfinished walks of a resource, of one kind or of all."""
    which, params = "feed = ? and resource = ? and kind = coalesce(?, kind)", [feed, resource, kind]
    con.execute(
        f"delete from raw.walk_marks where walk_id in (select walk_id from raw.walks where "
        f"{which})",
        params,
    )
    con.execute(f"delete from raw.walks where {which}", params)


def first_downloads(con: Connection) -> dict[tuple[str, Resource], datetime]:
    """Return when the first page of each resource was asked for, by the source's clock."""
    found = rows(
        con,
        "select feed, resource, min(fetched_at) from raw.pages where kind = ? "
        "group by feed, resource",
        [PassKind.DOWNLOAD],
    )
    return {(feed, Resource(resource)): moment for feed, resource, moment in found}


def keys_seen(con: Connection, walk: Walk, *, besides: Collection[str] = ()) -> int:
    """Return how many distinct keys that are here came last in pages of this walk.

    Those in `besides` are not counted.
    """
    return scalar(
        con,
        "select count(*) from raw.records where feed = ? and resource = ? and seen_page_id in "
        "(select page_id from raw.pages where walk_id = ?) "
        "and record_key not in (select unnest(?::varchar[]))",
        [walk.feed, walk.resource, walk.walk_id, list(besides)],
    )


def keys_already_walked(con: Connection, page: Page) -> dict[str, int]:
    """Return those keys of a page that an unfinished walk has seen, each with the page it came in.

    A page that belongs to no walk leaves them there, or the walk's count would miss them.
    """
    whose = [page.feed, page.resource]
    walks = (
        "select walk_id from raw.walks where feed = ? and resource = ? "
        f"and kind <> '{PassKind.RELATIONS}'"
    )
    if not page.records or not rows(con, walks, whose):
        return {}
    with framed(con, incoming=arrow.of_keys(record.key for record in page.records)):
        found = rows(
            con,
            "select record_key, seen_page_id from raw.records semi join incoming "
            "using (record_key) where feed = ? and resource = ? and seen_page_id in "
            f"(select page_id from raw.pages where walk_id in ({walks}))",
            [*whose, *whose],
        )
    return dict(found)


def items_of(con: Connection, walk: Walk) -> tuple[int, int]:
    """Return how many records of whatever kind came in all pages of this walk, and in its last."""
    found = rows(
        con,
        "select coalesce(sum(items), 0)::bigint, coalesce(arg_max(items, page_id), 0)::bigint "
        "from (select page_id, records + removals + rejects as items from raw.pages "
        "where walk_id = ?)",
        [walk.walk_id],
    )
    return found[0]


def first_page_of(con: Connection, walk: Walk) -> int:
    """Return the number of the first page of a walk."""
    return scalar(con, "select min(page_id) from raw.pages where walk_id = ?", [walk.walk_id])


def not_kept(con: Connection, walk: Walk, besides: Collection[str] = ()) -> int:
    """Return how many records of this walk were refused, told that they are removed, or older.

    Each counts once, in however many pages it came, and not where another page of the walk
    brought it well. `besides` are keys and hashes (`marks_of`) that are left out.
    """
    return scalar(
        con,
        "select count(distinct mark) from raw.walk_marks where walk_id = ? and mark not in "
        "(select unnest(?::varchar[])) and mark not in (select record_key from raw.records where "
        "feed = ? and resource = ? and seen_page_id in "
        "(select page_id from raw.pages where walk_id = ?))",
        [walk.walk_id, list(besides), walk.feed, walk.resource, walk.walk_id],
    )


def marks_of(page: Page, outdated: Iterable[str] = ()) -> set[str]:
    """Return what tells the records of a page apart that it did not bring to be kept.

    That is their key, of one without a usable key its hash.
    """
    return {
        *(removal.key for removal in page.removals),
        *(reject.sha256 if reject.key is None else reject.key for reject in page.rejects),
        *outdated,
    }


def mark_not_kept(con: Connection, walk: Walk, marks: Iterable[str]) -> None:
    """Note them for the proof of a walk; they go with it."""
    found = sorted(marks)
    if found:
        with framed(con, marks=arrow.of_keys(found)):
            con.execute(
                "insert into raw.walk_marks (feed, resource, walk_id, mark) "
                "select ?, ?, ?, record_key from marks where record_key not in "
                "(select mark from raw.walk_marks where walk_id = ?)",
                [walk.feed, walk.resource, walk.walk_id, walk.walk_id],
            )


def _rows_held(con: Connection, feed: str, resource: Resource) -> int:
    return scalar(con, f"select count(*) from {TABLE_OF_RESOURCE[resource]} where feed = ?", [feed])
