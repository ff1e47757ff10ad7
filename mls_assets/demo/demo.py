"""`mls-assets demo`: the whole way on the built-in sandbox, step by step, and then the proof.

The steps run the same jobs as the verbs. What the market does meanwhile is told here; whether
the copy is right is judged in `proof`.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from mls_assets.configuration.feeds import load_feeds
from mls_assets.demo.proof import ComparisonResult, Copy, verify
from mls_assets.demo.sandbox_client import SandboxClient
from mls_assets.demo.sandbox_process import Sandbox, sandbox_process
from mls_assets.model.resources import KEYED_RESOURCES, Resource
from mls_assets.model.text import amount
from mls_assets.replication.workspace import data_folder
from mls_assets.terminal import work
from mls_assets.terminal.demo_folder import DAGSTER_HOME, fresh_folder

DEMO_SPARK = "spark/default"
MLSES = ("armls", "rmls")
DEMO_FORGE = tuple(f"forge/{mls}" for mls in MLSES)
DEMO_RESOURCES = {
    DEMO_SPARK: KEYED_RESOURCES,
    **dict.fromkeys(DEMO_FORGE, (Resource.PROPERTY, Resource.MEMBER)),
}


def run_demo(*, listings: int, port: int, seed: int, verbose: bool) -> int:
    """Go the whole way in the data folder; 0 only if every comparison and check passed."""
    folder = data_folder()
    markets = dict.fromkeys(MLSES, listings // 2)
    with (
        fresh_folder(folder, keep=(DAGSTER_HOME,)),
        sandbox_process(port=port, listings=listings, seed=seed, forge_listings=markets) as sandbox,
    ):
        _enter(str(folder), sandbox)
        with work.Session("demo", load_feeds(), verbose=verbose) as session:
            story = _Story(session, SandboxClient(sandbox), seed)
            story.tell()
            return story.end()


def _enter(folder: str, sandbox: Sandbox) -> None:
    """Point this process to the sandbox and to the folder, whatever the environment said."""
    for name in ("MLS_ASSETS_DATABASE", "MLS_ASSETS_FEEDS", "DAGSTER_HOME"):
        os.environ.pop(name, None)
    os.environ.update(sandbox.environment)
    os.environ["MLS_ASSETS_DATA"] = folder


class _Stopped(Exception):
    """A step did not come to what it should; the rest of the story would mean nothing."""


@dataclass(slots=True)
class _Story:
    """The steps, and which keys there ever were."""

    session: work.Session
    world: SandboxClient
    seed: int
    began: float = field(default_factory=time.monotonic)
    number: int = 0
    ever: dict[tuple[str, Resource], set[str]] = field(default_factory=lambda: defaultdict(set))
    verdicts: list[ComparisonResult] = field(default_factory=list)

    def tell(self) -> None:
        """Do all steps; one that fails ends the story."""
        session = self.session
        try:
            self._step("Initial download of both sources", self._replicate)
            self._snapshot()
            self._step("The market moves: changes, additions, relists, removals", self._move)
            self._step("Updates (Spark) and events with tombstones (Forge)", self._replicate)
            self._step("Key sweep and purge: Spark never says what is gone", self._purge)
            self._snapshot()
            self._step("Listings return, and access to some Forge listings is lost", self._turn)
            self._step("Updates again", self._replicate)
            self._step("A second sweep proves that the key sets are equal", self._purge)
            self._snapshot()
            self._step("A full replay of one Forge MLS proves the same there", self._replay)
            self._step("Publication", lambda: work.publish(session))
            self._step("Proof: the published file against the sandbox", self._prove)
        except _Stopped:
            pass

    def _step(self, title: str, act: Callable[[], None]) -> None:
        self.number += 1
        self.session.screen.settle()
        self.session.screen.say(f"[{time.monotonic() - self.began:.0f} s] {self.number}. {title}")
        act()
        if any(self.session.codes):
            raise _Stopped

    def _replicate(self) -> None:
        work.replicate(self.session, ())

    def _replay(self) -> None:
        work.purge(self.session, DEMO_FORGE[:1], dry_run=False, approve="")

    def _purge(self) -> None:
        work.purge(self.session, (), dry_run=False, approve="")

    def _snapshot(self) -> None:
        """Remember what is there; at these moments the copy is known to be complete."""
        for feed, resources in DEMO_RESOURCES.items():
            for resource in resources:
                self.ever[feed, resource] |= self.world.keys(feed, resource)

    def _move(self) -> None:
        act = self.world.act
        listings, people = Resource.PROPERTY, Resource.MEMBER
        for what, count in (("price", 40), ("status", 30), ("photos", 20), ("remarks", 20)):
            act("change", DEMO_SPARK, listings, what=what, count=count)
        act("add", DEMO_SPARK, listings, count=25)
        act("relist", DEMO_SPARK, listings, count=10)
        act("remove", DEMO_SPARK, listings, count=30)
        act("change", DEMO_SPARK, people, count=10)
        act("remove", DEMO_SPARK, people, count=4)
        act("add", DEMO_SPARK, people, count=3)
        act("change", DEMO_SPARK, Resource.OFFICE, count=3)
        act("remove", DEMO_SPARK, Resource.OFFICE, count=1)
        act("change", DEMO_SPARK, Resource.OPEN_HOUSE, count=5)
        for feed in DEMO_FORGE:
            act("change", feed, listings, what="price", count=30)
            act("change", feed, listings, what="photos", count=10)
            act("add", feed, listings, count=15)
            act("relist", feed, listings, count=5)
            act("remove", feed, listings, count=20)
            act("change", feed, people, count=5)
            act("remove", feed, people, count=2)

    def _turn(self) -> None:
        self.world.act("restore", DEMO_SPARK, Resource.PROPERTY, count=5)
        self.world.act("remove", DEMO_SPARK, Resource.PROPERTY, count=8)
        self.world.act("revoke", DEMO_FORGE[1], Resource.PROPERTY, count=12)
        self.world.act("restore", DEMO_FORGE[0], Resource.PROPERTY, count=4)

    def _prove(self) -> None:
        with Copy(self.session.workspace.published) as copy:
            self.verdicts = [
                verify(self.world, copy, feed, resource, self.ever[feed, resource], self.seed)
                for feed, resources in DEMO_RESOURCES.items()
                for resource in resources
            ]

    def end(self) -> int:
        """Show what came out, and return the exit code."""
        say = self.session.screen.say
        checks = {
            name: passed
            for outcome in self.session.outcomes
            for name, passed in outcome.checks.items()
        }
        red = sorted(name for name, passed in checks.items() if not passed)
        wrong = [verdict for verdict in self.verdicts if verdict.problems]
        if self.verdicts:
            self._show_verdicts()
        for verdict in wrong:
            for problem in verdict.problems:
                say(f"WRONG {verdict.feed} {verdict.resource}: {problem}")
        if checks:
            say(f"Dagster checks: {len(checks) - len(red)} of {len(checks)} passed"
                + (f"; red: {', '.join(red)}" if red else ""))  # fmt: skip
        seconds = time.monotonic() - self.began
        passed = bool(self.verdicts) and not wrong and not red and not any(self.session.codes)
        say(f"{'PASSED' if passed else 'FAILED'} after {seconds:.0f} s")
        if self.session.workspace.published.exists():
            say(
                f"Open it: duckdb.connect({str(self.session.workspace.published)!r}, "
                "read_only=True)"
            )
        code = self.session.finish()
        return 0 if passed else code or 1

    def _show_verdicts(self) -> None:
        self.session.screen.table(
            ("feed", "resource", "source rows", "local rows", "removed", "ledger entries",
             "values compared", "verdict"),
            [
                (
                    entry.feed,
                    entry.resource,
                    amount(entry.source_rows),
                    amount(entry.local_rows),
                    amount(entry.removed),
                    amount(entry.ledger_entries),
                    amount(entry.values),
                    "WRONG" if entry.problems else "equal",
                )
                for entry in self.verdicts
            ],
        )  # fmt: skip
