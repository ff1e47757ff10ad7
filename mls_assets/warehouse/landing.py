"""Storing a page as its source sent it: records, child sets, removals, rejects, facts.

All in the caller's transaction, together with the cursor that the caller moves. Stored bodies
are never read to find out what a page changes: their digests are. Nothing is decoded here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from mls_assets.values import ChildSet, Page, RawRecord, Reason, Removal, Resource, Source
from mls_assets.warehouse import arrow, counters, cursors, ledger, rejects, sweeps
from mls_assets.warehouse.cursors import Walk
from mls_assets.warehouse.queries import Connection, framed, rows
from mls_assets.warehouse.versions import Judged, Stored, is_older, judge


@dataclass(frozen=True, slots=True)
class Landing:
    """What a page did. Of its records: `new`, `changed`, `unchanged`, or `stale` (older than
    the stored version, so not taken). `removed` and `restored` count ledger entries of its
    resource, `rejected` records without a usable key or body, `children` replaced child sets.
    """

    page_id: int
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    stale: int = 0
    removed: int = 0
    restored: int = 0
    rejected: int = 0
    children: int = 0


def land(
    con: Connection,
    page: Page,
    *,
    source: Source,
    walk: Walk | None,
    run_id: str,
    by_key: bool = False,
) -> Landing:
    """Store a page in the caller's transaction.

    An older version never overwrites a newer one, nor revives a record whose status became
    `Delete` later; `by_key` says that the source was asked for these very records because a
    proven sweep listed them, so that they live whatever their timestamp. Forge's events are in
    order by themselves, so there the later event counts whatever its timestamp. A child set is
    stored only for a listing that is here after this page, and not from a stale record. A key
    that comes back after its
    removal gets a `restored` entry. Raises nothing of its own.
    """
    page_id = _store_facts(con, page, walk, run_id)
    stored = _stored(con, page)
    judged = judge(
        page.records,
        stored if by_key else {**_deleted(con, page), **stored},
        in_event_order=source is Source.FORGE,
    )
    page = replace(page, removals=tuple(_not_outdated(page.removals, stored)))
    _store_records(con, page, judged, page_id)
    restored = ledger.restore(
        con,
        feed=page.feed,
        resource=page.resource,
        keys=[record.key for record in judged.new],
        evidence_id=evidence_of(page_id),
        seen_at=page.fetched_at,
        run_id=run_id,
    )
    removed = _apply_removals(con, page, source, page_id, run_id)
    stale = {record.key for record in judged.stale}
    children = _store_children(
        con, page, [child for child in page.children if child.listing_key not in stale], page_id
    )
    came_well = judged.new + judged.changed + judged.unchanged
    rejects.store_refused(con, page, [record.key for record in came_well], page_id)
    _note_status_deletes(con, page, came_well)
    sweeps.came_back(con, page.feed, page.resource, [record.key for record in page.records])
    cursors.note_modification(
        con,
        page.feed,
        page.resource,
        [told.modified_at for told in (*page.records, *page.removals)],
    )
    landing = Landing(
        page_id=page_id,
        new=len(judged.new),
        changed=len(judged.changed),
        unchanged=len(judged.unchanged),
        stale=len(judged.stale),
        removed=removed,
        restored=restored,
        rejected=len(page.rejects),
        children=children,
    )
    if landing.new or landing.changed or children or page.rejects:
        counters.changed(con)
    return landing


def evidence_of(page_id: int) -> str:
    """Return how the ledger names a page."""
    return f"page-{page_id}"


def bodies(con: Connection, feed: str, resource: Resource, keys: Sequence[str]) -> dict[str, bytes]:
    """Return the stored versions of those of `keys` that are here, verbatim."""
    with framed(con, asked=arrow.of_keys(keys)):
        places = rows(
            con,
            "select rowid from raw.records semi join asked using (record_key) "
            "where feed = ? and resource = ?",
            [feed, resource],
        )
    # in two steps, or DuckDB would read every body to throw all but these away
    found = arrow.table_of(place=pa.array([place for (place,) in places], pa.int64()))
    with framed(con, found=found):
        stored = rows(
            con, "select record_key, body, size from raw.records join found on rowid = place"
        )
    return {key: arrow.unpacked(body, size) for key, body, size in stored}


def stored_children(
    con: Connection, feed: str, listing_keys: Sequence[str]
) -> dict[str, frozenset[Resource]]:
    """Return which child resources are stored for those of the listings that have any."""
    with framed(con, asked=arrow.of_keys(listing_keys)):
        found = rows(
            con,
            "select listing_key, list(resource) from raw.children semi join asked "
            "on listing_key = record_key where feed = ? group by listing_key",
            [feed],
        )
    return {key: frozenset(map(Resource, resources)) for key, resources in found}


def is_told(con: Connection, feed: str, child: Resource) -> bool:
    """Return whether any listing's set of this child resource is stored."""
    return bool(
        rows(
            con, "select 1 from raw.children where feed = ? and resource = ? limit 1", [feed, child]
        )
    )


def listings_without(con: Connection, feed: str, child: Resource) -> list[str]:
    """Return the listings here of whose set of this child resource nothing was ever told."""
    found = rows(
        con,
        "select record_key from raw.records where feed = ? and resource = ? and record_key not in "
        "(select listing_key from raw.children where feed = ? and resource = ?) order by all",
        [feed, Resource.PROPERTY, feed, child],
    )
    return [key for (key,) in found]


def _store_facts(con: Connection, page: Page, walk: Walk | None, run_id: str) -> int:
    page_id = counters.take(con, "page_id")
    con.execute(
        "insert into raw.pages (page_id, feed, resource, kind, walk_id, run_id, fetched_at, "
        "stored_at, records, children, removals, rejects, size, sha256, position, remaining, "
        "source_count) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            page_id,
            page.feed,
            page.resource,
            walk.kind if walk else None,
            walk.walk_id if walk else None,
            run_id,
            page.fetched_at,
            datetime.now(UTC),
            len(page.records),
            len(page.children),
            len(page.removals),
            len(page.rejects),
            page.size,
            page.sha256,
            page.position,
            page.remaining,
            page.count,
        ],
    )
    return page_id


def _not_outdated(removals: Sequence[Removal], stored: Mapping[str, Stored]) -> Iterator[Removal]:
    """Yield the removals but those by a status that an older version of the record had."""
    for removal in removals:
        before = stored.get(removal.key)
        if before is None or not is_older(removal.modified_at, before):
            yield removal


def _deleted(con: Connection, page: Page) -> dict[str, Stored]:
    """Return what is known of records that were removed for their status."""
    if not page.records:
        return {}
    with framed(con, incoming=arrow.of_keys(record.key for record in page.records)):
        found = rows(
            con,
            "select record_key, modified_at from raw.status_deletes semi join incoming "
            "using (record_key) where feed = ? and resource = ?",
            [page.feed, page.resource],
        )
    return {key: Stored(None, modified_at) for key, modified_at in found}


def _stored(con: Connection, page: Page) -> dict[str, Stored]:
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
    return {key: Stored(digest, modified_at) for key, digest, modified_at in found}


def _store_records(con: Connection, page: Page, judged: Judged, page_id: int) -> None:
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
                **arrow.of_bodies([record.body for record in taken]),
            }
        )
        with framed(con, incoming=incoming):
            con.execute(
                "insert into raw.records (feed, resource, record_key, body, digest, size, "
                "modified_at, landed_at, page_id, seen_page_id) select ?, ?, record_key, body, "
                "digest, size, modified_at, ?, ?, ? from incoming",
                [page.feed, page.resource, page.fetched_at, page_id, page_id],
            )
    kept = judged.unchanged + judged.stale
    if kept:
        with framed(con, kept=arrow.of_keys(record.key for record in kept)):
            con.execute(
                f"update raw.records set seen_page_id = ? {where.format('kept')}",
                [page_id, page.feed, page.resource],
            )


def _note_status_deletes(con: Connection, page: Page, came_well: Sequence[RawRecord]) -> None:
    """Remember which keys the source still lists, but as deleted: a sweep will meet them."""
    deleted = [item for item in page.removals if item.reason is Reason.STATUS_DELETE]
    told = [*(record.key for record in came_well), *(item.key for item in page.removals)]
    noted = arrow.table_of(
        record_key=arrow.of_texts([item.key for item in deleted]),
        modified_at=arrow.of_instants([item.modified_at for item in deleted]),
    )
    with framed(con, told=arrow.of_keys(told), deleted=noted):
        con.execute(
            "delete from raw.status_deletes where feed = ? and resource = ? "
            "and record_key in (select record_key from told)",
            [page.feed, page.resource],
        )
        if deleted:
            con.execute(
                "insert into raw.status_deletes (feed, resource, record_key, modified_at) "
                "select ?, ?, record_key, modified_at from deleted",
                [page.feed, page.resource],
            )


def _apply_removals(con: Connection, page: Page, source: Source, page_id: int, run_id: str) -> int:
    by_reason: dict[Reason, list[str]] = {}
    for removal in page.removals:
        by_reason.setdefault(removal.reason, []).append(removal.key)
    return sum(
        ledger.remove(
            con,
            feed=page.feed,
            source=source,
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


def _store_children(con: Connection, page: Page, children: Sequence[ChildSet], page_id: int) -> int:
    """Store the sets that differ from the stored ones; return how many."""
    sets = {(child.listing_key, child.resource): child for child in children}
    if not sets:
        return 0
    incoming = pa.table(
        {
            "listing_key": arrow.of_texts([key for key, _ in sets]),
            "resource": arrow.of_texts([resource for _, resource in sets]),
            **arrow.of_bodies([child.body for child in sets.values()]),
        }
    )
    with framed(con, incoming=incoming):
        taken = rows(
            con,
            "select listing_key, resource from incoming where listing_key in (select record_key "
            "from raw.records where feed = ? and resource = ?) and not exists (from raw.children "
            "stored where stored.feed = ? and stored.listing_key = incoming.listing_key and "
            "stored.resource = incoming.resource and stored.digest = incoming.digest)",
            [page.feed, Resource.PROPERTY, page.feed],
        )
        if not taken:
            return 0
        differing = pa.table(
            {
                "listing_key": arrow.of_texts([key for key, _ in taken]),
                "resource": arrow.of_texts([resource for _, resource in taken]),
            }
        )
        with framed(con, differing=differing):
            con.execute(
                "delete from raw.children where feed = ? and (listing_key, resource) in "
                "(select (listing_key, resource) from differing)",
                [page.feed],
            )
            con.execute(
                "insert into raw.children (feed, listing_key, resource, body, digest, size, "
                "landed_at, page_id) select ?, listing_key, resource, body, digest, size, ?, ? "
                "from incoming semi join differing using (listing_key, resource)",
                [page.feed, page.fetched_at, page_id],
            )
    return len(taken)
