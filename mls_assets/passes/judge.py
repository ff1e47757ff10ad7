"""What is done with a proven key set: plan, guard, confirmation, removal, refetch, verdict.

The same for a Spark sweep and a Forge replay. Everything here runs under the feed's lock, so
nothing lands between the plan and the removal but what this pass itself fetches.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mls_assets.errors import MlsAssetsError, SweepVoid
from mls_assets.passes.normalise import normalise_locked
from mls_assets.passes.site import Progress, Site
from mls_assets.reconcile.digest import KeySetDigest, digest
from mls_assets.reconcile.guard import Thresholds, decide
from mls_assets.reconcile.plan import LocalKey, Plan, compare
from mls_assets.values import Page, Reason, Resource, Source
from mls_assets.warehouse import cursors, landing, ledger, sweeps
from mls_assets.warehouse.sweeps import SweepRow

#: Suspects asked for in one confirmation, and how many keys known to exist go with them.
CONFIRMATION_BATCH = 40
CONTROLS = 3

#: How far back a normal pass must have returned a key for it to be a canary.
CANARY_WINDOW = timedelta(hours=1)

#: By how much an open house's end may lie ahead of the source's clock and count as over.
_MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a source can still be asked once its keys are staged.

    `answering` returns those of some keys that the source answers for when asked by key;
    `fetch` yields pages with the records of some keys, so far as the source still has them.
    Forge can do neither: its replay is all the evidence there is.
    """

    source: Source
    reason: Reason
    answering: Callable[[Resource, Sequence[str]], set[str]] | None = None
    fetch: Callable[[Resource, Sequence[str]], Iterator[Page]] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a sweep; `would_block` is a dry run's answer to the guard's question."""

    sweep_id: str
    feed: str
    resource: Resource
    verdict: str
    explanation: str
    absent: int = 0
    confirmed_absent: int = 0
    removed: int = 0
    spared: int = 0
    missing_locally: int = 0
    refetched: int = 0
    source_keys: int | None = None
    local_keys_after: int | None = None
    would_block: bool = False

    @property
    def exit_code(self) -> int:
        """The code of CONTRACT section 2."""
        if self.verdict == "blocked" or self.would_block:
            return 3
        return 0 if self.verdict in ("reconciled", "planned") else 1


@dataclass(slots=True)
class _Case:
    """A sweep being judged, and what is found out on the way."""

    site: Site
    row: SweepRow
    evidence: Evidence
    changed: set[str] = field(default_factory=set)
    facts: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.row.feed} {self.row.resource}"

    def close(self, verdict: str, explanation: str, **columns: Any) -> Judged:
        """Store the verdict in the sweep's row and return it."""
        with self.site.warehouse.write() as con:
            sweeps.close(
                con,
                self.row.sweep_id,
                verdict=verdict,
                explanation=explanation,
                changed_keys=sorted(self.changed),
                **self.facts,
                **columns,
            )
        return self.judged(verdict, explanation)

    def judged(self, verdict: str, explanation: str, *, would_block: bool = False) -> Judged:
        told = {name: self.facts[name] for name in _TOLD if name in self.facts}
        return Judged(
            self.row.sweep_id,
            self.row.feed,
            self.row.resource,
            verdict,
            explanation,
            would_block=would_block,
            **told,
        )


_TOLD = (
    "absent",
    "confirmed_absent",
    "removed",
    "spared",
    "missing_locally",
    "refetched",
    "source_keys",
    "local_keys_after",
)


def judge(
    site: Site,
    sweep_id: str,
    evidence: Evidence,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: str = "",
) -> Judged:
    """Judge one proven sweep and act on it; the caller holds the feed's lock.

    A guard that objects removes nothing (`blocked`), a source that fails meanwhile neither
    (`void`); sets that still differ afterwards without a known reason are `unequal`.
    """
    with site.warehouse.read() as con:
        row = sweeps.row(con, sweep_id)
    case = _Case(site, row, evidence)
    if row.verdict != "running":
        return case.judged(
            "void", f"{case.name}: {sweep_id} was judged before ({row.verdict}); sweep again"
        )
    try:
        normalise_locked(site, row.feed)
        return _judge(case, thresholds, dry_run, approve)
    except MlsAssetsError as error:
        removed = case.facts.get("removed", 0)
        if not removed:
            return case.close("void", str(error))
        text = f"{removed:,} were removed, then the sets could not be compared: {error}"
        return case.close("unequal", text)


def _judge(case: _Case, thresholds: Thresholds, dry_run: bool, approve: str) -> Judged:
    site, row = case.site, case.row
    plan = _plan(case)
    with site.warehouse.read() as con:
        approval = sweeps.approval(con, approve, row.feed, row.resource) if approve else None
        decision = decide(
            plan,
            thresholds=thresholds,
            removed_last_day=sweeps.removed_since(
                con, row.feed, row.resource, row.started_at - timedelta(days=1)
            ),
            recently_seen=sweeps.recently_seen(
                con, row.feed, row.resource, row.started_at - CANARY_WINDOW, row.started_at
            ),
            approved=approval.keys if approval else (),
        )
    why = "; ".join(decision.blocked)
    if dry_run:
        text = (
            f"dry run: would be blocked: {why}"
            if why
            else f"dry run: {len(plan.absent):,} would be asked for again and removed if they do "
            f"not answer, {len(plan.missing):,} fetched"
        )
        case.close("planned", text)
        return case.judged("planned", text, would_block=bool(why))
    if approval:
        with site.warehouse.write() as con:
            sweeps.use_approval(con, approve, row.sweep_id)
    if why:
        return _block(case, plan, why)
    confirmed = _confirm(case, plan)
    _remove(case, confirmed)
    _refetch(case, plan)
    return _verdict(case)


def _plan(case: _Case) -> Plan:
    site, row = case.site, case.row
    with site.warehouse.read() as con:
        local = (LocalKey(*entry) for entry in sweeps.sorted_local(con, row.sweep_id))
        plan = compare(local, sweeps.sorted_staged(con, row.sweep_id))
    case.changed.update(plan.arrived)
    case.facts.update(
        local_keys_before=plan.local,
        source_keys=plan.source,
        absent=len(plan.absent),
        missing_locally=len(plan.missing),
        confirmed_absent=0,
        removed=0,
        spared=0,
        refetched=0,
    )
    return plan


def _block(case: _Case, plan: Plan, why: str) -> Judged:
    row = case.row
    text = (
        f"{case.name}: blocked, nothing was removed: {why}. If the source really dropped them "
        f"(or its key's role changed on purpose), run "
        f"`mls-assets purge {row.feed} --approve {row.sweep_id}` within 24 hours; else wait for "
        "the next sweep."
    )
    with case.site.warehouse.write() as con:
        sweeps.keep_suspects(con, row.sweep_id, plan.absent)
        cursors.block(con, row.feed, row.resource)
    return case.close("blocked", text)


def _confirm(case: _Case, plan: Plan) -> list[str]:
    """Ask for each suspect again by key; what answers is spared.

    A batch carries keys that the sweep did see: a source that does not answer for those does
    not answer at all, and then silence about the others means nothing.
    """
    site, row, answering = case.site, case.row, case.evidence.answering
    if answering is None:
        case.facts["confirmed_absent"] = len(plan.absent)
        return list(plan.absent)
    confirmed: list[str] = []
    with site.warehouse.read() as con:
        controls = sweeps.sample_staged(con, row.sweep_id, CONTROLS)
    for start in range(0, len(plan.absent), CONFIRMATION_BATCH):
        batch = plan.absent[start : start + CONFIRMATION_BATCH]
        answered = answering(row.resource, [*batch, *controls])
        silent = [key for key in controls if key not in answered]
        if silent:
            raise SweepVoid(
                f"{case.name}: void at confirmation: the source did not answer for "
                f"{len(silent)} of {len(controls)} keys that its sweep had just listed, so its "
                f"silence about {len(batch)} others proves nothing. Nothing was removed; the next "
                "sweep starts over."
            )
        spared = [key for key in batch if key in answered]
        case.changed.update(spared)
        case.facts["spared"] += len(spared)
        confirmed += [key for key in batch if key not in answered]
        site.progress(
            Progress(row.feed, row.resource, "purge", 0, start + len(batch), len(plan.absent))
        )
    if row.resource is Resource.OPEN_HOUSE and confirmed:
        # an open house that ended while we walked is history, not removed
        with site.warehouse.read() as con:
            elapsed = datetime.now(UTC) - sweeps.began_here_at(con, row.sweep_id)
            over = sweeps.over_by_now(con, row.feed, confirmed, row.started_at + elapsed + _MARGIN)
        case.changed.update(over)
        confirmed = [key for key in confirmed if key not in over]
    case.facts["confirmed_absent"] = len(confirmed)
    return confirmed


def _remove(case: _Case, keys: Sequence[str]) -> None:
    row = case.row
    if not keys:
        return
    with case.site.warehouse.write() as con:
        removed = ledger.remove(
            con,
            feed=row.feed,
            source=case.evidence.source,
            resource=row.resource,
            keys=keys,
            reason=case.evidence.reason,
            evidence_id=row.sweep_id,
            first_evidence_at=row.started_at,
            removed_at=datetime.now(UTC),
            run_id=case.site.run_id,
        )
        case.facts["removed"] = removed
        sweeps.note(con, row.sweep_id, removed=removed)


def _refetch(case: _Case, plan: Plan) -> None:
    """Fetch and merge what the source lists and we do not have."""
    site, row, fetch = case.site, case.row, case.evidence.fetch
    if not plan.missing or fetch is None:
        return
    came: set[str] = set()
    for page in fetch(row.resource, plan.missing):
        with site.warehouse.write() as con:
            landing.land(con, page, source=case.evidence.source, walk=None, run_id=site.run_id)
        came.update(record.key for record in page.records)
        came.update(removal.key for removal in page.removals)
        site.progress(Progress(row.feed, row.resource, "purge", 0, len(came), len(plan.missing)))
    normalise_locked(site, row.feed)
    case.facts["refetched"] = len(came)
    case.changed.update(key for key in plan.missing if key not in came)


def _verdict(case: _Case) -> Judged:
    row = case.row
    here, there = _digests(case)
    with case.site.warehouse.read() as con:
        after = compare(
            (LocalKey(*entry) for entry in sweeps.sorted_local(con, row.sweep_id)),
            sweeps.sorted_staged(con, row.sweep_id),
        )
    case.facts["local_keys_after"] = after.local
    differing = [
        key for key in (*after.absent, *after.arrived, *after.missing) if key not in case.changed
    ]
    equal = here == there and not differing
    facts = case.facts
    text = (
        f"{case.name}: {facts['source_keys']:,} keys at the source, {after.local:,} here; "
        f"{facts['removed']:,} removed, {facts['spared']:,} spared, {facts['refetched']:,} of "
        f"{facts['missing_locally']:,} missing ones fetched, {len(case.changed):,} changed "
        "meanwhile"
    )
    if not equal:
        sample = ", ".join(differing[:5])
        text += f"; {len(differing):,} keys still differ for no known reason, such as {sample}"
    verdict = "reconciled" if equal else "unequal"
    with case.site.warehouse.write() as con:
        if equal:
            cursors.reconciled(
                con, row.feed, row.resource, at=row.started_at, source_rows=facts["source_keys"]
            )
            sweeps.forget_suspects(con, row.feed, row.resource)
    return case.close(verdict, text, source_digest=there.sha256, local_digest=here.sha256)


def _digests(case: _Case) -> tuple[KeySetDigest, KeySetDigest]:
    row = case.row
    with case.site.warehouse.read() as con:
        here = digest(
            (key for key, _ in sweeps.sorted_local(con, row.sweep_id)), without=case.changed
        )
        there = digest(sweeps.sorted_staged(con, row.sweep_id), without=case.changed)
    return here, there
