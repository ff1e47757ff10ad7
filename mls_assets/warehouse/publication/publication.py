"""Writing the database for readers beside the old one, and renaming it into place.

It is copied row by row, never as a file: DuckDB keeps deleted bytes in a file's free blocks,
and what was removed must not be in the published bytes either.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import duckdb

from mls_assets.errors import MlsAssetsError
from mls_assets.model.declarations import Table
from mls_assets.model.resources import KEY_FIELDS, KEYED_RESOURCES, TABLE_OF_RESOURCE
from mls_assets.model.states import LedgerEvent
from mls_assets.warehouse.landing import refusals
from mls_assets.warehouse.publication import losses
from mls_assets.warehouse.publication.losses import MayLose
from mls_assets.warehouse.publication.views import create_views
from mls_assets.warehouse.removals import unasked
from mls_assets.warehouse.removals.hiding import visible_rows
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import WarehouseSchema, column_list, quoted
from mls_assets.warehouse.schema.tables import FEEDS, LEDGER
from mls_assets.warehouse.storage.belonging import Remembered
from mls_assets.warehouse.storage.queries import Connection, rows, scalar, transaction
from mls_assets.warehouse.storage.readers_file import ReadersFile, published_attached
from mls_assets.warehouse.tables import open_houses
from mls_assets.warehouse.warehouse import Warehouse

_SLICE = 50_000
#: The columns that each version of the ledger's digest is made of, in order. A version never
#: changes, so that a digest that was noted years ago can still be checked. The two times that are
#: set later are in none.
DIGEST_COLUMNS: Mapping[int, tuple[str, ...]] = {
    1: (
        *("entry_id", "feed", "source", "mls", "resource", "record_key", "event", "reason"),
        *("evidence_id", "first_evidence_at", "removed_at", "run_id"),
    ),
}
NEWEST_DIGEST = max(DIGEST_COLUMNS)


class PublicationRefused(MlsAssetsError):
    """Readers would lose keys or ledger entries unexplained; their file was left as it is."""


@dataclass(frozen=True, slots=True)
class Published:
    """What the published file holds.

    `ledger_digest` is the SHA-256 of the entries (see `DIGEST_COLUMNS`); `published_entries`
    counts the removals that readers are rid of since this publication; `version` says which state
    of the warehouse the file holds.
    """

    rows: Mapping[str, int]
    ledger_entries: int
    ledger_digest: str
    published_entries: int
    bytes: int
    version: str


def write_published(
    warehouse: Warehouse,
    target: Path,
    *,
    run_id: str,
    may_lose: MayLose | None = None,
) -> Published:
    """Write the readers' database to `target`; nobody who has the old one open is disturbed.

    `may_lose` tells how many of so many keys of a feed's resource the new file may be without
    although no ledger entry says why (None: any). Readers see the old or the new file, never a
    half. Raises PublicationRefused, DiskFull, WarehouseBusy, or WarehouseRefused; then the old
    file is still in place.
    """
    file = ReadersFile(target.resolve())
    home = warehouse.home
    with warehouse.locked(run_id), warehouse.connect() as con:
        # what a dead run was about to put in place is settled before its file is deleted
        _settle(con, file)
        file.discard_unfinished()
        if may_lose is not None:
            _refuse_losses(con, file, may_lose, home.last_published() if home else None)
        file.ensure_space()
        changes = counters.current(con, "changes")
        now = datetime.now(UTC)
        try:
            with transaction(con):
                open_houses.mark_past(con, now)
                _plan_entries(con, now)
            counts, last = _write(con, warehouse.schema, file)
            fingerprint = file.next_fingerprint()
            with transaction(con):
                counters.set_mark(con, "publishing_file", fingerprint)
            file.put_in_place()
            if home is not None:
                # a crash before leaves an older memory, from which the ledger explains the way
                home.remember(dataclasses.replace(last, file=fingerprint))
        finally:
            file.discard_unfinished()
        with transaction(con):
            counters.set_mark(con, "published_changes", changes)
            counters.set_mark(con, "published_file", fingerprint)
            counters.mark_moment(con, "published_at", now)
        entries = _settle(con, file)
        return Published(
            rows=counts,
            ledger_entries=counts[LEDGER.name],
            ledger_digest=ledger_digest(con),
            published_entries=entries,
            bytes=file.size(),
            version=str(counters.current(con, "published_changes")),
        )


def changed_since_publication(con: Connection, target: Path) -> bool:
    """Tell whether readers would see anything new, or their file is not, byte for byte, the last.

    A file that was damaged, exchanged or deleted in place has to be written anew.
    """
    last = counters.current(con, "published_file")
    return moved_on(con) or ReadersFile(target).fingerprint() != last


def moved_on(con: Connection) -> bool:
    """Tell whether the warehouse has changed since the last publication."""
    return counters.current(con, "changes") != counters.current(con, "published_changes")


def last_published(con: Connection) -> datetime | None:
    """Return when was published last, None before the first time."""
    return counters.stored_moment(con, "published_at")


class PublishedFile(StrEnum):
    """What became of the published file since it was written."""

    READABLE = "readable"
    MISSING = "missing"
    UNREADABLE = "unreadable"


def published_file(con: Connection, target: Path) -> PublishedFile:
    """Return whether readers can open the published file and find its tables."""
    if not target.exists():
        return PublishedFile.MISSING
    with published_attached(con, target) as readable:
        if not readable:
            return PublishedFile.UNREADABLE
        try:
            for table in (FEEDS, LEDGER):
                scalar(con, f"select count(*) from published.main.{table.name}")
        except duckdb.Error:
            return PublishedFile.UNREADABLE
    return PublishedFile.READABLE


def ledger_digest(con: Connection, version: int = NEWEST_DIGEST) -> str:
    """Return the SHA-256 of all entries, in order, one a line, columns parted by tabs."""
    columns = DIGEST_COLUMNS[version]
    line = ", ".join(f"coalesce({quoted(name)}::varchar, '')" for name in columns)
    sha256 = hashlib.sha256()
    after = 0
    while True:
        found = rows(
            con,
            f"select entry_id, concat_ws(chr(9), {line}) from deletion_ledger "
            f"where entry_id > ? order by entry_id limit {_SLICE}",
            [after],
        )
        for _, text in found:
            sha256.update(f"{text}\n".encode())
        if len(found) < _SLICE:
            return sha256.hexdigest()
        after = found[-1][0]


def _refuse_losses(
    con: Connection, file: ReadersFile, may_lose: MayLose, remembered: Remembered | None
) -> None:
    """Hold what readers have against what they would get."""
    refused = losses.refusal(
        con, file.path, may_lose, fingerprint=file.fingerprint(), remembered=remembered
    )
    if refused:
        raise PublicationRefused(
            f"{refused} {file.path} was left as it is. "
            "Look whether this is the right warehouse (MLS_ASSETS_DATABASE) or an old copy of it. "
            "If they are meant to go, run `mls-assets publish --accept-loss`, or set accept_loss "
            "in the Launchpad of the job publish."
        )


def _plan_entries(con: Connection, now: datetime) -> None:
    """Note which removals the new file will be without: those whose key is not in it."""
    con.execute("delete from raw.publishing")
    for resource in KEYED_RESOURCES:
        con.execute(
            "insert into raw.publishing select entry_id, ? from deletion_ledger entry "
            f"where event = '{LedgerEvent.REMOVED}' and published_at is null "
            "and resource = ? and not exists "
            f"(from {TABLE_OF_RESOURCE[resource]} held where held.feed = entry.feed "
            f"and held.{quoted(KEY_FIELDS[resource])} = entry.record_key)",
            [now, resource],
        )


def _write(
    con: Connection, tables: WarehouseSchema, file: ReadersFile
) -> tuple[dict[str, int], Remembered]:
    counts = {}
    with file.next_version(con) as catalog:
        with transaction(con):
            create_views(con, tables, catalog)
        for table in tables.published:
            name = f"{catalog}.main.{table.name}"
            con.execute(f"insert into {name} ({column_list(table)}) {_select(table)}")
            counts[table.name] = scalar(con, f"select count(*) from {name}")
        last = losses.published_now(con, catalog)
    return counts, last


def _select(table: Table) -> str:
    """Return the query for what readers get of a table."""
    if table is LEDGER:
        columns = ", ".join(
            "coalesce(entry.published_at, going.published_at)"
            if name == "published_at"
            else f"entry.{quoted(name)}"
            for name in table.column_names
        )
        return (
            f"select {columns} from deletion_ledger entry left join raw.publishing going "
            "using (entry_id) order by entry_id"
        )
    if table is FEEDS:
        columns = unasked.told_state(column_list(table), refusals.TOLD_STATE)
        return f"select {columns} from feeds held"
    return (
        f"select {column_list(table)} from main.{table.name} held where {visible_rows(table.name)}"
    )


def _settle(con: Connection, file: ReadersFile) -> int:
    """Take over the times that stand in the published file, if it is the one last prepared.

    Done after each publication; when a crash came between, the next one does it. The file is
    told by its bytes and not opened: a notebook may hold it open for writing by mistake.
    """
    prepared = counters.current(con, "publishing_file")
    if not prepared or prepared != file.fingerprint():
        return 0
    with transaction(con):
        count = scalar(con, "select count(*) from raw.publishing")
        con.execute(
            "update deletion_ledger set published_at = going.published_at "
            "from raw.publishing going where deletion_ledger.entry_id = going.entry_id "
            "and deletion_ledger.published_at is null"
        )
        con.execute("delete from raw.publishing")
        counters.set_mark(con, "publishing_file", 0)
    return count
