"""The place a pass works in: data folder, warehouse, run id, progress. No use case lives here."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mls_assets import reso
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.warehouse import FeedLock, Warehouse
from mls_assets.warehouse.storage.belonging import DataFolder
from mls_assets.warehouse.storage.connection import DEFAULT_MEMORY

#: The readers' database, in the data folder.
PUBLISHED = "mls.duckdb"
_MEMORY = re.compile(r"[1-9][0-9]*(\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)

#: How long a pass waits for a feed that another run is just finishing with, in seconds.
FEED_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage has come; `expected` is the number of records if the source told it."""

    feed: str
    resource: str
    stage: str
    pages: int
    records: int
    expected: int | None = None


def silent(progress: Progress) -> None:
    """Take a progress report and show nothing."""


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the data folder: `MLS_ASSETS_DATA`, else `data` in the working directory."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("MLS_ASSETS_DATA", "").strip() or "data").expanduser().resolve()


def database_of(environ: Mapping[str, str] | None = None) -> Path:
    """Return the warehouse file: `MLS_ASSETS_DATABASE`, else `warehouse.duckdb` in the folder.

    Raises ConfigurationError for a `ducklake:` address, which this version cannot serve.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("MLS_ASSETS_DATABASE", "").strip()
    if named.startswith("ducklake:"):
        raise ConfigurationError(
            "MLS_ASSETS_DATABASE names a DuckLake, which this version does not open. Nothing was "
            "done; unset it, or name a DuckDB file."
        )
    return (
        Path(named).expanduser().resolve() if named else data_folder(environ) / "warehouse.duckdb"
    )


def memory_of(environ: Mapping[str, str] | None = None) -> str:
    """Return what DuckDB may use before it spills to disk: `MLS_ASSETS_MEMORY`, else 2GB.

    Raises ConfigurationError for what is no size.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("MLS_ASSETS_MEMORY", "").strip() or DEFAULT_MEMORY
    if not _MEMORY.fullmatch(named):
        raise ConfigurationError(
            f"MLS_ASSETS_MEMORY is {named[:40]!r}, which is no size. Nothing was done; set it to "
            "a number with a unit, such as 4GB."
        )
    return named


def lock_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Return the folder of the feeds' locks: beside the warehouse that they guard."""
    return _locks_beside(database_of(environ))


def _locks_beside(database: Path) -> Path:
    return database.parent / "locks"


def anything(feed: str, resource: Resource | None = None) -> bool:
    """Say that any feed is asked for: for a place without a configuration."""
    return True


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where a run works and to whom it reports.

    `asks_for` tells whether a feed (and resource) is configured now, which may be later than
    when the run began: whoever erased it meanwhile does not want it back.
    """

    folder: Path
    warehouse: Warehouse
    run_id: str
    progress: Callable[[Progress], None] = silent
    asks_for: Callable[[str, Resource | None], bool] = anything

    @classmethod
    def open(
        cls,
        folder: Path,
        database: str | Path | None = None,
        *,
        run_id: str,
        progress: Callable[[Progress], None] = silent,
        patience: float = 60.0,
        asks_for: Callable[[str, Resource | None], bool] = anything,
    ) -> "Workspace":
        """Make the data folder if need be; the warehouse is opened at its first use.

        Raises ConfigurationError when the folder cannot be made or written.
        """
        database = Path(database) if database else folder / "warehouse.duckdb"
        for place in {folder, database.parent}:
            try:
                place.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=place):
                    pass
            except OSError as error:
                raise ConfigurationError(
                    f"The folder {place} cannot be written ({error.strerror}). Nothing was done; "
                    "set MLS_ASSETS_DATA to a folder of yours."
                ) from None
        home = DataFolder(folder.resolve(), folder / PUBLISHED)
        warehouse = Warehouse(
            database,
            reso.RESO_TABLES,
            reso.BRIEF_COLUMNS,
            standard_values=reso.STANDARD_VALUES,
            patience=patience,
            holder=run_id,
            memory=memory_of(),
            home=home,
        )
        return cls(folder, warehouse, run_id, progress, asks_for)

    @property
    def published(self) -> Path:
        """The read-only database for notebooks."""
        return self.folder / PUBLISHED

    @property
    def locks(self) -> Path:
        """The folder of the feeds' locks."""
        return _locks_beside(self.warehouse.path)

    def feed_lock(self, feed: str) -> FeedLock:
        """Return the kernel's lock of a feed, as a context manager; see `FeedLock`."""
        return FeedLock(self.locks, feed, self.run_id, wait=FEED_PATIENCE)
