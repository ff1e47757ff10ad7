"""DuckDB files: attaching, filling, putting in place, deleting, and what their faults mean.

The warehouse can be one; the readers' database always is. No table is known here.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from mls_assets.errors import ConfigurationError, MlsAssetsError, WarehouseRefused
from mls_assets.warehouse.schema.ddl import literal, quoted
from mls_assets.warehouse.storage.queries import Connection, rows, scalar, transaction

#: Written by DuckDB 1.5 and later, read by 1.5 and later.
_STORAGE_VERSION = "v1.5.0"
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


def attach(con: Connection, path: Path, name: str, *, read_only: bool) -> None:
    """Open a file beside the current database, under a name; made if it is not there."""
    how = "read_only" if read_only else f"storage_version {literal(_STORAGE_VERSION)}"
    con.execute(f"attach {literal(str(path))} as {name} ({how})")


@contextmanager
def attached(con: Connection, path: Path, name: str) -> Iterator[bool]:
    """Attach a file for reading; yields whether there is one that can be read."""
    if not path.exists():
        yield False
        return
    try:
        attach(con, path, name, read_only=True)
    except duckdb.Error:
        # damaged, or open for writing by mistake; neither must hold the pipeline up
        yield False
        return
    try:
        yield True
    finally:
        con.execute(f"detach {name}")


@contextmanager
def written(con: Connection, path: Path, name: str) -> Iterator[None]:
    """Attach a new file to be filled; at the end it is whole and closed."""
    attach(con, path, name, read_only=False)
    try:
        yield
        con.execute(f"checkpoint {name}")
    except BaseException:
        # where a transaction was broken off, the end of the connection closes the file
        with suppress(duckdb.Error):
            con.execute(f"detach {name}")
        raise
    con.execute(f"detach {name}")


@contextmanager
def using_database(con: Connection, name: str) -> Iterator[None]:
    """Let names without a database mean those of an attached one."""
    before = _current_database(con)
    con.execute(f"use {quoted(name)}")
    yield
    con.execute(f"use {quoted(before)}")


def copy_tables(con: Connection, name: str) -> None:
    """Make the tables of the current database, empty, in an attached one.

    A hundred times as fast as making them one comment after the other.
    """
    here = quoted(_current_database(con))
    with transaction(con):
        con.execute(f"copy from database {here} to {quoted(name)} (schema)")


def copy_all(con: Connection, name: str) -> None:
    """Copy the tables of the current database and their rows into an attached one.

    Raises WarehouseFault if not all of them came.
    """
    copy_tables(con, name)
    for schema, table in rows(
        con,
        "select schema_name, table_name from duckdb_tables() "
        "where database_name = current_database() and not internal",
    ):
        here = f"{quoted(schema)}.{quoted(table)}"
        there = f"{quoted(name)}.{here}"
        con.execute(f"insert into {there} from {here}")
        before = scalar(con, f"select count(*) from {here}")
        after = scalar(con, f"select count(*) from {there}")
        if before != after:
            raise WarehouseFault(
                f"Compaction copied {after:,} of {before:,} rows of {schema}.{table}. The "
                "warehouse was left as it is; run it again, and check the disk if this comes back."
            )


def _current_database(con: Connection) -> str:
    return scalar(con, "select current_database()")


def ensure_writable(folder: Path) -> None:
    """Make a folder if need be; raises ConfigurationError if it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be written ({error.strerror}). Nothing was done; "
            "set MLS_ASSETS_DATA to a folder of yours."
        ) from None


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
