"""Which warehouse a data folder belongs to, so that a missing file is never taken for an empty one.

The folder's marker names its warehouse by the number that the warehouse was made with, and holds
what was published last. Nothing of the database is opened here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mls_assets.errors import WarehouseRefused

WAREHOUSE_MARKER = "warehouse.json"


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was published last: its file's fingerprint, and what readers have in it.

    `rows` are the keys of each resource and feed; `entries` and `digest` are of the ledger up to
    the entry `through`.
    """

    file: int
    rows: Mapping[str, Mapping[str, int]]
    entries: int
    through: int
    digest: str


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder that remembers its warehouse; `published` is the readers' database in it."""

    folder: Path
    published: Path

    @property
    def marker(self) -> Path:
        """The file in which the folder remembers its warehouse."""
        return self.folder / WAREHOUSE_MARKER

    def permit_new(self, address: str) -> None:
        """Raise WarehouseRefused if the folder had a warehouse, so that `address` is no first one.

        A person who wants to begin with an empty one moves the evidence away.
        """
        evidence = [file.name for file in (self.marker, self.published) if file.exists()]
        if not evidence:
            return
        known, _ = self._remembered()
        at = f" at {known}" if known else ""
        raise WarehouseRefused(
            f"{address} is not there, but {self.folder} had a warehouse{at}. Nothing was done, and "
            "no empty one was made in its place. Move the file back, or set MLS_ASSETS_DATABASE to "
            "where it is. To begin with an empty warehouse, move "
            f"{' and '.join(evidence)} out of {self.folder} first."
        )

    def number_of(self, address: str) -> int | None:
        """The number to give to a warehouse of the version before, which has none; None: a new one.

        At the address where the folder's own stood it is a copy of that one, such as a backup.
        Raises WarehouseRefused elsewhere, for nothing shows that it is the folder's.
        """
        known, remembered = self._remembered()
        if remembered is not None and known != address:
            self.hold(address, 0)
        return remembered

    def hold(self, address: str, number: int) -> None:
        """Remember the warehouse here; raises WarehouseRefused if it is not the folder's."""
        known, remembered = self._remembered()
        if remembered is not None and remembered != number:
            raise WarehouseRefused(
                f"{address} is another warehouse than the one that {self.folder} belongs to "
                f"(last seen at {known}). Nothing was done. Set MLS_ASSETS_DATABASE to that one, "
                f"give this one a data folder of its own (MLS_ASSETS_DATA), or, if it is meant to "
                f"take the other's place, move {self.marker} away."
            )
        if (known, remembered) != (address, number):
            self._note({"warehouse": address, "number": number})

    def last_published(self) -> Remembered | None:
        """What was published last; None where that is not remembered.

        It stands here and not in the warehouse, so that no old copy of that brings its own.
        """
        try:
            return msgspec.convert(self._facts().get("published"), Remembered)
        except msgspec.ValidationError:
            return None

    def remember(self, published: Remembered) -> None:
        """Note what was published."""
        self._note({"published": msgspec.to_builtins(published)})

    def _note(self, facts: Mapping[str, object]) -> None:
        fresh = self.marker.with_name(f"{WAREHOUSE_MARKER}.new")
        fresh.write_text(json.dumps({**self._facts(), **facts}), encoding="utf-8")
        fresh.replace(self.marker)

    def _remembered(self) -> tuple[str, int | None]:
        """The address and number in the marker; nothing where there is none or it is unreadable."""
        facts = self._facts()
        try:
            return str(facts["warehouse"]), int(facts["number"])
        except (ValueError, KeyError, TypeError):
            return "", None

    def _facts(self) -> dict[str, Any]:
        try:
            facts = json.loads(self.marker.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}
