"""The warehouse as a file: putting one in place, deleting one, and what its faults mean. No SQL."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from mls_assets.errors import MlsAssetsError, WarehouseRefused

_BROKEN = (
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "Corrupt database file",
    "Corrupt WAL file",
    "Failure while replaying WAL",
    "Failed to deserialize",
    "Serialization Error",
)
#: Of a file in a format that this DuckDB does not know yet.
_NEWER_FORMAT = ("we can only read", "Unsupported Storage Version")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NO_MEMORY = "failed to pin block"
_NO_SPACE = ("No space left on device", "Could not write all bytes", "Disk quota exceeded")


class DiskFull(MlsAssetsError):
    """There is no room for what was to be written; the transaction was rolled back."""


class OutOfMemory(MlsAssetsError):
    """DuckDB's memory limit was too small for a statement; the transaction was rolled back."""


class WarehouseFault(MlsAssetsError):
    """DuckDB refused a statement; the transaction was rolled back."""


def ensure_space(folder: Path, needed: int) -> None:
    """Raise DiskFull unless `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            f"{folder} has {free:,} bytes free, {needed:,} are needed. Nothing was done; make room."
        )


def discard(path: Path) -> None:
    """Delete a database file and its log, if there."""
    for file in (path, path.with_name(f"{path.name}.wal")):
        file.unlink(missing_ok=True)


def replace(fresh: Path, path: Path) -> None:
    """Put a closed, checkpointed database file in the place of another, durably.

    A log that belonged to the old file goes, or DuckDB would apply it to the new one.
    """
    _sync(fresh)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    fresh.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path, memory: str) -> Iterator[None]:
    """Turn DuckDB's errors into ours; their texts can quote values, so they are cut.

    `memory` is the limit that DuckDB works under.
    """
    try:
        yield
    except WarehouseRefused as error:
        if str(path) in str(error):
            raise
        raise _refused(path, str(error), error.remedy) from None
    except OSError as error:
        if error.errno in _FULL:
            raise _full(Path(error.filename or path)) from None
        # other kinds are no trouble of a file: a caller's own
        if not isinstance(error, (PermissionError, IsADirectoryError, NotADirectoryError)):
            raise
        raise _refused(Path(error.filename or path), str(error.strerror)) from None
    except duckdb.Error as error:
        text = str(error)
        if any(sign in text for sign in _NO_SPACE):
            raise _full(path) from None
        # at a commit DuckDB says it in another exception's words
        if isinstance(error, duckdb.OutOfMemoryException) or _NO_MEMORY in text:
            raise OutOfMemory(
                f"DuckDB needs more than its limit of {memory} for {path}. The transaction was "
                "rolled back, what was stored before is safe. Set MLS_ASSETS_MEMORY (such as 4GB), "
                "or memory_limit of the resource `warehouse` in the Launchpad for one run."
            ) from None
        if any(sign in text for sign in _NEWER_FORMAT):
            remedy = (
                "a newer DuckDB wrote it, so install that (pip install -U duckdb) and run again"
            )
            raise _refused(path, _without_values(text), remedy) from None
        if any(sign in text for sign in _BROKEN):
            raise _refused(path, _without_values(text)) from None
        raise WarehouseFault(
            f"DuckDB refused a statement on {path} ({type(error).__name__}: "
            f"{_without_values(text)}). The transaction was rolled back."
        ) from None


def _full(path: Path) -> DiskFull:
    free = shutil.disk_usage(path.parent).free
    size = path.stat().st_size if path.exists() else 0
    return DiskFull(
        f"The disk of {path} is full: {free:,} bytes free, the file has {size:,}. The "
        "transaction was rolled back, what was stored before is safe; make room."
    )


def _refused(path: Path, why: str, remedy: str = "") -> WarehouseRefused:
    remedy = remedy or "move it away, or restore a backup"
    return WarehouseRefused(f"{path} is refused: {why}. It was left as it is; {remedy}.")


def _without_values(text: str) -> str:
    """Keep an error's text up to the first quotation mark, where a value could begin."""
    return re.split(r"['\"\n]", text, maxsplit=1)[0].strip(" .:")[:200]
