"""Rewriting the warehouse without the free blocks in which removed content lingers."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mls_assets.model.states import LedgerEvent
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.tables import LEDGER
from mls_assets.warehouse.storage.queries import Connection, scalar
from mls_assets.warehouse.warehouse import Warehouse

_DUE = f"event = '{LedgerEvent.REMOVED}' and raw_scrubbed_at is null"


@dataclass(frozen=True, slots=True)
class Compacted:
    """Bytes before and after, and how many removals are now out of the warehouse for good."""

    bytes_before: int
    bytes_after: int
    scrubbed: int


def rewrite_file(warehouse: Warehouse, *, run_id: str) -> Compacted:
    """Store every row anew, and enter in the ledger that removed bytes are gone.

    `raw_scrubbed_at` of removals is set in the new version, so it is true as soon as that can be
    read. Raises DiskFull, WarehouseBusy or WarehouseRefused; then the old version is in place.
    """
    with warehouse.locked(run_id):
        done = warehouse.rewrite(_note_scrubbed)
    return Compacted(done.bytes_before, done.bytes_after, done.noted)


def _note_scrubbed(con: Connection) -> int:
    scrubbed = scalar(con, f"select count(*) from {LEDGER.name} where {_DUE}")
    if scrubbed:
        con.execute(
            f"update {LEDGER.name} set raw_scrubbed_at = ? where {_DUE}", [datetime.now(UTC)]
        )
        counters.changed(con)
    return scrubbed
