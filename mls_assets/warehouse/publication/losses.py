"""What readers would lose by a publication, and what is remembered of the last one.

Their file is the better witness, key by key. Where it cannot be read, or is another one than was
put there, the counts in the data folder's marker are held against the warehouse.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

from mls_assets.model.resources import KEY_FIELDS, KEYED_RESOURCES, TABLE_OF_RESOURCE, Resource
from mls_assets.warehouse.removals.ledger import GONE
from mls_assets.warehouse.schema.ddl import quoted
from mls_assets.warehouse.schema.tables import LEDGER
from mls_assets.warehouse.storage.belonging import Remembered
from mls_assets.warehouse.storage.queries import Connection, rows, scalar
from mls_assets.warehouse.storage.readers_file import published_attached

#: Of how many keys of a feed's resource how many may go unexplained.
MayLose = Callable[[int], int]
_ENTRY = "md5_number(concat_ws(chr(9), entry_id, feed, resource, record_key, event))"


def refusal(
    con: Connection,
    target: Path,
    may_lose: MayLose,
    *,
    fingerprint: int,
    remembered: Remembered | None,
) -> str:
    """Say in a sentence what readers would lose unexplained, if more of it than may go; else "".

    `fingerprint` is that of the file at `target` now, 0 for none.
    """
    lost = _against_file(con, target, may_lose)
    if remembered is None and lost is None and fingerprint:
        return (
            "The published file cannot be read, and what was published last is not remembered, so "
            "nothing shows what readers would lose."
        )
    if remembered is not None and (lost is None or fingerprint != remembered.file):
        lost = lost or _against_memory(con, remembered, may_lose)
    if not lost:
        return ""
    return (
        "Readers would lose keys or entries that the warehouse does not hold and that its "
        f"deletion ledger does not explain ({'; '.join(lost)})."
    )


def published_now(con: Connection, catalog: str) -> Remembered:
    """Return what is to be remembered of the attached file to be published, all but its `file`."""
    counts: dict[str, Mapping[str, int]] = {}
    for resource in KEYED_RESOURCES:
        found = rows(
            con,
            f"select feed, count(*) from {catalog}.main.{TABLE_OF_RESOURCE[resource]} group by 1",
        )
        counts[resource.value] = dict(found)
    through = scalar(con, f"select coalesce(max(entry_id), 0) from {catalog}.main.{LEDGER.name}")
    entries, digest = _ledger(con, f"{catalog}.main", through)
    return Remembered(0, counts, entries, through, digest)


def _ledger(con: Connection, where: str, through: int) -> tuple[int, str]:
    """Return how many entries there are up to one, and their digest, whatever their order."""
    ((entries, digest),) = rows(
        con,
        f"select count(*), coalesce(bit_xor({_ENTRY})::varchar, '') "
        f"from {where}.{LEDGER.name} where entry_id <= ?",
        [through],
    )
    return entries, digest


def _against_memory(con: Connection, last: Remembered, may_lose: MayLose) -> list[str]:
    refused = []
    for resource in KEYED_RESOURCES:
        for feed, had in sorted(last.rows.get(resource.value, {}).items()):
            held = scalar(
                con,
                f"select count(*) from main.{TABLE_OF_RESOURCE[resource]} where feed = ?",
                [feed],
            )
            explained = scalar(
                con,
                f"select count(*) from {GONE} gone semi join (select feed, resource, record_key "
                f"from {LEDGER.name} where entry_id > ?) since using (feed, resource, record_key) "
                "where feed = ? and resource = ?",
                [last.through, feed, resource],
            )
            lost = had - held - explained
            if lost > may_lose(had):
                refused.append(f"{feed} {resource}: {lost:,} of {had:,}")
    entries, digest = _ledger(con, "main", last.through)
    if entries < last.entries:
        refused.append(f"{LEDGER.name}: {last.entries - entries:,} of {last.entries:,}")
    elif (entries, digest) != (last.entries, last.digest):
        refused.append(f"{LEDGER.name}: some of {last.entries:,}, which are others here")
    return refused


def _against_file(con: Connection, target: Path, may_lose: MayLose) -> list[str] | None:
    """Hold the published file against the warehouse; None if it shows nothing."""
    with published_attached(con, target) as readable:
        if not readable:
            return None
        try:
            lost = [loss for resource in KEYED_RESOURCES for loss in _losses(con, resource)]
            entries, of_entries = _lost_entries(con)
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error:
            # a file that is damaged, or of another make, shows nothing to compare with
            return None
    refused = [
        f"{feed} {resource}: {gone:,} of {had:,}"
        for feed, resource, gone, had in lost
        if gone > may_lose(had)
    ]
    if entries:
        refused.append(f"{LEDGER.name}: {entries:,} of {of_entries:,}")
    return refused


def _losses(con: Connection, resource: Resource) -> list[tuple[str, Resource, int, int]]:
    """Return per feed how many published keys would go unexplained, and how many there are."""
    table, key = TABLE_OF_RESOURCE[resource], quoted(KEY_FIELDS[resource])
    found = rows(
        con,
        f"select old.feed, count(*) filter (where not exists (from main.{table} held "
        f"where held.feed = old.feed and held.{key} = old.{key}) and not exists (from {GONE} gone "
        f"where gone.feed = old.feed and gone.resource = ? and gone.record_key = old.{key})), "
        f"count(*) from published.main.{table} old group by old.feed order by old.feed",
        [resource],
    )
    return [(feed, resource, gone, had) for feed, gone, had in found]


def _lost_entries(con: Connection) -> tuple[int, int]:
    """Return how many published entries of the ledger the warehouse lacks, and how many there are.

    It only grows, so none may: a number that stands for another removal here is a loss too.
    """
    same = "entry_id, feed, resource, record_key, event"
    of_entries = scalar(con, f"select count(*) from published.main.{LEDGER.name}")
    kept = scalar(
        con,
        f"select count(*) from published.main.{LEDGER.name} "
        f"semi join (select {same} from main.{LEDGER.name}) using ({same})",
    )
    return of_entries - kept, of_entries
