"""Bringing one resource of one feed from its cursor to current: which pass is due, and its result.

The passes themselves stand in `download`, `update`, `events` and `replay`.
"""

from datetime import UTC, datetime

from mls_assets.configuration.feeds import ForgeAccess, SparkFeed
from mls_assets.errors import SweepBlocked, SweepVoid
from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind, ReplicationState
from mls_assets.model.verdicts import Verdict
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication import download, events, update
from mls_assets.replication.clients import forge_client, spark_client
from mls_assets.replication.clocks import about_skew
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reconciliation import replay
from mls_assets.replication.relations import complete_untold
from mls_assets.replication.selection import settle
from mls_assets.replication.settings import ForgeSettings, SparkSettings
from mls_assets.replication.source_binding import bind_source
from mls_assets.replication.upkeep import unconfigured
from mls_assets.replication.vanished import noting_access
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import Mls, MlsList
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.removals import unasked
from mls_assets.warehouse.sweeps.approvals import VALID_FOR

#: States in which what is stored cannot be brought up to date, but has to be downloaded.
_DOWNLOAD_DUE = (
    ReplicationState.NEW,
    ReplicationState.DOWNLOADING,
    ReplicationState.NEEDS_RESYNC,
)


def replicate_spark(
    workspace: Workspace, feed: SparkFeed, resource: Resource, settings: SparkSettings
) -> Replicated:
    """Download one resource of a Spark feed, or update it if it was downloaded before.

    Raises the typed errors of `mls_assets.errors`; what landed until then stays, and the next
    call goes on from there. Raises CollectionCut where all landed but parts of collections that
    the source holds back.
    """
    with workspace.feed_lock(feed.name), spark_client(feed, settings) as client:
        state, notes = bind_source(
            workspace,
            feed.name,
            feed.base_url,
            resource,
            feed.question(resource),
            feed.same_questions(resource),
        )
        if resource is Resource.PROPERTY:
            # a removal takes along the open houses that it finds in the table, and a history
            # goes from version to version: so what a dead run landed has to be there first
            normalise_locked(workspace, feed.name)
        if state.state in _DOWNLOAD_DUE or state.cursor is None:
            done = download.download(workspace, client, feed, resource, settings)
        else:
            done = update.update(workspace, client, feed, resource, settings, state)
            if resource is Resource.PROPERTY:
                _drop_relations(workspace, feed)
        if resource is Resource.PROPERTY and done.complete:
            complete_untold(workspace, client, feed)
        notes += (*client.notes, *about_skew(client.skew))
    return done.noting(notes)


def _drop_relations(workspace: Workspace, feed: SparkFeed) -> None:
    """Let relations that are not asked for any more go, should a download have left some."""
    asked = unconfigured.children_of(feed)
    with workspace.warehouse.read() as con:
        held = {child for name, child in unasked.children_held(con) if name == feed.name}
    if held - asked:
        with workspace.warehouse.write() as con:
            unasked.drop_children(con, feed.name, asked)


def replicate_forge(
    workspace: Workspace,
    feed: str,
    access: ForgeAccess,
    resource: Resource,
    settings: ForgeSettings,
    thresholds: Thresholds | None = None,
    *,
    accept_fields: bool = False,
) -> Replicated:
    """Handle the events of one Forge MLS and kind until none remains.

    A feed that needs a resync is replayed from event 0 under the guard of a purge. Where only
    records that cannot be read stand in the way of equal sets, updates go on, and removals that
    depend on them wait. Raises SweepBlocked or SweepVoid when that comes to nothing; while a block
    can still be approved the log is not read again only to be blocked once more. `accept_fields`
    is a person's word that the fields which the source offers now are all there will be, see
    `selection`.
    """
    with (
        workspace.feed_lock(feed),
        forge_client(access, settings) as client,
        noting_access(workspace, feed),
    ):
        state, claimed = bind_source(
            workspace, feed, access.url, resource, access.question(resource)
        )
        settled = settle(workspace, client, feed, resource, settings, accept=accept_fields)
        notes = claimed + settled.notes
        if not settled.asked:
            return Replicated(feed, resource, PassKind.EVENTS, notes=notes)
        if resource is Resource.PROPERTY:
            normalise_locked(workspace, feed)  # for the same reasons as of Spark
        if state.state == ReplicationState.NEEDS_RESYNC or settled.changed:
            held_back = _held_back(workspace, feed, resource)
            # a question that has just changed is asked at once
            if held_back and not claimed and not settled.changed:
                raise SweepBlocked(held_back)
            judged = replay.replay_locked(
                workspace, client, feed, access, resource, thresholds or Thresholds()
            )
            if judged.verdict == Verdict.BLOCKED and not judged.updates_go_on:
                raise SweepBlocked(judged.explanation)
            if judged.verdict != Verdict.RECONCILED and not judged.updates_go_on:
                raise SweepVoid(judged.explanation)
            notes += (f"replayed from event 0: {judged.explanation}",)
        done = events.follow_events(workspace, client, feed, access, resource, settings)
    return done.noting(notes)


def forge_feeds(access: ForgeAccess, settings: ForgeSettings) -> MlsList:
    """Return the MLSs to replicate: those configured, else all that Forge lists but `exclude`."""
    with forge_client(access, settings) as client:
        listed = client.mlses()
    if not access.mlses:
        wanted = tuple(mls for mls in listed.mlses if access.asks_for(mls.key))
        return MlsList(wanted, listed.odd)
    known = {mls.key: mls for mls in listed.mlses}
    wanted = tuple(known.get(key) or Mls(key, key, None, ()) for key in access.mlses)
    return MlsList(wanted, listed.odd)


def _held_back(workspace: Workspace, feed: str, resource: Resource) -> str:
    """Return what the guard said of the newest judged replay, if that can still be approved."""
    with workspace.warehouse.read() as con:
        blocked = sweeps.blocked_sweeps(con)
    for row in blocked:
        if (row.feed, row.resource) == (feed, resource) and row.finished_at:
            young = datetime.now(UTC) - row.finished_at < VALID_FOR
            return (row.explanation or "") if young else ""
    return ""
