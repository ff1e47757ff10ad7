"""Storing a page as its source sent it: records, child sets, removals, rejects, facts.

All in the caller's transaction, together with the cursor that the caller moves. Stored
bodies are never read to find out what a page changes: their digests are. Nothing is decoded here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from mls_assets.model.records import Page, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.model.states import PassKind
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.landing import child_sets, cursors, rejects, status_deletes
from mls_assets.warehouse.landing.cursors import Walk
from mls_assets.warehouse.landing.figures import LandedPage, Landing
from mls_assets.warehouse.landing.versions import (
    SortedRecords,
    StoredVersion,
    is_older,
    sort_records,
)
from mls_assets.warehouse.removals import ledger
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.raw_tables import PAGES
from mls_assets.warehouse.schema.table_rows import insert_row
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, wide_rows

#: What the ledger puts before the number of a page that is evidence.
PAGE_EVIDENCE = "page-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPage:
    """A row of `raw.pages`; the fields are its columns."""

    page_id: int
    feed: str
    resource: Resource
    kind: PassKind | None
    walk_id: int | None
    run_id: str
    fetched_at: datetime
    stored_at: datetime
    records: int
    children: int
    removals: int
    rejects: int
    outdated: int
    size: int
    sha256: str
    position: int | None
    remaining: int | None
    source_count: int | None


def land_page(
    con: Connection,
    page: Page,
    *,
    walk: Walk | None,
    run_id: str,
    by_key: bool = False,
) -> Landing:
    """Store a page in the caller's transaction.

    An older version never overwrites a newer one (which no date in the future makes it), nor
    revives a record whose status became `Delete` later, and an older `Delete` removes nothing, but
    is noted for the next sweep to settle. `by_key` says that the source was asked for these very
    records, because a proven sweep listed them: then it is believed whether they live, whatever
    their timestamp. Of a page in event order the later event counts whatever its timestamp.
    A child set is stored only for a listing that is here after this page, and not from a stale
    record; one that was not told whole is noted. A key that comes back after its removal gets a
    `restored` entry. Pages `along` land in the same way. Raises nothing of its own.
    """
    now = max(page.fetched_at, datetime.now(UTC))
    stored = _stored(con, page)
    judged = sort_records(
        page.records,
        stored if by_key else {**status_deletes.known_status_deletes(con, page), **stored},
        now=now,
        in_event_order=page.in_event_order,
    )
    outdated = [record.key for record in judged.stale if record.key not in stored]
    page_id = _store_facts(con, page, walk, run_id, len(outdated))
    if walk:
        cursors.mark_not_kept(con, walk, cursors.marks_of(page, outdated))
    listed_as_deleted = status_deletes.of_page(page)
    if not by_key and not page.in_event_order:
        page = replace(page, removals=tuple(_not_outdated(page.removals, stored, now)))
    counted = {} if walk else cursors.keys_already_walked(con, page)
    _store_records(con, page, judged, page_id, counted)
    restored = ledger.restore_keys(
        con,
        feed=page.feed,
        resource=page.resource,
        keys=[record.key for record in judged.new],
        evidence_id=evidence_of(page_id),
        seen_at=page.fetched_at,
        run_id=run_id,
    )
    removed = _apply_removals(con, page, page_id, run_id)
    stale = {record.key for record in judged.stale}
    children = child_sets.store_child_sets(
        con, page, [child for child in page.children if child.listing_key not in stale], page_id
    )
    came_well = judged.new + judged.changed + judged.unchanged
    child_sets.note_untold(
        con,
        page,
        [one for one in page.untold if one.listing_key not in stale],
    )
    rejects.store_refused(con, page, [record.key for record in came_well], page_id)
    # asked by key, an older version settles too that its listing lives
    told = [*came_well, *page.removals, *(judged.stale if by_key else ())]
    status_deletes.note_status_deletes(con, page, told, listed_as_deleted)
    sweeps.came_back(con, page.feed, page.resource, [record.key for record in page.records])
    cursors.note_modification(
        con,
        page.feed,
        page.resource,
        [told.modified_at for told in (*page.records, *page.removals)],
    )
    landing = Landing.of(page_id, LandedPage(page, judged, removed, restored, children))
    for other in page.along:
        land_page(con, other, walk=None, run_id=run_id)
    if landing.new or landing.changed or children or page.rejects:
        counters.changed(con)
    return landing


def evidence_of(page_id: int) -> str:
    """Return how the ledger names a page."""
    return f"{PAGE_EVIDENCE}{page_id}"


def bodies(con: Connection, feed: str, resource: Resource, keys: Sequence[str]) -> dict[str, bytes]:
    """Return the stored versions of those of `keys` that are here, verbatim."""
    with framed(con, asked=arrow.of_keys(keys)):
        stored = wide_rows(
            con,
            "record_key, body, size",
            "raw.records",
            "semi join asked using (record_key) where feed = ? and resource = ?",
            [feed, resource],
        )
    return {key: arrow.unpacked(body, size) for key, body, size in stored}


def _store_facts(con: Connection, page: Page, walk: Walk | None, run_id: str, outdated: int) -> int:
    page_id = counters.take_numbers(con, "page_id")
    insert_row(
        con,
        PAGES,
        StoredPage(
            page_id=page_id,
            feed=page.feed,
            resource=page.resource,
            kind=walk.kind if walk else None,
            walk_id=walk.walk_id if walk else None,
            run_id=run_id,
            fetched_at=page.fetched_at,
            stored_at=datetime.now(UTC),
            records=len(page.records),
            children=len(page.children),
            removals=len(page.removals),
            rejects=len(page.rejects),
            outdated=outdated,
            size=page.size,
            sha256=page.sha256,
            position=page.position,
            remaining=page.remaining,
            source_count=page.count,
        ),
    )
    return page_id


def _not_outdated(
    removals: Sequence[Removal], stored: Mapping[str, StoredVersion], now: datetime
) -> Iterator[Removal]:
    """Yield the removals but those by a status that an older version of the record had."""
    for removal in removals:
        before = stored.get(removal.key)
        if before is None or not is_older(removal.modified_at, before, now):
            yield removal


def _stored(con: Connection, page: Page) -> dict[str, StoredVersion]:
    keys = [*(record.key for record in page.records), *(item.key for item in page.removals)]
    if not keys:
        return {}
    with framed(con, incoming=arrow.of_keys(keys)):
        found = rows(
            con,
            "select record_key, digest, modified_at from raw.records semi join incoming "
            "using (record_key) where feed = ? and resource = ?",
            [page.feed, page.resource],
        )
    return {key: StoredVersion(digest, modified_at) for key, digest, modified_at in found}


def _store_records(
    con: Connection, page: Page, judged: SortedRecords, page_id: int, counted: Mapping[str, int]
) -> None:
    where = "where feed = ? and resource = ? and record_key in (select record_key from {})"
    if judged.changed:
        with framed(con, outdated=arrow.of_keys(record.key for record in judged.changed)):
            con.execute(
                f"delete from raw.records {where.format('outdated')}", [page.feed, page.resource]
            )
    taken = judged.new + judged.changed
    if taken:
        incoming = pa.table(
            {
                "record_key": arrow.of_texts([record.key for record in taken]),
                "modified_at": arrow.of_instants([record.modified_at for record in taken]),
                "seen": pa.array([counted.get(one.key, page_id) for one in taken], pa.int64()),
                **arrow.of_bodies([record.body for record in taken]),
            }
        )
        with framed(con, incoming=incoming):
            con.execute(
                "insert into raw.records (feed, resource, record_key, body, digest, size, "
                "modified_at, landed_at, page_id, seen_page_id) select ?, ?, record_key, body, "
                "digest, size, modified_at, ?, ?, seen from incoming",
                [page.feed, page.resource, page.fetched_at, page_id],
            )
    kept = [one.key for one in judged.unchanged + judged.stale if one.key not in counted]
    if kept:
        with framed(con, kept=arrow.of_keys(kept)):
            con.execute(
                f"update raw.records set seen_page_id = ? {where.format('kept')}",
                [page_id, page.feed, page.resource],
            )


def _apply_removals(con: Connection, page: Page, page_id: int, run_id: str) -> int:
    by_reason: dict[Reason, list[str]] = {}
    for removal in page.removals:
        by_reason.setdefault(removal.reason, []).append(removal.key)
    return sum(
        ledger.remove_keys(
            con,
            feed=page.feed,
            resource=page.resource,
            keys=keys,
            reason=reason,
            evidence_id=evidence_of(page_id),
            first_evidence_at=page.fetched_at,
            removed_at=datetime.now(UTC),
            run_id=run_id,
        )
        for reason, keys in by_reason.items()
    )
