"""The place a pass works in: data folder, warehouse, run id, progress. No use case lives here."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from mls_assets import reso
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.storage.addresses import (
    DEFAULT_MEMORY,
    DEFAULT_PATIENCE,
    absolute,
    in_folder,
    storage_at,
)
from mls_assets.warehouse.storage.belonging import DataFolder
from mls_assets.warehouse.storage.files import ensure_writable
from mls_assets.warehouse.storage.locks import Holder

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


def database_of(environ: Mapping[str, str] | None = None) -> str:
    """Return where the warehouse is: `MLS_ASSETS_DATABASE`, else a DuckDB file in the folder."""
    environ = os.environ if environ is None else environ
    named = environ.get("MLS_ASSETS_DATABASE", "").strip()
    return absolute(named or in_folder(data_folder(environ)))


def is_stored() -> bool:
    """Tell whether there is a warehouse, without opening it or making anything.

    Raises ConfigurationError for an address that this version cannot serve.
    """
    return storage_at(database_of()).exists()


def feed_holder(feed: str) -> Holder | None:
    """Return who works on a feed now, None when nobody does, without opening the warehouse.

    Raises ConfigurationError for an address that this version cannot serve.
    """
    return storage_at(database_of()).feed_holder(feed)


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
        patience: float = DEFAULT_PATIENCE,
        memory: str | None = None,
        asks_for: Callable[[str, Resource | None], bool] = anything,
    ) -> "Workspace":
        """Make the data folder if need be; the warehouse is opened at its first use.

        Raises ConfigurationError when the folder cannot be made or written, or for an address of
        a database that this version cannot serve.
        """
        ensure_writable(folder)
        storage = storage_at(
            str(database or in_folder(folder)),
            run_id=run_id,
            patience=patience,
            memory=memory or memory_of(),
        )
        storage.ensure_usable()
        warehouse = Warehouse(
            storage,
            reso.RESO_TABLES,
            reso.BRIEF_COLUMNS,
            standard_values=reso.STANDARD_VALUES,
            home=DataFolder(folder.resolve(), folder / PUBLISHED),
        )
        return cls(folder, warehouse, run_id, progress, asks_for)

    @property
    def published(self) -> Path:
        """The read-only database for notebooks."""
        return self.folder / PUBLISHED

    def feed_lock(self, feed: str) -> AbstractContextManager[object]:
        """Return the lock of a feed's work: entering it raises FeedBusy if another run has it."""
        return self.warehouse.feed_lock(feed, self.run_id, FEED_PATIENCE)
