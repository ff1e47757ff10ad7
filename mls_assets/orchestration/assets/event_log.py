"""The assets of a source with an event log: raw pages of each MLS, followed or replayed."""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from mls_assets.configuration.feeds import ForgeAccess, load_feeds
from mls_assets.errors import MlsAssetsError
from mls_assets.model.resources import Resource
from mls_assets.model.states import PassKind, ReplicationState
from mls_assets.model.verdicts import Verdict
from mls_assets.orchestration.assets.approvals import ApprovalConfig, approvals
from mls_assets.orchestration.assets.describing import (
    OWNERS,
    pages_version,
    state_metadata,
)
from mls_assets.orchestration.assets.landing import (
    chosen_feed,
    ledger_event,
    replicate_resources,
    selected_assets,
    tell_of_source,
    unasked_pages,
)
from mls_assets.orchestration.assets.verdicts import judged_metadata, reconciles, stored_reconciles
from mls_assets.orchestration.partitions import mls_partitions
from mls_assets.orchestration.resources import api_of, guard_of, workspace_of
from mls_assets.orchestration.running import StepError, failing, failure
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reconciliation.case import SweepResult
from mls_assets.replication.reconciliation.replay import replay
from mls_assets.replication.replicate import replicate_forge
from mls_assets.replication.upkeep.describe import describe_forge
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.source import Source

#: The check of a replay.
REPLAY_CHECK = "replay_reconciles_keys"


class EventLogConfig(ApprovalConfig):
    """What a run over an event log may be told."""

    replay: bool = Field(
        default=False,
        description="Read the whole event log again from event 0 and reconcile the key set, "
        "after following the events that are new.",
    )
    dry_run: bool = Field(
        default=False, description="Of a replay: store and show the plan; remove nothing."
    )
    accept_fields: bool = Field(
        default=False,
        description="Take the fields that the source offers now although they are fewer than "
        "before. All is read again, and the values of the others are emptied; later runs go on "
        "with these fields.",
    )


def event_log_assets(source: Source) -> dg.AssetsDefinition:
    """Return the assets of a source's group: one step lands all kinds of an MLS."""
    listings = source.pages_asset(Resource.PROPERTY)

    @dg.multi_asset(
        name=f"{source.name}_pages",
        partitions_def=mls_partitions(source.name),
        can_subset=True,
        pool=source.name,
        required_resource_keys={"warehouse", "guard", source.name},
        specs=[
            dg.AssetSpec(
                name,
                group_name=source.name,
                kinds={"graphql", "duckdb"},
                owners=OWNERS,
                description=f"One row per {source.resources[resource]} as {source.title} sent it "
                "last (verbatim JSON in "
                "raw.records). Follows the MLS's event log from the stored event id until none "
                "remains; a tombstone removes its record in the transaction that stores its page.",
                metadata={
                    "dagster/table_name": "raw.records",
                    "RESO resource": str(resource),
                    "guide": dg.MetadataValue.url(source.guide),
                },
            )
            for name, resource in source.pages.items()
        ],
        check_specs=[
            dg.AssetCheckSpec(
                REPLAY_CHECK,
                asset=source.pages_asset(Resource.PROPERTY),
                description="After a replay from event 0 the local key sets (listings and agents) "
                "equal those that the event log leaves. Red when a guard blocked it, the replay "
                "was "
                "void, or the sets still differ.",
            )
        ],
    )
    def land_events(
        context: dg.AssetExecutionContext, config: EventLogConfig
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization | dg.AssetCheckResult]:
        """Follow (or replay) the event log of the run's MLS."""
        with failing():
            workspace = workspace_of(context)
            if not context.selected_asset_keys:
                only = context.partition_key if context.has_partition_key else None
                yield stored_reconciles(workspace, REPLAY_CHECK, listings, [source], only)
                return
            access = load_feeds().log_access(chosen_feed(context))
            feed, settings = chosen_feed(context), api_of(context, source).settings(access)
            if config.replay:
                yield from _replay(context, workspace, feed, access, config)
                return
            yield from replicate_resources(
                context,
                workspace,
                feed,
                source.pages,
                access.resources,
                lambda resource: replicate_forge(
                    workspace,
                    feed,
                    access,
                    resource,
                    settings,
                    guard_of(context, access),
                    accept_fields=config.accept_fields,
                ),
                lambda: describe_forge(workspace, feed, access, settings),
                access,
            )

    return land_events


def _replay(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    feed: str,
    access: ForgeAccess,
    config: EventLogConfig,
) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization | dg.AssetCheckResult]:
    source = access.source
    listings, settings = (
        source.pages_asset(Resource.PROPERTY),
        api_of(context, source).settings(access),
    )
    judged: list[SweepResult] = []
    troubles: list[StepError] = []
    approved = approvals(workspace, [feed], config)
    for name, resource in selected_assets(context, source.pages):
        if resource not in access.resources:
            note = f"{source.title} is not configured for {resource}; nothing was asked."
            yield unasked_pages(workspace, feed, name, resource, note)
            continue
        try:
            done = replay(
                workspace,
                feed,
                access,
                resource,
                settings,
                guard_of(context, access),
                dry_run=config.dry_run,
                approve=approved.get((feed, resource)),
            )
        except MlsAssetsError as error:
            context.log.warning(f"{feed} {resource}: {error}")
            troubles.append(StepError.of(error))
            continue
        if isinstance(done, Replicated):
            yield unasked_pages(workspace, feed, name, resource, "\n".join(done.notes))
            continue
        judged.append(done)
        (context.log.info if done.exit_code == 0 else context.log.error)(done.explanation)
        state = state_metadata(workspace, feed, resource)
        yield dg.MaterializeResult(
            asset_key=name,
            metadata={
                "kind": PassKind.REPLAY.value,
                "complete": state["state"] != ReplicationState.NEEDS_RESYNC,
                **state,
                **judged_metadata(feed, [done]),
            },
            data_version=pages_version(workspace, feed, resource),
        )
        yield from ledger_event(workspace, feed, done.removed)
        if done.verdict == Verdict.VOID:
            troubles.append(
                StepError(f"{feed} {resource}: {done.explanation}", done.exit_code, "SweepVoid")
            )
    tell_of_source(context, workspace, feed, access, troubles, served=bool(judged))
    if judged and not config.dry_run and context.op_execution_context.selected_asset_check_keys:
        yield reconciles(workspace, REPLAY_CHECK, listings, judged)
    if troubles:
        raise failure(troubles)
