"""A sweep being judged: what its source can be asked, what was found out, what became of it.

Storing a verdict is here; coming to one is the business of `judge`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from mls_assets.model.records import Page
from mls_assets.model.resources import Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse import Connection, sweeps
from mls_assets.warehouse.sweeps import SweepRow
from mls_assets.warehouse.sweeps.approvals import VALID_FOR


@dataclass(frozen=True, slots=True)
class KeyEvidence:
    """What a source can still be asked once its keys are staged.

    `existing_keys` returns those of some keys that the source answers for when asked by key, and
    raises unless each answer holds the controls, which are keys that it did list; `fetch` yields
    pages with the records of some keys, so far as the source still has them; `undated` yields the
    keys that it says have no ModificationTimestamp. Forge can do none of it: its replay is all the
    evidence there is, and `land` stores the records that came with it, once what was here before
    has been looked at.
    """

    existing_keys: Callable[[Resource, Sequence[str], Sequence[str]], set[str]] | None = None
    fetch: Callable[[Resource, Sequence[str]], Iterator[Page]] | None = None
    undated: Callable[[Resource], Iterator[list[str]]] | None = None
    land: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class ApprovalOf:
    """A person's word that a blocked sweep's keys may go, or a void one's keyless records stay."""

    sweep_id: str
    by: str


def how_to_approve(feed: str, sweep_id: str) -> str:
    """Say how a person lets go what a sweep held back."""
    hours = VALID_FOR / timedelta(hours=1)
    return f"run `mls-assets purge {feed} --approve {sweep_id}` within {hours:.0f} hours"


def once_mended(feed: str) -> str:
    """Say what to do after a sweep that an error broke off, which names its own remedy."""
    return f"Run `mls-assets purge {feed}` again once that is mended"


def voided(why: str, feed: str, step: str = "") -> str:
    """Say why a sweep proved nothing, what was not done, and the next step (by default, again)."""
    if not step:
        step = (
            f"Run `mls-assets purge {feed}` again; if it stays so, tell the source's support what "
            "its answers said"
        )
    return f"{why.rstrip('.')}. Nothing was removed. {step.rstrip('.')}."


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What became of a sweep; `would_block` is a dry run's answer to the guard's question.

    `settled` are keys listed as deleted that were asked for: kept ones that are really gone, and
    others that live again. `cut` says which collections of listings the source held back when it
    was asked for what was missing; it is empty if there were none. `updates_go_on` says that a log
    can be followed from its end although this is not reconciled: all that differs is refused and
    named, or waits for a person because of such records alone.
    """

    sweep_id: str
    feed: str
    resource: Resource
    verdict: Verdict
    explanation: str
    absent: int = 0
    confirmed_absent: int = 0
    removed: int = 0
    spared: int = 0
    missing_locally: int = 0
    refetched: int = 0
    source_keys: int | None = None
    local_keys_after: int | None = None
    settled: int = 0
    would_block: bool = False
    error_code: int = 0
    cut: str = ""
    updates_go_on: bool = False

    @property
    def exit_code(self) -> int:
        """The code of `docs/contract.md`; an error's own where one ended the judgement."""
        if self.error_code:
            return self.error_code
        if self.verdict == Verdict.BLOCKED or self.would_block:
            return 3
        return 0 if self.verdict in (Verdict.RECONCILED, Verdict.PLANNED) else 1


@dataclass(slots=True)
class Reconciliation:
    """A sweep being judged, and what is found out on the way.

    `approval` is the approval that this sweep may use up, `released` the keys that it lets go;
    with `hides` what a guard holds back is left out of the published tables. `undated` says what
    came of asking for the records that no update brings.
    """

    workspace: Workspace
    row: SweepRow
    evidence: KeyEvidence
    approval: ApprovalOf | None = None
    hides: bool = False
    released: frozenset[str] = frozenset()
    changed: set[str] = field(default_factory=set)
    settled: int = 0
    undated: str = ""
    updates_go_on: bool = False
    facts: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The feed and resource, as messages begin."""
        return f"{self.row.feed} {self.row.resource}"

    def close(self, verdict: Verdict, explanation: str, **columns: Any) -> SweepResult:
        """Store the verdict in the sweep's row and return it."""
        with self.workspace.warehouse.write() as con:
            return self.close_in(con, verdict, explanation, **columns)

    def close_in(
        self, con: Connection, verdict: Verdict, explanation: str, **columns: Any
    ) -> SweepResult:
        """Do the same in the caller's transaction; an approval that was used is named."""
        released = sweeps.released_for(con, self.row.sweep_id)
        if released:
            explanation = f"{explanation.rstrip('.')}. {released}"
        sweeps.close_sweep(
            con,
            self.row.sweep_id,
            verdict=verdict,
            explanation=explanation,
            changed_keys=sorted(self.changed),
            **self.facts,
            **columns,
        )
        return self.judged(verdict, explanation)

    def judged(
        self, verdict: Verdict, explanation: str, *, would_block: bool = False, error_code: int = 0
    ) -> SweepResult:
        """Return what became of the sweep, without storing it."""
        names = {each.name for each in fields(SweepResult)}
        told: dict[str, Any] = {name: count for name, count in self.facts.items() if name in names}
        return SweepResult(
            self.row.sweep_id,
            self.row.feed,
            self.row.resource,
            verdict,
            explanation,
            settled=self.settled,
            would_block=would_block,
            error_code=error_code,
            updates_go_on=self.updates_go_on,
            **told,
        )
