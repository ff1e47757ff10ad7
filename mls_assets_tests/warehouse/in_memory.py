"""A second `Storage`, which is no file: databases in memory, under names of their own.

It holds what the interface promises for one process, and nothing that a file could do besides.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from mls_assets.errors import FeedBusy, WarehouseBusy
from mls_assets.warehouse.storage.files import copy_all, using_database
from mls_assets.warehouse.storage.locks import Holder
from mls_assets.warehouse.storage.protocol import Rewritten
from mls_assets.warehouse.storage.queries import Connection, transaction

SCHEME = "memory:"


@dataclass
class _Kept:
    """What all who name one address share."""

    instance: Connection = field(default_factory=lambda: duckdb.connect(":memory:"))
    database: str = ""
    made: int = 0
    changes: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)
    owner: int = 0
    feeds: dict[str, str] = field(default_factory=dict)


class InMemory:
    """The databases of a test, by their address; opened by all runs of its process."""

    packed_column = ""

    def __init__(
        self, kept: dict[str, _Kept], address: str, patience: float, run_id: str, _: str
    ) -> None:
        self.address = address
        self._kept = kept.setdefault(address, _Kept())
        self._patience = patience
        self._run_id = run_id

    def ensure_usable(self) -> None:
        pass

    def exists(self) -> bool:
        return bool(self._kept.database)

    def state(self) -> Hashable:
        return (id(self._kept), self._kept.database, self._kept.changes)

    @contextmanager
    def turn(self, run_id: str) -> Iterator[None]:
        kept = self._kept
        if kept.owner == threading.get_ident():
            raise RuntimeError("this thread has it open already")
        if not kept.turn.acquire(timeout=self._patience):
            raise WarehouseBusy(f"{self.address} is held by another thread")
        kept.owner = threading.get_ident()
        try:
            yield
        finally:
            kept.owner = 0
            kept.turn.release()

    def create(self, make: Callable[[Connection], None]) -> None:
        name = self._next()
        with self._cursor(name) as con:
            make(con)
        self._kept.database = name

    @contextmanager
    def connect(self, *, read_only: bool = False) -> Iterator[Connection]:
        assert self._kept.owner == threading.get_ident(), "opened without its turn"
        try:
            with self._cursor(self._kept.database) as con:
                yield con
        finally:
            self._kept.changes += not read_only

    def rewrite(self, note: Callable[[Connection], int]) -> Rewritten:
        old, new = self._kept.database, self._next()
        with self.connect() as con:
            copy_all(con, new)
            with using_database(con, new), transaction(con):
                noted = note(con)
        self._kept.database = new
        self._kept.instance.execute(f"detach {old}")
        return Rewritten(2, 1, noted)

    @contextmanager
    def feed_lock(self, feed: str, run_id: str, wait: float) -> Iterator[None]:
        if feed in self._kept.feeds:
            raise FeedBusy(f"{feed} is being worked on by run {self._kept.feeds[feed]}")
        self._kept.feeds[feed] = run_id
        try:
            yield
        finally:
            del self._kept.feeds[feed]

    def feed_holder(self, feed: str) -> Holder | None:
        run_id = self._kept.feeds.get(feed)
        return None if run_id is None else Holder(1, run_id, "now")

    def _next(self) -> str:
        self._kept.made += 1
        name = f"elsewhere_{self._kept.made}"
        self._kept.instance.execute(f"attach ':memory:' as {name}")
        return name

    @contextmanager
    def _cursor(self, database: str) -> Iterator[Connection]:
        con = self._kept.instance.cursor()
        try:
            con.execute(f"use {database}")
            con.execute("set timezone = 'UTC'")
            yield con
        finally:
            con.close()


class Memory:
    """The opener to be registered: it keeps the databases for as long as a test has it."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def __call__(self, address: str, patience: float, run_id: str, memory: str) -> InMemory:
        return InMemory(self._kept, address, patience, run_id, memory)

    def close(self) -> None:
        for kept in self._kept.values():
            kept.instance.close()
