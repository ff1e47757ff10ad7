"""Opening the warehouse: who may, in what order, and what is refused. No table is touched here.

DuckDB lets one process in, and even a reader elsewhere keeps the writer out, so everybody who
opens the file takes the kernel's lock beside it first, holds it for one batch, and makes no
request to a source meanwhile.
"""

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import duckdb

from mls_assets.errors import WarehouseBusy, WarehouseRefused
from mls_assets.model.declarations import Table
from mls_assets.warehouse.schema import counters, migrations
from mls_assets.warehouse.schema.ddl import WarehouseSchema
from mls_assets.warehouse.storage.belonging import DataFolder
from mls_assets.warehouse.storage.engine import Engine, discard_spilled
from mls_assets.warehouse.storage.files import discard, explained, replace
from mls_assets.warehouse.storage.locks import Holder, KernelLock
from mls_assets.warehouse.storage.queries import Connection, transaction

DEFAULT_MEMORY = "2GB"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
#: Bytes at the start of a DuckDB file that are no blocks: three headers.
_HEADERS = 3 * 4096
_LOCKED = "Could not set lock on file"


_threads = threading.local()


def _opened_here() -> set[Path]:
    """Return the warehouses that this thread holds."""
    return _threads.__dict__.setdefault("held", set())


class Warehouse:
    """The pipeline's database file: `read()` and `write()` open it for one batch each.

    `patience` is how long to wait for another holder, in seconds; `holder` names this run to
    those who wait for it; `memory` is what DuckDB may use before it spills to disk; `home` is the
    data folder that remembers its warehouse (none: whoever opens it first makes it).
    """

    def __init__(
        self,
        path: Path,
        reso_tables: Mapping[str, Table],
        brief_columns: Sequence[str],
        *,
        standard_values: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType({}),
        patience: float = 60.0,
        holder: str = "",
        memory: str = DEFAULT_MEMORY,
        home: DataFolder | None = None,
    ) -> None:
        self.path = path.resolve()
        self.schema = WarehouseSchema(reso_tables, tuple(brief_columns), standard_values)
        self.patience = patience
        self.holder = holder
        self.home = home
        self.memory = memory

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open for reading; raises WarehouseBusy or WarehouseRefused."""
        with self.locked(), self.connect(read_only=True) as con:
            yield con

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open for writing in one transaction: committed at the end, rolled back on any exception.

        Raises WarehouseBusy or WarehouseRefused, and DiskFull when there is no room.
        """
        with self.locked(), self.connect() as con, transaction(con):
            yield con

    @contextmanager
    def locked(self, run_id: str = "") -> Iterator[None]:
        """Hold the kernel's lock of the warehouse without opening it, in the name of a run.

        Whoever waits stands at the queue's lock, so that a run that opens the file batch after
        batch lets others in between.
        """
        run_id = run_id or self.holder
        ours = _opened_here()
        if self.path in ours:
            # waiting for oneself would only end with the patience
            raise RuntimeError(f"this thread has {self.path.name} open already")
        lock = KernelLock(self.path.with_name(f"{self.path.name}.lock"), run_id)
        queue = KernelLock(self.path.with_name(f"{self.path.name}.queue"), run_id)
        deadline = time.monotonic() + self.patience
        try:
            try:
                taken = queue.acquire(self.patience) and lock.acquire(
                    max(deadline - time.monotonic(), 0.0)
                )
            finally:
                queue.release()
        except OSError as error:
            raise WarehouseRefused(
                f"{self.path} cannot be used: {error.strerror} ({error.filename}). Nothing was "
                "done; name a folder that can be written."
            ) from None
        if not taken:
            raise self._busy(str(lock.holder() or Holder()))
        ours.add(self.path)
        try:
            yield
        finally:
            ours.discard(self.path)
            lock.release()

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        """Open the file, without a transaction, for a caller that holds the lock.

        The file is made if there never was one, and brought to the newest schema; before anything
        is written it is looked at by reading only, so that one that is refused stays as it is.
        Raises WarehouseRefused when it is missing, or went while it was open.
        """
        with explained(self.path, self.memory):
            self._discard_leftovers()
            if self.path.is_dir():
                raise WarehouseRefused("it is a folder, not a file")
            if not self.path.exists():
                if self.home is not None:
                    self.home.permit_new(self.path)
                self._create()
            if self._engine.checked != self._identity():
                self._check()
            opened = self._file()
            with self._opened(self.path, read_only=read_only) as con:
                yield con
            if self._file() != opened:
                raise WarehouseRefused(
                    f"{self.path} was deleted or replaced while it was open, so what this step "
                    "stored is not in it. Put the file back, and run again."
                )
        self._engine.checked = self._identity()

    @property
    def memory(self) -> str:
        """What DuckDB may use before it spills to disk."""
        return self._memory

    @memory.setter
    def memory(self, limit: str) -> None:
        self._memory = limit
        self._engine = Engine.shared(limit, self._spill, tuple(self.schema.reso.values()))

    @property
    def fresh(self) -> Path:
        """Where a new version of the file is prepared."""
        return self.path.with_name(f"{self.path.name}.new")

    def put_in_place(self) -> None:
        """Replace the closed file by the prepared one, for a caller that holds the lock."""
        replace(self.fresh, self.path)
        self._engine.checked = None

    def _create(self) -> None:
        with self._opened(self.fresh) as con:
            migrations.create(con, self.schema)
        self.put_in_place()

    def _check(self) -> None:
        if not self.path.stat().st_size:
            raise WarehouseRefused("it is empty (0 bytes)")
        with self._opened(self.path, read_only=True) as con:
            # free blocks at the end need not be there
            size = con.execute(
                "select block_size * used_blocks from pragma_database_size() "
                "where database_name = current_database()"
            ).fetchall()[0][0]
            there = self.path.stat().st_size
            if there < size + _HEADERS:
                raise WarehouseRefused(
                    f"it is {there:,} bytes long but should have {size + _HEADERS:,}"
                )
            outdated = migrations.is_outdated(con, self.schema)
            number = counters.current(con, counters.WAREHOUSE_NUMBER)
            known = None
            if self.home is not None and number:
                self.home.hold(self.path, number)
            elif self.home is not None:
                known = self.home.number_of(self.path)
        if outdated:
            with self._opened(self.path) as con:
                migrations.migrate(con, self.schema)
                if known is not None:
                    counters.set_mark(con, counters.WAREHOUSE_NUMBER, known)
                number = counters.current(con, counters.WAREHOUSE_NUMBER)
        if self.home is not None:
            self.home.hold(self.path, number)

    def _file(self) -> tuple[int, int] | None:
        """Which file stands at the path now; None if there is none."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino

    @contextmanager
    def _opened(self, path: Path, *, read_only: bool = False) -> Iterator[Connection]:
        deadline = time.monotonic() + self.patience
        pause = _FIRST_PAUSE
        while True:
            try:
                opened = self._engine.attach(path, read_only=read_only)
            except duckdb.IOException as error:
                if _LOCKED not in str(error):
                    raise
                # somebody opened the file by hand, past our lock
                if time.monotonic() + pause > deadline:
                    raise self._busy(_pid_in(str(error))) from None
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                break
        with opened as con:
            yield con

    @property
    def _spill(self) -> Path:
        return self.path.with_name(f"{self.path.name}.tmp")

    def _discard_leftovers(self) -> None:
        """Delete what a killed holder left beside the file; it can hold listing content."""
        discard(self.fresh)
        discard_spilled(self._spill)

    def _identity(self) -> tuple[int, ...] | None:
        wal = self.path.with_name(f"{self.path.name}.wal")
        identity: list[int] = []
        for path in (self.path, wal):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                identity += (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return tuple(identity)

    def _busy(self, who: str) -> WarehouseBusy:
        return WarehouseBusy(
            f"{self.path} is held by {who}; waited {self.patience:.0f} s. Nothing was done; try "
            "again when it has ended, and open the published file for reading, never this one."
        )


def _pid_in(message: str) -> str:
    found = re.search(r"\(PID (\d+)\)", message)
    return f"process {found[1]}, which opened it by hand" if found else "another process"
