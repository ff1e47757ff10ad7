"""Kernel locks (`flock`): one per feed, and the one that `connection` puts on the warehouse.

The kernel frees them when their process dies, however it dies, so there are no leases and no
heartbeats. What stands inside a lock file (pid, run, since) is for messages only. No SQL here.
"""

import fcntl
import hashlib
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from mls_assets.errors import FeedBusy

#: Whoever only looks at a lock holds it for an instant, so a refusal counts after this long (s).
_GRACE = 0.1
#: Characters of a feed in a file's name; file systems take 255, some of them 143.
_LONGEST_NAME = 100
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, as far as it could be told."""

    pid: int | None = None
    run_id: str = ""
    since: str = ""

    def __str__(self) -> str:
        if self.pid is None:
            return "another process"
        run = f", run {self.run_id}" if self.run_id else ""
        return f"process {self.pid}{run}, since {self.since}"


class KernelLock:
    """An exclusive lock on a file of its own; threads of one process exclude each other too.

    The file stays when the lock is let go: deleting it would let two holders in.
    """

    def __init__(self, path: Path, run_id: str = "") -> None:
        self.path = path
        self.run_id = run_id
        self._descriptor: int | None = None

    def acquire(self, wait: float) -> bool:
        """Take the lock, trying for up to `wait` seconds; return whether it was had."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            taken = _take(descriptor, time.monotonic() + wait)
        except BaseException:
            os.close(descriptor)
            raise
        if not taken:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        self.tell(os.getpid())
        return True

    def fileno(self) -> int:
        """Return the lock's file descriptor; a process that inherits it holds the lock as well.

        Raises ValueError when the lock is not held.
        """
        if self._descriptor is None:
            raise ValueError(f"{self.path} is not locked here")
        return self._descriptor

    def tell(self, pid: int) -> None:
        """Note in the file which process messages are to name; the lock has to be held."""
        facts = {
            "pid": pid,
            "run_id": self.run_id,
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(self.fileno(), 0)
        os.pwrite(self.fileno(), json.dumps(facts).encode(), 0)

    @property
    def in_place(self) -> bool:
        """Whether the lock is held on the file that stands at its path, so that all see it.

        Somebody may have deleted that file between its opening and its locking.
        """
        if self._descriptor is None:
            return False
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._descriptor)
        return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)

    def release(self) -> None:
        """Let go; harmless when not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def holder(self) -> Holder | None:
        """Return who holds the lock, None when it is free. It is not taken."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_holder(descriptor)
        else:
            return None
        finally:
            os.close(descriptor)


class FeedLock:
    """The lock that all work on one feed takes, as a context manager.

    Raises FeedBusy, naming the holder, when another process or thread has it and does not let
    go within `wait` seconds.
    """

    def __init__(self, folder: Path, feed: str, holder: str = "", *, wait: float = 0.0) -> None:
        self.feed = feed
        self.wait = wait
        self._lock = KernelLock(_lock_file(folder, feed), holder)

    def __enter__(self) -> Self:
        if not self._lock.acquire(max(self.wait, _GRACE)):
            who = self._lock.holder() or Holder()
            raise FeedBusy(
                f"{self.feed} is being worked on by {who}. Nothing was done; wait for it to end, "
                "or end it: a lock never outlives its process."
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()


def holder(folder: Path, feed: str) -> Holder | None:
    """Return who works on a feed now, None when nobody does. The lock is not taken."""
    return KernelLock(_lock_file(folder, feed)).holder()


def _lock_file(folder: Path, feed: str) -> Path:
    """Return a file name of its own for any feed: a long one is cut and told apart by its hash."""
    name = quote(feed, safe="")
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(feed.encode()).hexdigest()[:16]}"
    return folder / f"{name}.lock"


def _take(descriptor: int, deadline: float) -> bool:
    pause = _FIRST_PAUSE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 2, _LONGEST_PAUSE)
        else:
            return True


def _read_holder(descriptor: int) -> Holder:
    try:
        facts = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(int(facts["pid"]), str(facts["run_id"]), str(facts["since"]))
    except (ValueError, KeyError, TypeError):
        return Holder()
