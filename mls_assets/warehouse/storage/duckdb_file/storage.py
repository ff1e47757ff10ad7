"""The warehouse as one DuckDB file: who may open it, in what order, and what is refused.

DuckDB lets one process in, and even a reader elsewhere keeps the writer out, so everybody who
opens the file takes the kernel's lock beside it first, holds it for one batch, and makes no
request to a source meanwhile. No table is known here.
"""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from mls_assets.errors import WarehouseBusy, WarehouseRefused
from mls_assets.warehouse.storage.duckdb_file.engine import Engine, discard_spilled
from mls_assets.warehouse.storage.files import (
    copy_all,
    discard,
    ensure_space,
    ensure_writable,
    explained,
    replace,
    using_database,
    written,
)
from mls_assets.warehouse.storage.locks import FeedLock, Holder, KernelLock, holder
from mls_assets.warehouse.storage.protocol import Rewritten
from mls_assets.warehouse.storage.queries import Connection, transaction

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5
#: Bytes at the start of a DuckDB file that are no blocks: three headers.
_HEADERS = 3 * 4096
_LOCKED = "Could not set lock on file"
_NEW_VERSION = "compacted"


_threads = threading.local()


def _opened_here() -> set[Path]:
    """Return the warehouses that this thread holds."""
    return _threads.__dict__.setdefault("held", set())


class DuckDbFile:
    """A `Storage` in one file; see there for what its methods promise.

    `patience` is how long to wait for another holder, in seconds; `run_id` names this run to
    those who wait for it; `memory` is what DuckDB may use before it spills to disk.
    """

    #: A packed body must be readable by itself, without its neighbours.
    packed_column = " using compression uncompressed"

    def __init__(self, path: Path, patience: float, run_id: str, memory: str) -> None:
        self.path = path.expanduser().resolve()
        self._patience = patience
        self._run_id = run_id
        self._memory = memory

    @property
    def address(self) -> str:
        """The file's path."""
        return str(self.path)

    def ensure_usable(self) -> None:
        """Make the file's folder if need be; raises ConfigurationError if it cannot be written."""
        ensure_writable(self.path.parent)

    def exists(self) -> bool:
        """Tell whether anything stands at the path."""
        return self.path.exists()

    def state(self) -> Hashable:
        """Return which file stands here, and what it and its log look like."""
        identity: list[int] = []
        for path in (self.path, self._beside("wal")):
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                identity += (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return tuple(identity)

    @contextmanager
    def turn(self, run_id: str) -> Iterator[None]:
        """Hold the kernel's lock of the file.

        Whoever waits stands at the queue's lock, so that a run that opens the file batch after
        batch lets others in between.
        """
        run_id = run_id or self._run_id
        ours = _opened_here()
        if self.path in ours:
            # waiting for oneself would only end with the patience
            raise RuntimeError(f"this thread has {self.path.name} open already")
        lock = KernelLock(self._beside("lock"), run_id)
        queue = KernelLock(self._beside("queue"), run_id)
        deadline = time.monotonic() + self._patience
        try:
            try:
                taken = queue.acquire(self._patience) and lock.acquire(
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

    def create(self, make: Callable[[Connection], None]) -> None:
        """Prepare the file beside its place, and put it there when it is whole."""
        with explained(self.path, self._memory):
            self._discard_leftovers()
            with self._attached(self._fresh) as con:
                make(con)
            replace(self._fresh, self.path)

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        """Attach the file for one batch.

        One that others touched since is looked at by reading only, before anything is written, so
        that what is refused stays as it is.
        """
        with explained(self.path, self._memory):
            self._discard_leftovers()
            if self.path.is_dir():
                raise WarehouseRefused("it is a folder, not a file")
            if not self.path.stat().st_size:
                raise WarehouseRefused("it is empty (0 bytes)")
            unknown = self._engine.checked != self.state()
            if unknown and not read_only:
                with self._attached(self.path, read_only=True) as con:
                    self._refuse_cut(con)
            opened = self._file()
            with self._attached(self.path, read_only=read_only) as con:
                if unknown and read_only:
                    self._refuse_cut(con)
                yield con
            if self._file() != opened:
                raise WarehouseRefused(
                    f"{self.path} was deleted or replaced while it was open, so what this step "
                    "stored is not in it. Put the file back, and run again."
                )
        self._engine.checked = self.state()

    def rewrite(self, note: Callable[[Connection], int]) -> Rewritten:
        """Copy every row into a new file, and put it in the place of the old one."""
        try:
            with self.connect() as con:
                con.execute("checkpoint")
                before = self.path.stat().st_size
                ensure_space(self.path.parent, before)
                with written(con, self._fresh, _NEW_VERSION):
                    copy_all(con, _NEW_VERSION)
                    with using_database(con, _NEW_VERSION), transaction(con):
                        noted = note(con)
            replace(self._fresh, self.path)
        finally:
            discard(self._fresh)
        return Rewritten(before, self.path.stat().st_size, noted)

    def feed_lock(self, feed: str, run_id: str, wait: float) -> FeedLock:
        """Return the kernel's lock of a feed, in a folder beside the file that it guards."""
        return FeedLock(self._feed_locks, feed, run_id, wait=wait)

    def feed_holder(self, feed: str) -> Holder | None:
        """Return who works on a feed now, None when nobody does."""
        return holder(self._feed_locks, feed)

    def _refuse_cut(self, con: Connection) -> None:
        """Raise WarehouseRefused if blocks are missing; free ones at the end need not be there."""
        size = con.execute(
            "select block_size * used_blocks from pragma_database_size() "
            "where database_name = current_database()"
        ).fetchall()[0][0]
        there = self.path.stat().st_size
        if there < size + _HEADERS:
            raise WarehouseRefused(
                f"it is {there:,} bytes long but should have {size + _HEADERS:,}"
            )

    def _file(self) -> tuple[int, int] | None:
        """Which file stands at the path now; None if there is none."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        return stat.st_dev, stat.st_ino

    @contextmanager
    def _attached(self, path: Path, *, read_only: bool = False) -> Iterator[Connection]:
        deadline = time.monotonic() + self._patience
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

    def _discard_leftovers(self) -> None:
        """Delete what a killed holder left beside the file; it can hold listing content."""
        discard(self._fresh)
        discard_spilled(self._beside("tmp"))

    @property
    def _engine(self) -> Engine:
        return Engine.shared(self._memory, self._beside("tmp"))

    @property
    def _fresh(self) -> Path:
        """Where a new version of the file is prepared."""
        return self._beside("new")

    @property
    def _feed_locks(self) -> Path:
        return self.path.parent / "locks"

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{suffix}")

    def _busy(self, who: str) -> WarehouseBusy:
        return WarehouseBusy(
            f"{self.path} is held by {who}; waited {self._patience:.0f} s. Nothing was done; try "
            "again when it has ended, and open the published file for reading, never this one."
        )


def _pid_in(message: str) -> str:
    found = re.search(r"\(PID (\d+)\)", message)
    return f"process {found[1]}, which opened it by hand" if found else "another process"
