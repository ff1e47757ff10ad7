"""What a replay was told, and whether that proves which keys are alive.

A replay has to reach the event that was handled last; only a log that was reset cannot. Staging
and judging are the business of `replay`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mls_assets.errors import CursorWentBack, MlsAssetsError
from mls_assets.model.records import Page
from mls_assets.model.resources import Resource
from mls_assets.replication.reconciliation.case import ApprovalOf, how_to_approve
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.landing import lagging, resets

#: Keys that a message names.
_NAMED = 5


@dataclass(slots=True)
class Told:
    """What a replay was told so far; `void` says why it proves nothing, `step` what to do."""

    sweep_id: str
    feed: str
    resource: Resource
    last: Page | None = None
    pages: int = 0
    keyless: int = 0
    #: keys of which the newest event does not say whether they are there or gone
    unsure: set[str] = field(default_factory=set)
    void: str = ""
    step: str = ""
    error: MlsAssetsError | None = None

    def note_doubts(self, page: Page) -> None:
        """Note which records of a page may be gone or not; a later event says what they are."""
        self.unsure.difference_update(record.key for record in page.records)
        self.unsure.difference_update(removal.key for removal in page.removals)
        for reject in page.rejects:
            if reject.key is None:
                self.keyless += 1
            elif reject.maybe_removed:
                self.unsure.add(reject.key)
            else:
                self.unsure.discard(reject.key)

    def doubts(self) -> str:
        """Say what of the log leaves open which keys are alive, empty if nothing does."""
        parts = []
        if self.keyless:
            parts.append(f"{self.keyless:,} record(s) without a usable key")
        if self.unsure:
            parts.append(
                f"{len(self.unsure):,} record(s) of which it cannot be told whether they are gone "
                f"({', '.join(sorted(self.unsure)[:_NAMED])})"
            )
        return f"the log holds {' and '.join(parts)}" if parts else ""


def expect_end(told: Told) -> None:
    """Void a replay that ended before the log did."""
    if told.last is None or told.last.remaining != 0:
        told.void = (
            f"the replay ended after {told.pages} page(s) without reaching the end of the log"
        )
        if told.last and told.last.remaining is None:
            told.void += (
                ": the source did not say that no events remain (its `remaining` is no number)"
            )


def expect_event(told: Told, cursor: int) -> bool:
    """Void a replay that ended before an event that was handled here; return whether it did."""
    end = (told.last.position if told.last else None) or 0
    if told.void or end >= cursor:
        return False
    told.void = (
        f"the replay ended at event {end:,}, but events up to {cursor:,} were handled before"
    )
    return True


def look_for_reset(workspace: Workspace, told: Told, later: Iterable[Page]) -> None:
    """Find out whether a log ends where its replay did, by asking for what is `later`.

    If it does, it was reset, and the next run replays it as it is; what the guard makes of that
    is the same as without a changed question.
    """
    try:
        next(iter(later))
    except CursorWentBack:
        with workspace.warehouse.write() as con:
            resets.note_reset(con, told.feed, told.resource, datetime.now(UTC))
        told.void += ". Asked for later ones, the source says so too, so its log was reset"
        told.step = "The next run replays the log as it is"
    else:
        told.void += ". Asked for later ones, the source knows them"


def expect_reset(
    workspace: Workspace,
    told: Told,
    cursor: int,
    asked: Callable[..., Iterable[Page]],
    *,
    dry_run: bool,
) -> None:
    """Void a replay of a log that ends before a handled event, but need not have been reset.

    The source is asked once more for what came after that event. If all that differs came after
    the end of the replay, a replica that is behind would tell the same: then the log has to end
    there for a while before anything is believed of it.
    """
    end = (told.last.position if told.last else None) or 0
    if told.void or end >= cursor:
        return
    ends = f"the replay ended at event {end:,}, but events up to {cursor:,} were handled before"
    try:
        next(iter(asked(after=cursor)))
    except CursorWentBack:
        pass
    else:
        if not dry_run:
            with workspace.warehouse.write() as con:
                resets.forget_reset(con, told.feed, told.resource)
        told.void = f"{ends}, and the source knows them again"
        return
    with workspace.warehouse.read() as con:
        later = lagging.later_keys(con, told.sweep_id, end)
        proven = resets.is_proven(con, told.feed, told.resource, datetime.now(UTC))
    if proven or later.known or not (later.absent or later.back or later.changed):
        return
    hours = resets.RESET_PROVEN_AFTER / timedelta(hours=1)
    told.void = (
        f"{ends}. All that differs ({later.absent:,} key(s) absent, {later.back:,} back, "
        f"{later.changed:,} with other values) came after event {end:,}, so the answers may come "
        "from a replica that is behind"
    )
    told.step = (
        f"If the log still ends there {hours:.0f} hour(s) after that was first seen, the next run "
        "takes it as it is"
    )


def doubts_of(workspace: Workspace, told: Told, approve: ApprovalOf | None, *, go_on: bool) -> str:
    """Return what keeps a replay from proving which keys are alive; such a replay is void.

    Unless a person passed those records, or updates have to `go_on`. A record of which it cannot
    be told whether it is gone counts as there.
    """
    doubts = told.doubts()
    if told.void or not doubts:
        return ""
    with workspace.warehouse.write() as con:
        passed = None
        if approve and sweeps.approval(con, approve.sweep_id, told.feed, told.resource).keyless:
            passed = (approve.sweep_id, approve.by)
        sweeps.mark_keyless(con, told.sweep_id, passed)
    if passed:
        return ""
    doubts += ", and the source cannot be asked about them"
    if not go_on:
        told.void = doubts
        told.step = f"If they may be passed over, {how_to_approve(told.feed, told.sweep_id)}"
    return doubts
