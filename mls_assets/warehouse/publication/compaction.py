"""Rewriting the warehouse without the free blocks in which removed content lingers."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mls_assets.model.declarations import Table
from mls_assets.model.states import LedgerEvent
from mls_assets.warehouse.schema import ddl
from mls_assets.warehouse.schema.ddl import STORAGE_VERSION, WarehouseSchema, column_list, literal
from mls_assets.warehouse.schema.tables import LEDGER
from mls_assets.warehouse.storage.connection import Warehouse
from mls_assets.warehouse.storage.files import WarehouseFault, discard, ensure_space
from mls_assets.warehouse.storage.queries import Connection, scalar, transaction

_CATALOG = "compacted"


@dataclass(frozen=True, slots=True)
class Compacted:
    """Bytes before and after, and how many removals are now out of the file for good."""

    bytes_before: int
    bytes_after: int
    scrubbed: int


def rewrite_file(warehouse: Warehouse, *, run_id: str) -> Compacted:
    """Copy every row into a new file and put it in the place of the old one.

    `raw_scrubbed_at` of removals is set in the new file, so it is true as soon as it can be
    read. Raises DiskFull, WarehouseBusy or WarehouseRefused; then the old file is in place.
    """
    with warehouse.locked(run_id):
        try:
            with warehouse.connect() as con:
                con.execute("checkpoint")
                before = warehouse.path.stat().st_size
                ensure_space(warehouse.path.parent, before)
                scrubbed = _copy(con, warehouse.schema, warehouse.fresh)
            warehouse.put_in_place()
        finally:
            discard(warehouse.fresh)
        return Compacted(before, warehouse.path.stat().st_size, scrubbed)


def _copy(con: Connection, tables: WarehouseSchema, fresh: Path) -> int:
    due = f"event = '{LedgerEvent.REMOVED}' and raw_scrubbed_at is null"
    scrubbed = scalar(con, f"select count(*) from deletion_ledger where {due}")
    con.execute(
        f"attach {literal(str(fresh))} as {_CATALOG} (storage_version {literal(STORAGE_VERSION)})"
    )
    try:
        with transaction(con):
            ddl.copy_tables(con, _CATALOG, raw=True)
        for table in tables.tables:
            _copy_table(con, table)
        if scrubbed:
            with transaction(con):
                con.execute(
                    f"update {_CATALOG}.main.{LEDGER.name} set raw_scrubbed_at = ? where {due}",
                    [datetime.now(UTC)],
                )
                con.execute(
                    f"update {_CATALOG}.raw.meta set value = value + 1 where name = 'changes'"
                )
        con.execute(f"checkpoint {_CATALOG}")
    finally:
        con.execute(f"detach {_CATALOG}")
    return scrubbed


def _copy_table(con: Connection, table: Table) -> None:
    name = table.name if "." in table.name else f"main.{table.name}"
    columns = column_list(table)
    con.execute(f"insert into {_CATALOG}.{name} ({columns}) select {columns} from {name}")
    before = scalar(con, f"select count(*) from {name}")
    after = scalar(con, f"select count(*) from {_CATALOG}.{name}")
    if before != after:
        raise WarehouseFault(
            f"Compaction copied {after:,} of {before:,} rows of {name}. The warehouse was left as "
            "it is; run it again, and check the disk if this comes back."
        )
