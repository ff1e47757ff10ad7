"""The DuckDB instance of this process, to which the warehouse file is attached for one batch each.

What does not fit into memory spills into a folder of the instance's own. It lives as long as the
instance: DuckDB makes it once, and fails for good when somebody deletes it. Starting an instance
costs some 45 ms, attaching a file to one that runs 8 ms (measured with our 1,500 columns), and a
purge opens the file some 60 times. Who may open it is decided elsewhere.
"""

import contextlib
import secrets
import shutil
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path

import duckdb

from mls_assets.warehouse.storage.files import WarehouseFault, attach
from mls_assets.warehouse.storage.locks import KernelLock
from mls_assets.warehouse.storage.queries import Connection

#: The name under which the file is attached; `main.listings` means its table.
_CATALOG = "warehouse"
_LOCK = ".lock"
_TRIES = 10


class Engine:
    """An instance that is started when it is needed first, and again after any error of DuckDB.

    `memory` is what it may use before it spills to disk, into a folder of its own under `spill`;
    `checked` is what the file looked like when it was last found in order, a note for whoever
    checks it.
    """

    def __init__(self, memory: str, spill: Path) -> None:
        self.checked: object = None
        self._spill = spill
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # joining small row groups at each checkpoint would rewrite all that landed, in pauses
            # of many seconds (measured: 32 s after 16,000 records of 25 kB); compaction does it
            "max_vacuum_tasks": "0",
            "memory_limit": memory,
            "wal_autocheckpoint": "1GB",
        }
        self._instance: Connection | None = None
        self._end: weakref.finalize | None = None

    @staticmethod
    @lru_cache(maxsize=4)
    def shared(memory: str, spill: Path) -> "Engine":
        """Return the engine of all who open a file; they take turns by its lock.

        A run makes a resource for each step; so that not each of them starts and checks anew.
        """
        return Engine(memory, spill)

    def attach(self, path: Path, *, read_only: bool) -> AbstractContextManager[Connection]:
        """Open a file at once; the context closes it, so that no lock on it is left.

        Raises duckdb.IOException when another process has it open.
        """
        con = self._running().cursor()
        try:
            attach(con, path, _CATALOG, read_only=read_only)
            con.execute(f"use {_CATALOG}")
            con.execute("set timezone = 'UTC'")
        except BaseException:
            self._stop()
            raise
        return self._attached(con)

    @contextmanager
    def _attached(self, con: Connection) -> Iterator[Connection]:
        try:
            yield con
            con.execute("use memory")
            con.execute(f"detach {_CATALOG}")
            con.close()
        except BaseException:
            # whatever state it is in, its end closes the file
            with contextlib.suppress(duckdb.Error):
                con.close()
            self._stop()
            raise

    def _running(self) -> Connection:
        if self._instance is None:
            folder = _SpillFolder(self._spill)
            config = {**self._config, "temp_directory": str(folder.path)}
            instance = self._instance = duckdb.connect(":memory:", config=config)

            def end() -> None:
                instance.close()
                folder.delete()

            # also at the end of the process, before the interpreter counts what is left
            self._end = weakref.finalize(self, end)
        return self._instance

    def _stop(self) -> None:
        self._instance = None
        if self._end is not None:
            with contextlib.suppress(duckdb.Error):
                self._end()


class _SpillFolder:
    """A folder for one instance, which holds a lock for as long as the instance lives."""

    def __init__(self, parent: Path) -> None:
        for attempt in range(_TRIES):
            self.path = parent / secrets.token_hex(8)
            self._lock = KernelLock(_lock_of(self.path))
            try:
                # whoever cleans up meanwhile may have taken the file, or the empty parent
                if self._lock.acquire(wait=0) and self._lock.in_place:
                    self.path.mkdir()
                    return
            except FileNotFoundError:
                if attempt == _TRIES - 1:
                    raise
            self._lock.release()
        raise WarehouseFault(
            f"No folder for what DuckDB spills could be made in {parent}. Nothing was done; run "
            "again."
        )

    def delete(self) -> None:
        """Delete the folder of an instance that has ended."""
        _delete(self.path)
        self._lock.release()


def discard_spilled(parent: Path) -> None:
    """Delete what dead instances spilled; it can hold listing content.

    The folders of living instances stay, in this process and in others: their locks are held.
    """
    try:
        entries = list(parent.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        folder = entry.with_suffix("")
        if entry.suffix == _LOCK and entry.is_file():
            lock = KernelLock(entry)
            if lock.acquire(wait=0):
                if lock.in_place:
                    _delete(folder)
                lock.release()
        elif entry.is_dir() and not _lock_of(entry).exists():
            shutil.rmtree(entry, ignore_errors=True)
        elif not entry.is_dir() and entry.suffix != _LOCK:
            entry.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{_LOCK}")


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    # a name is never used again, so its lock may go before it is let go
    _lock_of(folder).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()  # if it is empty now
