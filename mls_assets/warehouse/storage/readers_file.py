"""The readers' database: one DuckDB file, written beside the old one and renamed into its place.

It is that whatever holds the warehouse. Which rows readers get is decided elsewhere.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mls_assets.warehouse.storage.files import (
    attached,
    copy_tables,
    discard,
    ensure_space,
    replace,
    written,
)
from mls_assets.warehouse.storage.queries import Connection

#: The name under which it is attached, both to be read and to be written.
_CATALOG = "published"


def published_attached(con: Connection, path: Path) -> AbstractContextManager[bool]:
    """Attach the published file as `published`, for reading; yields whether it can be read."""
    return attached(con, path, _CATALOG)


@dataclass(frozen=True, slots=True)
class ReadersFile:
    """The file at `path`, whose next version is prepared beside it."""

    path: Path

    def size(self) -> int:
        """Return its bytes, 0 if there is no file."""
        return self.path.stat().st_size if self.path.exists() else 0

    def fingerprint(self) -> int:
        """Return 63 bits of the file's SHA-256, which fit into a BIGINT; 0 if there is no file.

        Neither its inode nor its times would do: `cp` keeps the one, and a bad disk both.
        """
        return _fingerprint(self.path)

    def ensure_space(self) -> None:
        """Raise DiskFull unless a second one of its size has room beside it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        ensure_space(self.path.parent, self.size())

    @contextmanager
    def next_version(self, con: Connection) -> Iterator[str]:
        """Begin the next version, with the tables of schema main; yields the name to write to."""
        with written(con, self._fresh, _CATALOG):
            copy_tables(con, _CATALOG)
            con.execute(f"drop schema {_CATALOG}.raw cascade")
            yield _CATALOG

    def next_fingerprint(self) -> int:
        """Return the fingerprint of the next version."""
        return _fingerprint(self._fresh)

    def put_in_place(self) -> None:
        """Let readers have the next version; whoever has the old one open keeps it."""
        replace(self._fresh, self.path)

    def discard_unfinished(self) -> None:
        """Delete a next version that was not put in place."""
        discard(self._fresh)

    @property
    def _fresh(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")


def _fingerprint(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
    except FileNotFoundError:
        return 0
    return int.from_bytes(digest[:8], "big") >> 1
