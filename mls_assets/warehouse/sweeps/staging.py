"""The keys that a sweep was told, and the keys held here: staged, counted, held side by side.

Keys are compared in the database and handed out in batches, so that memory stays bounded however
many there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mls_assets.values import KEY_FIELDS, TABLES, Resource
from mls_assets.warehouse import arrow
from mls_assets.warehouse.ddl import quoted
from mls_assets.warehouse.queries import Connection, framed, rows, scalar
from mls_assets.warehouse.sweeps.verdicts import about

_BATCH = 100_000
#: When an open house is over. A date has no zone: its day ends everywhere 36 hours after it
#: began in UTC.
_OVER = (
    'coalesce(held."OpenHouseEndTime", held."OpenHouseStartTime", '
    'held."OpenHouseDate"::timestamptz + interval 36 hour) < ?'
)


def stage(con: Connection, sweep_id: str, keys: Sequence[str]) -> None:
    """Keep keys as the source gave them, repeated ones too."""
    with framed(con, told=arrow.table_of(record_key=arrow.of_texts(keys))):
        con.execute("insert into raw.sweep_keys select ?, record_key from told", [sweep_id])


def stage_events(
    con: Connection, sweep_id: str, *, alive: Sequence[str], gone: Sequence[str]
) -> None:
    """Keep what a page of an event log leaves alive; later pages win over earlier ones."""
    with framed(con, told=arrow.of_keys([*alive, *gone])):
        con.execute(
            "delete from raw.sweep_keys where sweep_id = ? "
            "and record_key in (select record_key from told)",
            [sweep_id],
        )
    stage(con, sweep_id, list(dict.fromkeys(alive)))


def unstage(con: Connection, sweep_id: str) -> None:
    """Drop the keys that a sweep was told."""
    con.execute("delete from raw.sweep_keys where sweep_id = ?", [sweep_id])


def forget_status_deletes(con: Connection, sweep_id: str) -> None:
    """Forget which keys the source listed as deleted, so far as it does not list them any more.

    Should such a key come back later, it is then missing here, and no longer accounted for.
    """
    whose = about(con, sweep_id)
    con.execute(
        "delete from raw.status_deletes where feed = ? and resource = ? and record_key not in "
        "(select record_key from raw.sweep_keys where sweep_id = ?)",
        [whose.feed, whose.resource, sweep_id],
    )


def staged(con: Connection, sweep_id: str) -> int:
    """Count the different keys that a sweep was told."""
    return scalar(
        con,
        "select count(distinct record_key) from raw.sweep_keys where sweep_id = ?",
        [sweep_id],
    )


def staged_difference(con: Connection, sweep_id: str, other: str) -> int:
    """Count the keys that one of two walks was told and the other was not."""
    return scalar(
        con,
        "select count(*) from (select record_key from raw.sweep_keys where sweep_id in (?, ?) "
        "group by record_key having count(distinct sweep_id) = 1)",
        [sweep_id, other],
    )


def sample_staged(con: Connection, sweep_id: str, how_many: int) -> list[str]:
    """Return a few keys that the sweep was told and that are held here, spread over the set."""
    table, key = _table_of(con, sweep_id)
    found = rows(
        con,
        "select distinct record_key from raw.sweep_keys where sweep_id = ? and record_key in "
        f"(select {key} from {table}) order by hash(record_key) limit ?",
        [sweep_id, how_many],
    )
    return [sampled for (sampled,) in found]


def unknown_locally(con: Connection, sweep_id: str) -> int:
    """Count the different keys that a sweep was told and that were never told here before.

    A key that the source listed as deleted is known, although it is not kept.
    """
    feed, resource, _ = about(con, sweep_id)
    whose = [feed, resource]
    return scalar(
        con,
        "select count(distinct record_key) from raw.sweep_keys where sweep_id = ? and record_key "
        "not in (select record_key from raw.records where feed = ? and resource = ? union all "
        "select record_key from raw.status_deletes where feed = ? and resource = ?)",
        [sweep_id, *whose, *whose],
    )


def accounted(con: Connection, sweep_id: str, most: int) -> list[str]:
    """Return keys that a sweep was told, that are not held, and that were listed as deleted.

    At most so many, others in each sweep, so that all have their turn.
    """
    whose = about(con, sweep_id)
    table, key = _table_of(con, sweep_id)
    found = rows(
        con,
        "select record_key from raw.status_deletes where feed = ? and resource = ? "
        "and record_key in (select record_key from raw.sweep_keys where sweep_id = ?) "
        f"and record_key not in (select {key} from {table} where feed = ?) "
        "order by hash(concat(record_key, ?)) limit ?",
        [whose.feed, whose.resource, sweep_id, whose.feed, sweep_id, most],
    )
    return [found_key for (found_key,) in found]


@dataclass(frozen=True, slots=True)
class Difference:
    """How many keys are on both sides, and which are on one alone, in bytewise order.

    The local ones each with whether it was known before the sweep began.
    """

    common: int
    local_only: list[tuple[str, bool]]
    staged_only: list[str]


def difference(con: Connection, sweep_id: str) -> Difference:
    """Hold the keys held here against those that a sweep was told.

    A million equal keys stay in the database: only what differs is handed out.
    """
    here, here_params = _local(con, sweep_id)
    there, there_params = _staged(con, sweep_id)
    differing = rows(
        con,
        f"select here.key, known_before, there.key from ({here}) here full join ({there}) there "
        "on here.key = there.key where here.key is null or there.key is null "
        "order by coalesce(here.key, there.key)",
        [*here_params, *there_params],
    )
    local_only = [(key, known) for key, known, _ in differing if key is not None]
    staged_only = [key for _, _, key in differing if key is not None]
    held = scalar(con, f"select count(*) from ({here})", here_params)
    return Difference(held - len(local_only), local_only, staged_only)


def staged_batches(con: Connection, sweep_id: str) -> Iterator[list[str]]:
    """Yield the different keys that a sweep was told, in bytewise order, in batches."""
    yield from _batches(con, *_staged(con, sweep_id))


def local_batches(con: Connection, sweep_id: str) -> Iterator[list[str]]:
    """Yield the keys held here in bytewise order, in batches; see `difference`."""
    yield from _batches(con, *_local(con, sweep_id))


def _staged(con: Connection, sweep_id: str) -> tuple[str, list[object]]:
    """Return the query for the different keys (`key`) that a sweep was told.

    Left out are keys that the source lists as deleted and that are not held here: they are
    accounted for.
    """
    whose = about(con, sweep_id)
    table, key = _table_of(con, sweep_id)
    query = (
        "select distinct record_key as key from raw.sweep_keys where sweep_id = ? and not ("
        "record_key in (select record_key from raw.status_deletes where feed = ? and resource = ?) "
        f"and record_key not in (select {key} from {table} where feed = ?))"
    )
    return query, [sweep_id, whose.feed, whose.resource, whose.feed]


def _local(con: Connection, sweep_id: str) -> tuple[str, list[object]]:
    """Return the query for the keys held here (`key`), and whether they were known before.

    Known before is a key that no page has brought since the sweep began. Open houses that were
    over when it began are left out unless it was told of them: sources drop them in time.
    """
    whose = about(con, sweep_id)
    table, key = _table_of(con, sweep_id)
    watermark = scalar(con, "select watermark from raw.sweep_marks where sweep_id = ?", [sweep_id])
    query = (
        f"select held.{key} as key, coalesce(landed.seen_page_id <= ?, true) as known_before "
        f"from {table} held left join raw.records landed on landed.feed = held.feed and "
        f"landed.resource = ? and landed.record_key = held.{key} where held.feed = ?"
    )
    params: list[object] = [watermark, whose.resource, whose.feed]
    if whose.resource is Resource.OPEN_HOUSE:
        query += (
            f" and (({_OVER}) is not true or held.{key} in "
            "(select record_key from raw.sweep_keys where sweep_id = ?))"
        )
        params += [whose.started_at, sweep_id]
    return query, params


def over_by_now(con: Connection, feed: str, keys: Sequence[str], moment: datetime) -> set[str]:
    """Return those of some open houses that are over at a time."""
    table, key = TABLES[Resource.OPEN_HOUSE], quoted(KEY_FIELDS[Resource.OPEN_HOUSE])
    with framed(con, asked=arrow.of_keys(keys)):
        found = rows(
            con,
            f"select {key} from {table} held where feed = ? and {_OVER} "
            f"and {key} in (select record_key from asked)",
            [feed, moment],
        )
    return {over for (over,) in found}


def _table_of(con: Connection, sweep_id: str) -> tuple[str, str]:
    resource = about(con, sweep_id).resource
    return TABLES[resource], quoted(KEY_FIELDS[resource])


def _batches(con: Connection, query: str, params: Sequence[object]) -> Iterator[list[str]]:
    """Yield the keys of a query in bytewise order; the connection is taken until the last."""
    found = con.sql(f"select key from ({query}) order by key", params=list(params))
    # as Arrow, for a million tuples cost more than all the rest
    for batch in found.to_arrow_reader(_BATCH):
        yield batch.column(0).to_pylist()
