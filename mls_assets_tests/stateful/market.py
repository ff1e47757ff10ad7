"""What both model markets share: one feed, a sandbox to move, passes to run, promises to hold.

The sandbox is the truth. `dead` collects the keys that were not alive at some moment of a step,
so that a removal in that step can be told from a wrong one also when the market moves meanwhile.
"""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mls_assets import reso
from mls_assets.errors import MlsAssetsError
from mls_assets.replication.reconciliation.case import SweepResult
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sandbox.control.verbs import target
from mls_assets.sandbox.server import SandboxServer
from mls_assets.warehouse import rows
from mls_assets.warehouse.publication.views import ONCE_FIELDS
from mls_assets.warehouse.tables import history
from mls_assets_tests.replication.place import WAREHOUSE, Place
from mls_assets_tests.stateful.crashes import Crash, Crashing

#: How many steps lie between two quiet points at least; a quiet point takes three passes.
BETWEEN_RESTS = 15
#: Nothing here is about disks, so none is waited for where the system has a folder in memory.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
FEW = st.integers(1, 3)
#: How many answers of a source, or writes of ours, pass before something happens.
SOON = st.integers(1, 12)


#: Few columns, for opening a table of 600 takes longer than all that is done to it here.
NARROW = {
    name: replace(
        table,
        columns=tuple(
            column
            for column in table.columns
            if column.name.islower()
            or column.name in (*history.FIELDS, *ONCE_FIELDS)
            or column.name.endswith(("Key", "Time", "Timestamp", "Date"))
        ),
    )
    for name, table in reso.RESO_TABLES.items()
}


_normalise = reso.normalise_batch


def _narrowly(*args: Any, **kwargs: Any) -> reso.NormalisedBatch:
    """Normalise as ever, and keep the columns that the narrow tables have."""
    done = _normalise(*args, **kwargs)
    frames = {name: frame.select(NARROW[name].column_names) for name, frame in done.frames.items()}
    return replace(done, frames=frames)


@cache
def empty_warehouse() -> Path:
    """Make the tables once per process."""
    folder = Path(tempfile.mkdtemp(prefix="model-template-", dir=MEMORY))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Workspace.open(folder, run_id="template").warehouse.write():
        return folder / WAREHOUSE


class MarketModel(RuleBasedStateMachine):
    """One feed of a small market. Subclasses say how it is replicated and purged."""

    feed = ""
    #: Whether a source that is well again can be followed before anybody approves anything.
    comes_through = True

    def __init__(self) -> None:
        super().__init__()
        self._patches = pytest.MonkeyPatch()
        self._patches.setattr(reso, "RESO_TABLES", NARROW)
        self._patches.setattr(reso, "BRIEF_COLUMNS", ("feed", "ListingKey"))
        self._patches.setattr(reso, "normalise_batch", _narrowly)
        self._patches.setenv("SPARK_ACCESS_TOKEN", SandboxServer.spark_token)
        self._patches.setenv("FORGE_API_TOKEN", SandboxServer.forge_token)
        self.folder = Path(tempfile.mkdtemp(prefix="model-", dir=MEMORY))
        self.crashing = Crashing()
        self._installed = self.crashing.installed()
        self._installed.__enter__()
        self.seen_here: set[str] = set()
        self.entries = 0
        self.dead: set[str] = set()
        self.known: set[str] = set()
        self.meanwhile: tuple[int, Callable[[], object]] | None = None
        self.blocked = ""
        self.moves = 0

    # -- the world

    @initialize(seed=st.integers(1, 10_000), listings=st.integers(3, 14))
    def open_the_market(self, seed: int, listings: int) -> None:
        """A market, and an empty data folder beside it."""
        shutil.copy(empty_warehouse(), self.folder / WAREHOUSE)
        sizes = {"armls": listings, "rmls": 1}
        self.sandbox = SandboxServer(listings=listings, seed=seed, forge_listings=sizes)
        self.sandbox.start()
        self.place = Place(self.sandbox, self.folder, progress=self.progress)
        self.configure()
        self.note()

    def configure(self) -> None:
        """Set the place up; a subclass's business."""

    def teardown(self) -> None:
        """Whatever happened before: at the end local and source are equal."""
        try:
            if hasattr(self, "place"):
                self.come_to_rest()
        finally:
            self._installed.__exit__(None, None, None)
            self._patches.undo()
            if hasattr(self, "sandbox"):
                self.sandbox.stop()
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- looking

    @property
    def listings(self) -> Any:
        """The feed's listings as the sandbox can move them."""
        return target(self.sandbox.market, self.feed, "Property")

    def alive(self) -> set[str]:
        """The keys that the source serves as living ones now."""
        return set(self.listings.keys())

    def note(self) -> None:
        """Remember who is alive now and who is not."""
        alive = self.alive()
        self.known |= alive
        self.dead |= self.known - alive

    # -- moving the market

    def act(self, verb: str, **body: Any) -> None:
        """Move the market; what it cannot do just now it leaves."""
        self.place.control(verb, feed=self.feed, **body)
        self.note()

    @rule(count=FEW)
    def create(self, count: int) -> None:
        self.act("add", count=count)

    @rule(count=FEW)
    def change(self, count: int) -> None:
        self.act("change", count=count, what="price")

    @rule(count=st.integers(1, 6))
    def remove(self, count: int) -> None:
        self.act("remove", count=count)

    @rule(count=FEW)
    def relist(self, count: int) -> None:
        self.act("relist", count=count)

    @rule(count=FEW)
    def lose_access(self, count: int) -> None:
        self.act("revoke", count=count)

    @rule(count=FEW)
    def regain_access(self, count: int) -> None:
        self.act("grant", count=count)

    @rule(verb=st.sampled_from(["remove", "add", "change", "restore", "relist"]), after=SOON)
    def move_during_the_next_pass(self, verb: str, after: int) -> None:
        """Let something happen between two pages of whatever is done next."""
        self.meanwhile = (after, lambda: self.act(verb, count=1))

    @rule(writes=SOON, after_commit=st.booleans())
    def crash_soon(self, writes: int, after_commit: bool) -> None:
        self.crashing.arm(writes, after_commit=after_commit)

    # -- passes

    def progress(self, _: Progress) -> None:
        """Let the market move when its moment has come."""
        if self.meanwhile is not None:
            left, action = self.meanwhile
            self.meanwhile = (left - 1, action) if left > 1 else None
            if left <= 1:
                action()

    def attempt(self, work: Callable[[], Any]) -> Any:
        """Run a pass in a run of its own; a typed error or a crash ends it, and nothing else."""
        self.dead = self.known - self.alive()
        try:
            done = work()
        except (MlsAssetsError, Crash):
            done = None
        self.note()
        self.hold_promises()
        if isinstance(done, SweepResult):
            self.blocked = done.sweep_id if done.verdict == "blocked" else self.blocked
        return done

    def replicate(self) -> Any:
        """Bring the feed to current."""
        raise NotImplementedError

    def purge(self, **how: Any) -> Any:
        """Reconcile the feed."""
        raise NotImplementedError

    @rule()
    def replicating(self) -> None:
        self.attempt(self.replicate)

    @rule()
    def purging(self) -> None:
        self.attempt(self.purge)

    @rule()
    def dry_run(self) -> None:
        entries = self.entries
        self.attempt(lambda: self.purge(dry_run=True))
        assert self.place.rows("select max(entry_id) from deletion_ledger") in (
            [(entries or None,)],
            [(entries,)],
        )

    @precondition(lambda self: self.blocked)
    @rule()
    def approving(self) -> None:
        self.attempt(lambda: self.purge(approve=self.blocked))

    @invariant()
    def another_step(self) -> None:
        self.moves += 1

    # -- promises

    def hold_promises(self) -> None:
        """Nothing alive was removed, and whatever left has an entry that says so."""
        with self.place.workspace.warehouse.read() as con:
            found = rows(con, 'select "ListingKey" from listings where feed = ?', [self.feed])
            ledger = rows(
                con,
                "select entry_id, record_key, event from deletion_ledger where feed = ? "
                "and resource = 'Property' order by entry_id",
                [self.feed],
            )
            others = rows(con, "select count(*) from deletion_ledger where feed <> ?", [self.feed])
            landed = rows(con, "select record_key from raw.records where feed = ?", [self.feed])
        assert others == [(0,)], "another feed was touched"
        assert len(found) == len(set(found)), "a key stands in the table twice"
        here = {key for (key,) in found}
        # back and landed, in a run that died before it made rows
        waiting = {key for (key,) in landed} - here
        for entry_id, key, event in ledger:
            if entry_id > self.entries and event == "removed":
                assert key in self.dead, f"{key} was alive all the time and was removed"
        self.entries = max([self.entries, *(entry_id for entry_id, _, _ in ledger)])
        last = {key: event for _, key, event in ledger}
        self.seen_here |= here
        for key in self.seen_here - here:
            explained = last.get(key) == "removed" or (last.get(key) and key in waiting)
            assert explained, f"{key} vanished without an entry"
        for key in here:
            assert last.get(key) != "removed", f"{key} is here, and its last entry is a removal"

    @precondition(lambda self: self.moves >= BETWEEN_RESTS)
    @rule()
    def come_to_rest(self) -> None:
        """A quiet point: no fault, no movement, a person who approves; then the sets are equal."""
        self.moves = 0
        self.sandbox.faults.clear()
        self.crashing.arm(0, after_commit=False)
        self.meanwhile = None
        self.calm()
        # the first may still find a link or a log that is no more, and what it brings to its end
        # may have begun before the last change: only a pass from start to end is current
        came = [self.attempt(self.replicate) is not None for _ in range(4)]
        assert sum(came) > 1 or not self.comes_through
        judged = self.attempt(self.purge)
        for _ in range(3):
            if judged is None or judged.verdict != "blocked":
                break
            judged = self.attempt(lambda: self.purge(approve=self.blocked))
        assert judged is not None
        assert judged.verdict == "reconciled", judged.explanation
        assert self.place.keys(feed=self.feed) == self.alive()
        assert self.attempt(self.replicate) is not None

    def calm(self) -> None:
        """End what else a subclass set in motion."""
