"""Reconciling a Forge feed by reading its whole event log again, from event 0.

The keys alive at the end are the source's key set. Until that end is reached everything is
staged, and nothing that is stored is touched: a log tells old versions first. Then the guard is
asked as for a Spark sweep, the survivors land, and what is absent is removed if the guard lets it
go, or waits; no tombstone of the replay removes anything by itself. The stored cursor stays where
it is, so that every tombstone after it is still handled in its turn; only a feed that needs a
resync gets a new cursor, and only once its sets are equal, or differ by nothing but records that
cannot be read. What a replay has to show for that is in `replay_proof`.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from mls_assets.configuration.feeds import ForgeAccess, mls_of_feed
from mls_assets.errors import ConfigurationError, MlsAssetsError
from mls_assets.model.records import Page
from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind, ReplicationState
from mls_assets.model.verdicts import Verdict
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.clients import forge_client
from mls_assets.replication.events import follow_events
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.own_entries import keeping
from mls_assets.replication.reconciliation.case import (
    ApprovalOf,
    KeyEvidence,
    SweepResult,
    once_mended,
    voided,
)
from mls_assets.replication.reconciliation.judge import reconcile
from mls_assets.replication.reconciliation.replay_proof import (
    Told,
    doubts_of,
    expect_end,
    expect_event,
    expect_reset,
    look_for_reset,
)
from mls_assets.replication.reconciliation.sweep import new_sweep_id
from mls_assets.replication.selection import settle
from mls_assets.replication.settings import ForgeSettings
from mls_assets.replication.source_binding import bind_source
from mls_assets.replication.vanished import noting_access
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sources import ForgeClient, ahead
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.landing import cursors, landing, replaying, resets


def replay(
    workspace: Workspace,
    feed: str,
    access: ForgeAccess,
    resource: Resource,
    settings: ForgeSettings,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: ApprovalOf | None = None,
) -> SweepResult | Replicated:
    """Replay and reconcile one Forge feed and kind; the verdict stands in `sweeps`.

    Where the source has no query for agents there is nothing to judge: then a Replicated says
    so in its notes. Raises ConfigurationError for a feed that was never replicated or a token
    that is refused, and the typed source errors of the normal event loop, which runs first
    (but not in a dry run, which changes nothing).
    """
    with (
        workspace.feed_lock(feed),
        forge_client(access, settings) as client,
        noting_access(workspace, feed),
    ):
        question = access.question(resource)
        state, _ = bind_source(workspace, feed, access.url, resource, question, note=not dry_run)
        settled = settle(workspace, client, feed, resource, settings, dry_run=dry_run)
        if not settled.asked:
            return Replicated(feed, resource, PassKind.REPLAY, notes=settled.notes)
        if approve:
            with workspace.warehouse.read() as con:
                sweeps.approval(con, approve.sweep_id, feed, resource)
        if state.cursor is None:
            raise ConfigurationError(
                f"{feed} {resource} was never replicated, so there is nothing to reconcile. Run "
                f"`mls-assets replicate {feed}` first."
            )
        normalise_locked(workspace, feed)
        if state.state != ReplicationState.NEEDS_RESYNC and not settled.changed and not dry_run:
            follow_events(
                workspace, client, feed, access, resource, replace(settings, page_budget=0)
            )
        return replay_locked(
            workspace,
            client,
            feed,
            access,
            resource,
            thresholds,
            dry_run=dry_run,
            approve=approve,
        )


def replay_locked(
    workspace: Workspace,
    client: ForgeClient,
    feed: str,
    access: ForgeAccess,
    resource: Resource,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: ApprovalOf | None = None,
) -> SweepResult:
    """Do the same without the event loop before it; the caller holds the feed's lock.

    A replay that breaks off is `void`. Raises ConfigurationError (a refused token is one) when
    it broke off for that; its sweep is void too.
    """
    sweep_id = new_sweep_id(feed, resource, datetime.now(UTC))
    with workspace.warehouse.write() as con:
        state = cursors.state_of(con, feed, resource)
        resync = state.state == ReplicationState.NEEDS_RESYNC
        reset = resync and resets.is_reset(con, feed, resource)
        sweeps.begin_sweep(con, sweep_id, feed, resource, datetime.now(UTC), workspace.run_id)
        replaying.drop_replay(con, feed, resource)
    asked = partial(
        client.pages, feed, mls_of_feed(feed), resource, filter=access.filter_for(resource)
    )
    told = Told(sweep_id, feed, resource)
    try:
        _stage(workspace, told, asked(after=0))
        expect_end(told)
        if state.cursor is not None and reset:
            expect_reset(workspace, told, int(state.cursor), asked, dry_run=dry_run)
        elif state.cursor is not None:
            short = expect_event(told, int(state.cursor))
            if short and resync and not dry_run:
                look_for_reset(workspace, told, asked(after=int(state.cursor)))
        doubts = doubts_of(workspace, told, approve, go_on=resync and not dry_run)
    except MlsAssetsError as error:
        told.void = f"the replay broke off after {told.pages} page(s): {error}"
        told.step = once_mended(feed)
        told.error = error
        doubts = ""
    last = told.last
    try:
        if last is None or told.void:
            return _close_void(workspace, told)
        with workspace.warehouse.write() as con:
            staged = sweeps.count_staged(con, sweep_id)
            sweeps.update_sweep(con, sweep_id, pages=told.pages, source_keys=staged)
        judged = reconcile(
            workspace,
            sweep_id,
            KeyEvidence(land=partial(_land, workspace, sweep_id)),
            thresholds,
            dry_run=dry_run,
            approve=approve,
            hides=access.hides,
            doubts=doubts,
        )
    finally:
        with workspace.warehouse.write() as con:
            replaying.drop_replay(con, feed, resource)
    if resync and (judged.verdict == Verdict.RECONCILED or judged.updates_go_on):
        with workspace.warehouse.write() as con:
            cursors.advance_events(
                con,
                feed,
                resource,
                cursor=str(last.position),
                at=last.fetched_at,
                current=True,
            )
            resets.forget_reset(con, feed, resource)
            if judged.verdict == Verdict.BLOCKED:
                cursors.block(con, feed, resource, source_rows=judged.source_keys or 0)
    return judged


def _stage(workspace: Workspace, told: Told, pages: Iterable[Page]) -> None:
    events = 0
    for page in ahead(pages):
        with workspace.warehouse.write() as con:
            if told.last is None:
                sweeps.update_sweep(con, told.sweep_id, started_at=page.fetched_at)
            replaying.stage_replay_page(con, told.sweep_id, told.pages, page)
            gone = {removal.key for removal in page.removals}
            # a record that cannot be stored is there nevertheless
            refused = {reject.key for reject in page.rejects if reject.key is not None}
            sweeps.stage_events(
                con,
                told.sweep_id,
                alive=[*(record.key for record in page.records), *(refused - gone)],
                gone=list(gone),
            )
        told.note_doubts(page)
        # its bodies are staged: of the last page only its facts are asked for later
        told.last = replace(page, records=(), removals=(), rejects=())
        told.pages += 1
        events += len(page.records) + len(page.removals)
        expected = events + (page.remaining or 0)
        workspace.progress(
            Progress(told.feed, told.resource, PassKind.REPLAY, told.pages, events, expected)
        )


def _land(workspace: Workspace, sweep_id: str) -> None:
    """Land what the whole log leaves alive, one of its pages at a time."""
    with workspace.warehouse.read() as con:
        numbers = replaying.replay_page_numbers(con, sweep_id)
    for number in numbers:
        with workspace.warehouse.write() as con:
            page = keeping(con, replaying.take_replay_page(con, sweep_id, number))
            landing.land_page(con, page, walk=None, run_id=workspace.run_id)


def _close_void(workspace: Workspace, told: Told) -> SweepResult:
    void = voided(told.void, told.feed, told.step)
    with workspace.warehouse.write() as con:
        sweeps.close_sweep(con, told.sweep_id, verdict=Verdict.VOID, explanation=void)
    if isinstance(told.error, ConfigurationError):
        raise told.error
    return SweepResult(
        told.sweep_id,
        told.feed,
        told.resource,
        Verdict.VOID,
        void,
        error_code=told.error.exit_code if told.error else 0,
    )
