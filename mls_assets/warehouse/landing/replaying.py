"""What a replay of an event log has told so far, kept apart until its end is reached.

A log read again from its start tells old versions first, and of records that are gone by now.
None of that may touch what is stored: only what its last event leaves is landed, page by page.
Nothing is judged and no page is landed here.
"""

import pyarrow as pa

from mls_assets.model.records import Page, RawRecord, Reject
from mls_assets.model.resources import Resource
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows


def stage_replay_page(con: Connection, sweep_id: str, number: int, page: Page) -> None:
    """Keep a page of a replay; its number only grows, and the last word on a key counts.

    A record that could not be stored says nothing about the version before it.
    """
    told = [*(record.key for record in page.records), *(gone.key for gone in page.removals)]
    refused = [reject.key for reject in page.rejects if reject.key is not None]
    with framed(con, told=arrow.of_keys(told), refused=arrow.of_keys(refused)):
        con.execute(
            "delete from raw.replayed where sweep_id = ? and (record_key in "
            "(select record_key from told) or (problem is not null and record_key in "
            "(select record_key from refused)))",
            [sweep_id],
        )
    incoming = pa.concat_tables([_of_records(page.records), _of_rejects(page.rejects)])
    with framed(con, incoming=incoming):
        con.execute(
            "insert into raw.replayed (sweep_id, feed, resource, page, fetched_at, record_key, "
            "body, size, modified_at, problem, sha256) select ?, ?, ?, ?, ?, record_key, body, "
            "size, modified_at, problem, sha256 from incoming",
            [sweep_id, page.feed, page.resource, number, page.fetched_at],
        )


def replay_page_numbers(con: Connection, sweep_id: str) -> list[int]:
    """Return the numbers of the pages of which something is left, in order."""
    found = rows(
        con, "select distinct page from raw.replayed where sweep_id = ? order by page", [sweep_id]
    )
    return [number for (number,) in found]


def take_replay_page(con: Connection, sweep_id: str, number: int) -> Page:
    """Return what is left of a page, as it was fetched, and drop it from the staging."""
    where, params = "where sweep_id = ? and page = ?", [sweep_id, number]
    left = rows(
        con,
        "select feed, resource, fetched_at, record_key, body, size, modified_at, problem, sha256 "
        f"from raw.replayed {where} order by record_key",
        params,
    )
    con.execute(f"delete from raw.replayed {where}", params)
    feed, resource, fetched_at = left[0][:3]
    return Page(
        feed,
        Resource(resource),
        fetched_at,
        in_event_order=True,
        records=tuple(
            RawRecord(key, arrow.unpacked(body, size), modified_at)
            for *_, key, body, size, modified_at, problem, _ in left
            if problem is None
        ),
        rejects=tuple(
            Reject(problem, sha256, key)
            for *_, key, _, _, _, problem, sha256 in left
            if problem is not None
        ),
    )


def drop_replay(con: Connection, feed: str, resource: Resource) -> None:
    """Drop all that replays of a feed's resource have staged, dead ones' leftovers too."""
    con.execute("delete from raw.replayed where feed = ? and resource = ?", [feed, resource])


def _of_records(records: tuple[RawRecord, ...]) -> pa.Table:
    nothing = pa.nulls(len(records), pa.string())
    return pa.table(
        {
            "record_key": arrow.of_texts([record.key for record in records]),
            "body": pa.array([arrow.packed(record.body) for record in records], pa.binary()),
            "size": pa.array([len(record.body) for record in records], pa.int64()),
            "modified_at": arrow.of_instants([record.modified_at for record in records]),
            "problem": nothing,
            "sha256": nothing,
        }
    )


def _of_rejects(rejects: tuple[Reject, ...]) -> pa.Table:
    count = len(rejects)
    return pa.table(
        {
            "record_key": arrow.of_texts([reject.key for reject in rejects]),
            "body": pa.nulls(count, pa.binary()),
            "size": pa.nulls(count, pa.int64()),
            "modified_at": pa.nulls(count, arrow.INSTANT),
            "problem": arrow.of_texts([reject.problem for reject in rejects]),
            "sha256": arrow.of_texts([reject.sha256 for reject in rejects]),
        }
    )
