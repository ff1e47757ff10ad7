"""The jobs by which a person decides about removals in the UI: a dry run, and an approval.

Each asks for two fields and nothing else. What a sweep does stands in the passes.
"""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from mls_assets.configuration.feeds import SparkFeed, load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.orchestration.assets.approvals import ApprovalConfig, approvals
from mls_assets.orchestration.assets.compliance import PURGE_CHECK, SWEEPS_POOL
from mls_assets.orchestration.assets.describing import as_tag, sweeps_version
from mls_assets.orchestration.assets.event_log import REPLAY_CHECK
from mls_assets.orchestration.assets.landing import ledger_event
from mls_assets.orchestration.assets.verdicts import judged_metadata, stored_reconciles
from mls_assets.orchestration.dagster_home import MODE_TAG
from mls_assets.orchestration.resources import api_of, guard_of, workspace_of
from mls_assets.orchestration.running import failing
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reconciliation.case import ApprovalOf, SweepResult
from mls_assets.replication.reconciliation.purge import purge
from mls_assets.replication.reconciliation.replay import replay
from mls_assets.replication.reconciliation.sweep import sweep_keys
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.registry import source_of
from mls_assets.sources.source import Source
from mls_assets.warehouse import sweeps


class PlanConfig(dg.Config):
    """What to plan."""

    feed: str = Field(description="The feed to sweep, such as spark/default.")
    reason: str = Field(default="", description="Why; it stands in the run's log.")


class ApproveConfig(dg.Config):
    """What to release."""

    sweep_id: str = Field(
        description="Id of the blocked (or void) sweep; the red check and `status` name it."
    )
    by: str = Field(description="Who releases its keys; it is recorded with the approval.")


def decision_jobs(sources: Sequence[Source]) -> list[dg.JobDefinition]:
    """Return a job that plans for each source whose keys are swept, and the one that approves."""
    swept = [source for source in sources if not source.has_event_log]
    plan = _plan_op(swept)
    return [*(_plan_job(source, plan) for source in swept), _approve_job(_approve_op(sources))]


def _plan_op(sources: Sequence[Source]) -> dg.OpDefinition:
    @dg.op(
        pool=SWEEPS_POOL,
        required_resource_keys={"warehouse", "guard", *(source.name for source in sources)},
        out=dg.Out(dg.Nothing),
        description="Sweeps the keys of a feed and shows what a purge would remove. Nothing is "
        "removed or fetched.",
    )
    def plan_purge(context: dg.OpExecutionContext, config: PlanConfig) -> None:
        with failing():
            workspace = workspace_of(context)
            feed = load_feeds().spark_feed(config.feed)
            context.log.info(
                f"A dry run for {feed.name}: {config.reason or 'no reason was given'}."
            )
            judged = [
                _sweep(context, workspace, feed, resource, dry_run=True)
                for resource in feed.resources
            ]
            _tell(context, feed.name, judged)

    return plan_purge


def _plan_job(source: Source, plan: dg.OpDefinition) -> dg.JobDefinition:
    @dg.job(
        name=source.plan_job,
        tags={MODE_TAG: "plan"},
        description=f"A dry run: sweeps the keys of one {source.title} feed, and shows what a "
        "purge would remove. Removes nothing.",
    )
    def plan_feed() -> None:
        plan()

    return plan_feed


def _approve_op(sources: Sequence[Source]) -> dg.OpDefinition:
    swept = [source for source in sources if not source.has_event_log]

    @dg.op(
        pool=SWEEPS_POOL,
        required_resource_keys={"warehouse", "guard", *(source.name for source in sources)},
        out=dg.Out(dg.Nothing),
        description="Makes a fresh sweep (of an event log: a replay) in which the guard lets the "
        "keys of the blocked one go, so far as they are absent again and the source does not "
        "answer for them.",
    )
    def approve_purge(context: dg.OpExecutionContext, config: ApproveConfig) -> None:
        with failing():
            workspace = workspace_of(context)
            sweep_id = config.sweep_id.strip()
            with workspace.warehouse.read() as con:
                row = sweeps.find_sweep(con, sweep_id)
            if row is None:
                raise ConfigurationError(
                    f"No sweep has the id {sweep_id!r}. Nothing was removed; the check "
                    f"{PURGE_CHECK} and `mls-assets status` name the sweeps that are blocked."
                )
            feed, resource = row.feed, row.resource
            released = ApprovalConfig(approve=sweep_id, approved_by=config.by)
            approved = approvals(workspace, [feed], released).get((feed, resource))
            source = source_of(feed)
            if source.has_event_log:
                check, asset, of = REPLAY_CHECK, source.pages_asset(Resource.PROPERTY), [source]
                judged = _replay(context, workspace, feed, resource, approved)
            else:
                check, asset, of = PURGE_CHECK, "sweeps", swept
                known = load_feeds().spark_feed(feed)
                judged = [_sweep(context, workspace, known, resource, approve=approved)]
            _tell(context, feed, judged)
            context.log_event(
                dg.AssetMaterialization(
                    "sweeps",
                    metadata=judged_metadata(feed, judged),
                    tags=as_tag(sweeps_version(workspace)),
                )
            )
            for event in ledger_event(
                workspace, feed, sum(one.removed + one.settled for one in judged)
            ):
                context.log_event(event)
            # of all resources of the feed: another may still be blocked
            found = stored_reconciles(workspace, check, asset, of, feed)
            told = dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(asset),
                check_name=check,
                passed=found.passed,
                metadata=found.metadata,
                severity=found.severity,
                description=found.description,
            )
            # taken, though its annotation does not say so
            context.log_event(told)  # pyright: ignore[reportArgumentType]

    return approve_purge


def _approve_job(approve: dg.OpDefinition) -> dg.JobDefinition:
    @dg.job(
        tags={MODE_TAG: "approve", "dagster/priority": "1"},
        description="Releases what a blocked sweep held back: name the sweep and yourself. Counts "
        "once, for 24 hours.",
    )
    def purge_approve() -> None:
        approve()

    return purge_approve


def _replay(
    context: dg.OpExecutionContext,
    workspace: Workspace,
    feed: str,
    resource: Resource,
    approve: ApprovalOf | None,
) -> list[SweepResult]:
    access = load_feeds().log_access(feed)
    done = replay(
        workspace,
        feed,
        access,
        resource,
        api_of(context, access.source).settings(access),
        guard_of(context, access),
        approve=approve,
    )
    return [] if isinstance(done, Replicated) else [done]


def _sweep(
    context: dg.OpExecutionContext,
    workspace: Workspace,
    feed: SparkFeed,
    resource: Resource,
    *,
    dry_run: bool = False,
    approve: ApprovalOf | None = None,
) -> SweepResult:
    settings = api_of(context, feed.source).settings(feed)
    swept = sweep_keys(workspace, feed, resource, settings, approve=approve)
    if swept.void:
        return SweepResult(swept.sweep_id, swept.feed, swept.resource, Verdict.VOID, swept.void)
    return purge(
        workspace,
        feed,
        swept.sweep_id,
        settings,
        guard_of(context, feed),
        dry_run=dry_run,
        approve=approve,
    )


def _tell(context: dg.OpExecutionContext, feed: str, judged: list[SweepResult]) -> None:
    for entry in judged:
        log = context.log.info if entry.exit_code == 0 else context.log.error
        log(entry.explanation)
    context.add_output_metadata(judged_metadata(feed, judged))
