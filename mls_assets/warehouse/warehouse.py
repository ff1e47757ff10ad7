"""The warehouse: the tables of a schema in whatever storage, opened for one batch each.

Here it is decided that a missing, foreign or newer one is refused, and that an older one is
brought to the newest schema. Where it stands is the storage's business; no table is touched here.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from types import MappingProxyType

from mls_assets.model.declarations import Table
from mls_assets.warehouse.schema import counters, migrations
from mls_assets.warehouse.schema.ddl import WarehouseSchema
from mls_assets.warehouse.storage.belonging import DataFolder
from mls_assets.warehouse.storage.protocol import Rewritten, Storage
from mls_assets.warehouse.storage.queries import Connection, transaction


class Warehouse:
    """The pipeline's database: `read()` and `write()` open it for one batch each.

    `storage` is where it stands; `home` is the data folder that remembers its warehouse (none:
    whoever opens it first makes it).
    """

    def __init__(
        self,
        storage: Storage,
        reso_tables: Mapping[str, Table],
        brief_columns: Sequence[str],
        *,
        standard_values: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType({}),
        home: DataFolder | None = None,
    ) -> None:
        self._storage = storage
        self.schema = WarehouseSchema(
            reso_tables, tuple(brief_columns), standard_values, storage.packed_column
        )
        self.home = home
        self._last = _last_seen(storage.address, tuple(self.schema.reso.values()))

    @property
    def address(self) -> str:
        """Where it stands, for messages."""
        return self._storage.address

    def exists(self) -> bool:
        """Tell whether it was ever made, without opening it."""
        return self._storage.exists()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open for reading; raises WarehouseBusy or WarehouseRefused."""
        with self.locked(), self.connect(read_only=True) as con:
            yield con

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open for writing in one transaction: committed at the end, rolled back on any exception.

        Raises WarehouseBusy or WarehouseRefused, and DiskFull when there is no room.
        """
        with self.locked(), self.connect() as con, transaction(con):
            yield con

    def locked(self, run_id: str = "") -> AbstractContextManager[None]:
        """Keep all others out without opening it, in the name of a run."""
        return self._storage.turn(run_id)

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        """Open it, without a transaction, for a caller that keeps all others out.

        It is made if there never was one, and brought to the newest schema; before anything is
        written it is looked at by reading only, so that one that is refused stays as it is.
        Raises WarehouseRefused when it is missing, or went while it was open.
        """
        self._prepare()
        with self._storage.connect(read_only=read_only) as con:
            yield con
        self._last.state = self._storage.state()

    def rewrite(self, note: Callable[[Connection], int]) -> Rewritten:
        """Store everything anew, for a caller that keeps all others out; see `Storage.rewrite`."""
        self._prepare()
        return self._storage.rewrite(note)

    def feed_lock(self, feed: str, run_id: str, wait: float) -> AbstractContextManager[object]:
        """Return the lock of a feed's work here, as a context manager; see `Storage.feed_lock`."""
        return self._storage.feed_lock(feed, run_id, wait)

    def _prepare(self) -> None:
        if not self._storage.exists():
            if self.home is not None:
                self.home.permit_new(self.address)
            self._storage.create(lambda con: migrations.create(con, self.schema))
        if self._last.state != self._storage.state():
            self._check()

    def _check(self) -> None:
        with self._storage.connect(read_only=True) as con:
            outdated = migrations.is_outdated(con, self.schema)
            number = counters.current(con, counters.WAREHOUSE_NUMBER)
            known = None
            if self.home is not None and number:
                self.home.hold(self.address, number)
            elif self.home is not None:
                known = self.home.number_of(self.address)
        if outdated:
            with self._storage.connect() as con:
                migrations.migrate(con, self.schema)
                if known is not None:
                    counters.set_mark(con, counters.WAREHOUSE_NUMBER, known)
                number = counters.current(con, counters.WAREHOUSE_NUMBER)
        if self.home is not None:
            self.home.hold(self.address, number)


class _LastSeen:
    """What a storage looked like when its tables were last found in order."""

    def __init__(self) -> None:
        self.state: Hashable = None


@lru_cache(maxsize=8)
def _last_seen(address: str, tables: Hashable) -> _LastSeen:
    """Return the note of all who open a warehouse of this process for these tables.

    A run makes a resource for each step; so that not each of them checks anew.
    """
    return _LastSeen()
