"""The data folder of `demo` and `dev`: theirs by a marker, begun afresh, one user at a time.

Nobody else's folder is ever touched: what a person replicated must not end in a demonstration.
"""

import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from mls_assets.errors import ConfigurationError
from mls_assets.warehouse.storage.locks import KernelLock

_REMEDY = "Give the demo a folder of its own: MLS_ASSETS_DATA=data-demo mls-assets demo"
_IN_USE = "wait for it, or set MLS_ASSETS_DATA to another folder."
DEMO_MARKER = ".made-by-mls-assets-demo"
DAGSTER_HOME = "dagster_home"
#: What `make install` or a verb that failed leaves in a data folder; no data is ever in it.
_NO_DATA = (DAGSTER_HOME, "logs")
#: What a demo makes besides: both databases with their locks and logs, and the feeds' locks; `dev`
#: keeps git from looking into its folder.
_MADE = re.compile(
    r"(warehouse|mls)\.duckdb(\..*)?|warehouse\.json(\.new)?|locks|sandbox.*|\.gitignore"
)


def foreign(folder: Path) -> list[str]:
    """Return what the folder holds that is not ours; empty if it may be used."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        return [folder.name]
    found = sorted(entry.name for entry in folder.iterdir() if entry.name not in _NO_DATA)
    if (folder / DEMO_MARKER).is_file():
        return [name for name in found if name != DEMO_MARKER and not _MADE.fullmatch(name)]
    return found


def disown(folder: Path) -> None:
    """Note that somebody else's data goes into the folder now: no demo empties it any more."""
    (folder / DEMO_MARKER).unlink(missing_ok=True)


@contextmanager
def fresh_folder(
    folder: Path, keep: Collection[str] = (), *, remedy: str = _REMEDY, in_use: str = _IN_USE
) -> Iterator[None]:
    """Empty the folder but for `keep`, mark it as ours, and hold it against a second user.

    Raises ConfigurationError, with the folder as it was, if it is someone else's (then `remedy`
    is the next step) or in use (then `in_use`).
    """
    theirs = foreign(folder)
    if theirs:
        shown = ", ".join(theirs[:3]) + (", ..." if len(theirs) > 3 else "")
        raise ConfigurationError(
            f"{folder} was not made by the demo (it holds {shown}), so nothing in it was touched. "
            f"{remedy}"
        )
    marker = KernelLock(folder / DEMO_MARKER)
    try:
        taken = marker.acquire(wait=0)
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be written ({error.strerror}). Nothing was done; set "
            "MLS_ASSETS_DATA to a folder of yours."
        ) from None
    if not taken:
        raise ConfigurationError(
            f"{folder} is in use by another demo ({marker.holder()}). Nothing was done; {in_use}"
        )
    try:
        for entry in folder.iterdir():
            if entry.name == DEMO_MARKER or entry.name in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        yield
    finally:
        marker.release()
