"""What the rest of the program asks of the place where a warehouse stands, and nothing more.

Whatever serves this interface and understands the SQL of docs/decisions/0015 can hold a warehouse.
"""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from mls_assets.warehouse.storage.locks import Holder
from mls_assets.warehouse.storage.queries import Connection


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Bytes before and after; `noted` is what the caller's last step returned."""

    bytes_before: int
    bytes_after: int
    noted: int


class Storage(Protocol):
    """The place of one warehouse, as one run sees it.

    How long it waits for others, what it is called in their messages and how much memory it may
    use are given to it when it is made. Its connections are DuckDB's, with the warehouse as their
    current database, in UTC; their errors are those of `mls_assets.errors` and `storage.files`,
    without values in their texts.
    """

    @property
    def address(self) -> str:
        """What MLS_ASSETS_DATABASE names, for messages and the data folder's memory.

        No secret is in it.
        """
        ...

    @property
    def packed_column(self) -> str:
        """What follows the type of a column whose values are packed already; mostly nothing."""
        ...

    def ensure_usable(self) -> None:
        """Raise ConfigurationError if nothing could be stored here; nothing is opened."""
        ...

    def exists(self) -> bool:
        """Tell whether a warehouse is here, without opening it."""
        ...

    def state(self) -> Hashable:
        """Return a value that is another one as soon as anybody changed what is here."""
        ...

    def turn(self, run_id: str) -> AbstractContextManager[None]:
        """Wait until nobody else uses the warehouse, and keep them out, in the name of a run.

        Freed by the death of its process. Raises WarehouseBusy, naming the holder, after the
        patience, and RuntimeError for a thread that has it already.
        """
        ...

    def create(self, make: Callable[[Connection], None]) -> None:
        """Let `make` fill a new warehouse, which is here whole or not at all. Needs the turn."""
        ...

    def connect(self, *, read_only: bool = False) -> AbstractContextManager[Connection]:
        """Open without a transaction, and let go of everything at the end. Needs the turn.

        Raises WarehouseRefused for what is broken, and when it went while it was open.
        """
        ...

    def rewrite(self, note: Callable[[Connection], int]) -> Rewritten:
        """Store everything anew, without a byte of what was deleted. Needs the turn.

        `note` writes into the new version, in one transaction, what is true as soon as that can
        be read. Raises DiskFull; the old version is in place then.
        """
        ...

    def feed_lock(self, feed: str, run_id: str, wait: float) -> AbstractContextManager[object]:
        """Return the lock of a feed's work; entering it raises FeedBusy after `wait` seconds."""
        ...

    def feed_holder(self, feed: str) -> Holder | None:
        """Return who works on a feed now, None if nobody does; nothing is opened or taken."""
        ...
