"""Which storage an address names: one entry for each kind that there is."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from mls_assets.errors import ConfigurationError
from mls_assets.warehouse.storage.duckdb_file.storage import DuckDbFile
from mls_assets.warehouse.storage.protocol import Storage

#: What DuckDB may use before it spills to disk.
DEFAULT_MEMORY = "2GB"
#: How long to wait for another holder, in seconds.
DEFAULT_PATIENCE = 60.0

#: The warehouse of a data folder where nothing else is named.
_DEFAULT_NAME = "warehouse.duckdb"

#: Makes the storage at an address, with these `patience`, `run_id` and `memory`.
Opener = Callable[[str, float, str, str], Storage]


def _no_ducklake(address: str, patience: float, run_id: str, memory: str) -> NoReturn:
    raise ConfigurationError(
        "MLS_ASSETS_DATABASE names a DuckLake, which this version does not open. Nothing was "
        "done; unset it, or name a DuckDB file."
    )


#: By what an address begins with; every other address is the path of a DuckDB file.
OPENERS: dict[str, Opener] = {"ducklake:": _no_ducklake}


def in_folder(folder: Path) -> str:
    """Return the address of a data folder's own warehouse, where none is named."""
    return str(folder / _DEFAULT_NAME)


def absolute(address: str) -> str:
    """Return an address that means the same in every working directory."""
    if address.startswith(tuple(OPENERS)):
        return address
    return str(Path(address).expanduser().resolve())


def storage_at(
    address: str,
    *,
    run_id: str = "",
    patience: float = DEFAULT_PATIENCE,
    memory: str = DEFAULT_MEMORY,
) -> Storage:
    """Return the storage that an address names; nothing is opened.

    `run_id` names this run to those who wait for it. Raises ConfigurationError for a kind of
    address that this version cannot serve.
    """
    for beginning, opener in OPENERS.items():
        if address.startswith(beginning):
            return opener(address, patience, run_id, memory)
    return DuckDbFile(Path(address), patience, run_id, memory)
