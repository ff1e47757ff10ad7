"""The keys that a sweep was told, and the keys held here: staged, counted, held side by side.

Keys are compared in the database and handed out in batches, so that memory stays bounded however
many there are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.landing import status_deletes
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, framed, rows, scalar
from mls_assets.warehouse.sweeps.verdicts import about, source_at
from mls_assets.warehouse.tables.open_houses import ENDS, OVER

_BATCH = 100_000


def stage_keys(con: Connection, sweep_id: str, keys: Sequence[str]) -> None:
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
    stage_keys(con, sweep_id, list(dict.fromkeys(alive)))


def drop_staged_keys(con: Connection, sweep_id: str) -> None:
    """Drop the keys that a sweep was told."""
    con.execute("delete from raw.sweep_keys where sweep_id = ?", [sweep_id])


def count_staged(con: Connection, sweep_id: str) -> int:
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
    """Return a few keys that the sweep was told, spread over the set.

    Such as are held here, if there are any: they are known for longer. Of open houses those that
    end last: others may be over before they are asked for.
    """
    table, key = staged_table(con, sweep_id)
    last = f"{ENDS} desc nulls last, " if table == TABLE_OF_RESOURCE[Resource.OPEN_HOUSE] else ""
    found = rows(
        con,
        f"select record_key, held.{key} is not null as here from raw.sweep_keys left join {table} "
        f"held on held.feed = ? and held.{key} = record_key where sweep_id = ? "
        f"order by here desc, {last}hash(record_key) limit ?",
        # a proven sweep was told hardly any key twice
        [about(con, sweep_id).feed, sweep_id, 4 * how_many],
    )
    return list(dict.fromkeys(sampled for sampled, _ in found))[:how_many]


def unknown_locally(con: Connection, sweep_id: str) -> int:
    """Count the different keys that a sweep was told and that were never told here before.

    A key that the source listed as deleted is known, although it is not kept.
    """
    feed, resource, _ = about(con, sweep_id)
    whose = [feed, resource]
    return scalar(
        con,
        "select count(distinct record_key) from raw.sweep_keys where sweep_id = ? and record_key "
        "not in (select record_key from raw.records where feed = ? and resource = ? "
        f"union all {status_deletes.KEYS})",
        [sweep_id, *whose, *whose],
    )


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """How many keys are on both sides, and which are on one alone, in bytewise order.

    The local ones each with whether it was known before the sweep began.
    """

    common: int
    local_only: list[tuple[str, bool]]
    staged_only: list[str]


def key_difference(con: Connection, sweep_id: str) -> KeyDifference:
    """Hold the keys held here against those that a sweep was told.

    A million equal keys stay in the database: only what differs is handed out.
    """
    here, here_params = _local(con, sweep_id)
    there, there_params = _staged(con, sweep_id)
    differing = rows(
        con,
        f"select here.key, there.key from ({here}) here full join ({there}) there "
        "on here.key = there.key where here.key is null or there.key is null "
        "order by coalesce(here.key, there.key)",
        [*here_params, *there_params],
    )
    local_only = [key for key, _ in differing if key is not None]
    staged_only = list(dict.fromkeys(key for _, key in differing if key is not None))
    arrived = arrived_since(con, sweep_id, local_only)
    held = scalar(con, f"select count(*) from ({here})", here_params)
    return KeyDifference(
        held - len(local_only), [(key, key not in arrived) for key in local_only], staged_only
    )


def arrived_since(con: Connection, sweep_id: str, keys: Sequence[str]) -> set[str]:
    """Return those of some keys that a page has brought since the sweep began."""
    whose = about(con, sweep_id)
    watermark = scalar(con, "select watermark from raw.sweep_marks where sweep_id = ?", [sweep_id])
    with framed(con, asked=arrow.of_keys(keys)):
        found = rows(
            con,
            "select record_key from raw.records semi join asked using (record_key) "
            "where feed = ? and resource = ? and seen_page_id > ?",
            [whose.feed, whose.resource, watermark],
        )
    return {key for (key,) in found}


def staged_batches(con: Connection, sweep_id: str) -> Iterator[list[str]]:
    """Yield the different keys that a sweep was told, in bytewise order, in batches."""
    query, params = _staged(con, sweep_id)
    yield from _batches(con, f"select distinct key from ({query})", params)


def local_batches(con: Connection, sweep_id: str) -> Iterator[list[str]]:
    """Yield the keys held here in bytewise order, in batches; see `key_difference`."""
    yield from _batches(con, *_local(con, sweep_id))


def _staged(con: Connection, sweep_id: str) -> tuple[str, list[object]]:
    """Return the query for the keys (`key`) that a sweep was told, as often as it was told.

    Left out are keys that the source lists as deleted and that are not held here: they are
    accounted for.
    """
    whose = about(con, sweep_id)
    table, key = staged_table(con, sweep_id)
    query = (
        "select record_key as key from raw.sweep_keys where sweep_id = ? and not ("
        f"record_key in ({status_deletes.KEYS}) "
        f"and record_key not in (select {key} from {table} where feed = ?))"
    )
    return query, [sweep_id, whose.feed, whose.resource, whose.feed]


def _local(con: Connection, sweep_id: str) -> tuple[str, list[object]]:
    """Return the query for the keys held here (`key`).

    Open houses that were over when the sweep began are left out unless it was told of them:
    sources drop them in time.
    """
    whose = about(con, sweep_id)
    table, key = staged_table(con, sweep_id)
    query = f"select held.{key} as key from {table} held where held.feed = ?"
    params: list[object] = [whose.feed]
    if whose.resource is Resource.OPEN_HOUSE:
        query += (
            f" and (({OVER}) is not true or held.{key} in "
            "(select record_key from raw.sweep_keys where sweep_id = ?))"
        )
        params += [source_at(con, sweep_id), sweep_id]
    return query, params


def staged_table(con: Connection, sweep_id: str) -> tuple[str, str]:
    """Return the table of what a sweep is about, and the (quoted) name of its key."""
    resource = about(con, sweep_id).resource
    return TABLE_OF_RESOURCE[resource], quoted(KEY_FIELDS[resource])


def _batches(con: Connection, query: str, params: Sequence[object]) -> Iterator[list[str]]:
    """Yield the keys of a query in bytewise order; the connection is taken until the last."""
    found = con.sql(f"select key from ({query}) order by key", params=list(params))
    # as Arrow, for a million tuples cost more than all the rest
    for batch in found.to_arrow_reader(_BATCH):
        yield batch.column(0).to_pylist()
