"""What is done with a proven key set: plan, guard, removal, verdict, and asking in between.

The same for a Spark sweep and a Forge replay. Everything here runs under the feed's lock, so
nothing should land between the plan and the removal but what this pass itself fetches; what
landed nevertheless is not removed.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from mls_assets.errors import MlsAssetsError, SweepVoid
from mls_assets.model.resources import Reason
from mls_assets.model.text import counted
from mls_assets.model.verdicts import Verdict
from mls_assets.reconcile.digest import digest
from mls_assets.reconcile.guard import CANARY_WINDOW, DAY, Canary, Thresholds, decide
from mls_assets.reconcile.plan import LocalKey, Plan, make_plan
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.reconciliation.case import (
    ApprovalOf,
    KeyEvidence,
    Reconciliation,
    SweepResult,
    how_to_approve,
    once_mended,
    voided,
)
from mls_assets.replication.reconciliation.confirmation import confirm_absent, fetch_missing
from mls_assets.replication.undated import fetch_undated
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.registry import feed_named
from mls_assets.warehouse import Connection, sweeps
from mls_assets.warehouse.landing import cursors, rejects, status_deletes
from mls_assets.warehouse.removals import hiding, ledger
from mls_assets.warehouse.sweeps import SweepRow


def reconcile(
    workspace: Workspace,
    sweep_id: str,
    evidence: KeyEvidence,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: ApprovalOf | None = None,
    hides: bool = False,
    doubts: str = "",
) -> SweepResult:
    """Judge one proven sweep and act on it; the caller holds the feed's lock.

    A guard that objects removes nothing (`blocked`), a source that fails meanwhile neither
    (`void`); sets that still differ afterwards without a known reason are `unequal`. With
    `hides` the published tables are without what was held back until that is decided. With
    `doubts`, records that leave open which keys are alive, what is told lands and nothing is
    removed (`blocked`).
    """
    with workspace.warehouse.read() as con:
        row = sweeps.sweep_row(con, sweep_id)
        staged = sweeps.count_staged(con, sweep_id)
    case = Reconciliation(workspace, row, evidence, approve, hides)
    if row.verdict != Verdict.RUNNING:
        told = f"{case.name}: {sweep_id} has a verdict already ({row.verdict}: {row.explanation})"
        return case.judged(Verdict.VOID, voided(told, row.feed))
    if staged != row.source_keys:
        told = f"{staged:,} of its {row.source_keys or 0:,} keys are still staged"
        return _broken_off(case, SweepVoid(f"{case.name}: {told}"))
    try:
        normalise_locked(workspace, row.feed)
        return _judge(case, thresholds, dry_run, doubts)
    except MlsAssetsError as error:
        return _broken_off(case, error)


def _broken_off(case: Reconciliation, error: MlsAssetsError) -> SweepResult:
    removed, feed = case.facts.get("removed", case.row.removed or 0), case.row.feed
    step = "" if isinstance(error, SweepVoid) else once_mended(feed)
    verdict, text = Verdict.VOID, voided(str(error), feed, step)
    if removed:
        verdict = Verdict.UNEQUAL
        text = f"{removed:,} were removed, then the sets could not be compared: {error}"
    case.close(verdict, text)
    return case.judged(verdict, text, error_code=error.exit_code)


def _judge(case: Reconciliation, thresholds: Thresholds, dry_run: bool, doubts: str) -> SweepResult:
    with case.workspace.warehouse.read() as con:
        plan = _plan(case, con)
        why = _ask_guard(case, con, plan, thresholds)
    if doubts and not why:
        why, case.updates_go_on = doubts, True
    if dry_run:
        real = f"`mls-assets purge {case.row.feed}`"
        text = (
            f"dry run: would be blocked: {why}. Nothing was removed, and a dry run cannot be "
            f"approved: run {real}, and then approve the sweep that it blocks, by the id that it "
            "prints"
            if why
            else f"dry run: {len(plan.absent):,} would be asked for again and removed if they do "
            f"not answer, {len(plan.missing):,} fetched. Nothing was removed; {real} does it"
        )
        case.close(Verdict.PLANNED, text)
        return case.judged(Verdict.PLANNED, text, would_block=bool(why))
    if case.evidence.land:
        _land(case, plan, case.evidence.land)
    if not why:
        _remove(case, confirm_absent(case, plan.absent))
        fetch_missing(case, plan)
        fetch_undated(case)
        return _verdict(case)
    # what a person released goes, the others wait; but from a source that lists nothing, where no
    # key could serve as control, only if the released keys are all that there were
    released = [key for key in plan.absent if key in case.released] if plan.source else []
    _remove(case, confirm_absent(case, released))
    fetch_undated(case)
    waiting = [key for key in plan.absent if key not in case.released or not released]
    return _block(case, waiting, why)


def _spend_keyless(case: Reconciliation, con: Connection) -> None:
    """Use up the approval by which keyless records passed, with what follows from it."""
    row = case.row
    passed = sweeps.keyless_passed(con, row.sweep_id)
    if passed:
        approved, by = passed
        sweeps.approval(con, approved, row.feed, row.resource, user=row.sweep_id)
        sweeps.use_approval(con, approved, row.sweep_id, by, released=0)


def _land(case: Reconciliation, plan: Plan, land: Callable[[], None]) -> None:
    """Store the records that came with the keys; what was missing here is here then."""
    land()
    normalise_locked(case.workspace, case.row.feed)
    with case.workspace.warehouse.read() as con:
        left = set(_compared(con, case.row).missing)
    case.facts["refetched"] = len(set(plan.missing) - left)


def _ask_guard(case: Reconciliation, con: Connection, plan: Plan, thresholds: Thresholds) -> str:
    """Return why the guard objects, empty if it does not; note what a person released."""
    row = case.row
    if case.approval:
        case.released = sweeps.approval(
            con, case.approval.sweep_id, row.feed, row.resource, user=row.sweep_id
        ).keys
    seen, absent = sweeps.recently_seen(
        con,
        row.feed,
        row.resource,
        since=row.started_at - CANARY_WINDOW,
        until=row.started_at,
        among=plan.absent,
    )
    decision = decide(
        plan,
        thresholds=thresholds,
        removed_last_day=sweeps.count_removed_by_sweeps(
            con, row.feed, row.resource, sweeps.began_here_at(con, row.sweep_id) - DAY
        ),
        canary=Canary(seen, absent),
        approved=case.released,
    )
    return "; ".join(decision.blocked)


def _compared(con: Connection, row: SweepRow) -> Plan:
    found = sweeps.key_difference(con, row.sweep_id)
    local = (LocalKey(*entry) for entry in found.local_only)
    return make_plan(local, found.staged_only, common=found.common)


def _plan(case: Reconciliation, con: Connection) -> Plan:
    row = case.row
    plan = _compared(con, row)
    case.changed.update(plan.arrived)
    case.facts.update(
        local_keys_before=plan.local,
        source_keys=plan.source,
        absent=len(plan.absent),
        missing_locally=len(plan.missing),
        confirmed_absent=0,
        # a judgement that a kill cut short may have removed already
        removed=row.removed or 0,
        spared=0,
        refetched=0,
    )
    return plan


def _block(case: Reconciliation, waiting: Sequence[str], why: str) -> SweepResult:
    row, removed = case.row, case.facts["removed"]
    so_far = "nothing was removed"
    if removed:
        so_far = f"{removed:,} approved keys were removed, the others not"
    text = (
        f"{case.name}: blocked, {so_far}: {why}. If the source really dropped them (or its "
        "key's role changed on purpose), "
        f"{how_to_approve(row.feed, row.sweep_id)}; else wait for the next sweep."
    )
    if case.hides:
        text += f" From the next publication on readers do not see these {len(waiting):,}."
    with case.workspace.warehouse.write() as con:
        _spend_keyless(case, con)
        sweeps.listed_again(con, row.sweep_id)
        sweeps.keep_suspects(con, row.sweep_id, waiting)
        hiding.hide_keys(con, row.feed, row.resource, waiting if case.hides else ())
        cursors.block(con, row.feed, row.resource, source_rows=case.facts["source_keys"])
        return case.close_in(con, Verdict.BLOCKED, text)


def _remove(case: Reconciliation, keys: Sequence[str]) -> None:
    row = case.row
    if not keys:
        return
    removed = case.facts["removed"]
    with case.workspace.warehouse.write() as con:
        if sweeps.sweep_row(con, row.sweep_id).verdict != Verdict.RUNNING:
            raise SweepVoid(f"{case.name}: another process judged {row.sweep_id}")
        _spend_keyless(case, con)
        arrived = sweeps.arrived_since(con, row.sweep_id, keys)
        case.changed.update(arrived)
        keys = [key for key in keys if key not in arrived]
        # what a guard held back before was found absent then, not now
        before = sweeps.first_absent(con, row.feed, row.resource)
        by_moment: defaultdict[datetime, list[str]] = defaultdict(list)
        for key in keys:
            by_moment[min(before.get(key, row.started_at), row.started_at)].append(key)
        for first_evidence_at, found in sorted(by_moment.items()):
            removed += ledger.remove_keys(
                con,
                feed=feed_named(row.feed),
                resource=row.resource,
                keys=found,
                reason=Reason.ABSENT_FROM_SWEEP,
                evidence_id=row.sweep_id,
                first_evidence_at=first_evidence_at,
                removed_at=datetime.now(UTC),
                run_id=case.workspace.run_id,
            )
        released = len(case.released.intersection(keys))
        if case.approval and released:
            sweep_id, by = case.approval.sweep_id, case.approval.by
            sweeps.use_approval(con, sweep_id, row.sweep_id, by, released=released)
        sweeps.update_sweep(con, row.sweep_id, removed=removed)
    # told only once it is committed
    case.facts["removed"] = removed


def _verdict(case: Reconciliation) -> SweepResult:
    row = case.row
    with case.workspace.warehouse.read() as con:
        here = digest(sweeps.local_batches(con, row.sweep_id), without=case.changed)
        there = digest(sweeps.staged_batches(con, row.sweep_id), without=case.changed)
        after = _compared(con, row)
        one_sided = (*after.absent, *after.arrived, *after.missing)
        differing = [key for key in one_sided if key not in case.changed]
        refused = rejects.count_refused(con, row.feed, row.resource, differing)
        along = ledger.gone_along(con, row.resource, row.sweep_id)
    case.facts["local_keys_after"] = after.local
    # without what turned out to be deleted when it was asked for
    case.facts["source_keys"] = after.source
    equal = here == there and not differing
    case.updates_go_on = bool(differing) and refused == len(differing)
    facts = case.facts
    text = (
        f"{case.name}: {facts['source_keys']:,} keys at the source, {after.local:,} here; "
        f"{facts['removed']:,} removed, {facts['spared']:,} spared, {facts['refetched']:,} of "
        f"{facts['missing_locally']:,} missing ones fetched, {len(case.changed):,} changed "
        "meanwhile"
    )
    if case.settled:
        text += f"; {case.settled:,} listed as deleted had become otherwise"
    if not equal:
        sample = ", ".join(differing[:5])
        count = counted(len(differing), "key")
        text += f"; {count} left without a match for no known reason, such as {sample}"
        if refused:
            text += f". Of these, {refused:,} stand in rejected_values: they cannot be stored"
    if case.undated:
        text += f"; {case.undated}"
    if along:
        theirs = "its listing" if along == 1 else "their listings"
        text += f"; {counted(along, 'open house')} went with {theirs}"
    verdict = Verdict.RECONCILED if equal else Verdict.UNEQUAL
    with case.workspace.warehouse.write() as con:
        _spend_keyless(case, con)
        if equal:
            cursors.reconciled(
                con, row.feed, row.resource, at=row.started_at, source_rows=after.source
            )
        # nothing is held back any more, whatever else may differ
        cursors.unblock(con, row.feed, row.resource)
        sweeps.forget_suspects(con, row.feed, row.resource)
        status_deletes.forget_unlisted(con, row.feed, row.resource, row.sweep_id)
        return case.close_in(
            con, verdict, text, source_digest=there.sha256, local_digest=here.sha256
        )
