"""The jobs by which a person decides about removals in the UI: a dry run, and an approval.

Each asks for two fields and nothing else. What a sweep does stands in the passes.
"""

import dagster as dg
from pydantic import Field

from mls_assets.configuration.feeds import SparkFeed, load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource, Source
from mls_assets.model.verdicts import Verdict
from mls_assets.orchestration.assets.approvals import ApprovalConfig, approvals
from mls_assets.orchestration.assets.describing import as_tag, sweeps_version
from mls_assets.orchestration.assets.landing import ledger_event
from mls_assets.orchestration.assets.verdicts import judged_metadata, stored_reconciles
from mls_assets.orchestration.dagster_home import MODE_TAG
from mls_assets.orchestration.resources import ForgeApi, MlsWarehouse, PurgeGuard, SparkApi
from mls_assets.orchestration.running import Narrator, failing
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.reconciliation.case import ApprovalOf, SweepResult
from mls_assets.replication.reconciliation.purge import purge
from mls_assets.replication.reconciliation.replay import replay
from mls_assets.replication.reconciliation.sweep import sweep_keys
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse import sweeps


class PlanConfig(dg.Config):
    """What to plan."""

    feed: str = Field(description="The Spark feed to sweep, such as spark/default.")
    reason: str = Field(default="", description="Why; it stands in the run's log.")


class ApproveConfig(dg.Config):
    """What to release."""

    sweep_id: str = Field(
        description="Id of the blocked (or void) sweep; the red check and `status` name it."
    )
    by: str = Field(description="Who releases its keys; it is recorded with the approval.")


@dg.op(
    pool="spark",
    out=dg.Out(dg.Nothing),
    description="Sweeps the keys of a Spark feed and shows what a purge would remove. Nothing is "
    "removed or fetched.",
)
def plan_purge(
    context: dg.OpExecutionContext,
    config: PlanConfig,
    warehouse: MlsWarehouse,
    spark: SparkApi,
    guard: PurgeGuard,
) -> None:
    """Plan each resource of the feed."""
    with failing():
        workspace = warehouse.workspace(context.run.run_id, Narrator(context.log.info))
        feed = load_feeds().spark_feed(config.feed)
        context.log.info(f"A dry run for {feed.name}: {config.reason or 'no reason was given'}.")
        judged = [
            _sweep(workspace, feed, resource, spark, guard, dry_run=True)
            for resource in feed.resources
        ]
        _tell(context, feed.name, judged)


@dg.op(
    pool="spark",
    out=dg.Out(dg.Nothing),
    description="Makes a fresh sweep (of Forge: a replay) in which the guard lets the keys of the "
    "blocked one go, so far as they are absent again and the source does not answer for them.",
)
def approve_purge(
    context: dg.OpExecutionContext,
    config: ApproveConfig,
    warehouse: MlsWarehouse,
    spark: SparkApi,
    forge: ForgeApi,
    guard: PurgeGuard,
) -> None:
    """Release what one sweep held back; the check is told what became of it."""
    with failing():
        workspace = warehouse.workspace(context.run.run_id, Narrator(context.log.info))
        sweep_id = config.sweep_id.strip()
        with workspace.warehouse.read() as con:
            row = sweeps.sweep_as_dict(con, sweep_id)
        if row is None:
            raise ConfigurationError(
                f"No sweep has the id {sweep_id!r}. Nothing was removed; the check "
                "purge_reconciles_keys and `mls-assets status` name the sweeps that are blocked."
            )
        feed, resource = row["feed"], Resource(row["resource"])
        released = ApprovalConfig(approve=sweep_id, approved_by=config.by)
        approved = approvals(workspace, [feed], released).get((feed, resource))
        feeds = load_feeds()
        if feed.startswith(f"{Source.FORGE}/"):
            check, asset, source = "replay_reconciles_keys", "forge_listing_pages", Source.FORGE
            done = replay(
                workspace,
                feed,
                feeds.forge_access(),
                resource,
                forge.settings(),
                guard.thresholds(),
                approve=approved,
            )
            judged = [] if isinstance(done, Replicated) else [done]
        else:
            check, asset, source = "purge_reconciles_keys", "sweeps", Source.SPARK
            known = feeds.spark_feed(feed)
            judged = [_sweep(workspace, known, resource, spark, guard, approve=approved)]
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
        found = stored_reconciles(workspace, check, asset, source, feed)
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


def _sweep(
    workspace: Workspace,
    feed: SparkFeed,
    resource: Resource,
    spark: SparkApi,
    guard: PurgeGuard,
    *,
    dry_run: bool = False,
    approve: ApprovalOf | None = None,
) -> SweepResult:
    swept = sweep_keys(workspace, feed, resource, spark.settings(), approve=approve)
    if swept.void:
        return SweepResult(swept.sweep_id, swept.feed, swept.resource, Verdict.VOID, swept.void)
    return purge(
        workspace,
        feed,
        swept.sweep_id,
        spark.settings(),
        guard.thresholds(),
        dry_run=dry_run,
        approve=approve,
    )


def _tell(context: dg.OpExecutionContext, feed: str, judged: list[SweepResult]) -> None:
    for entry in judged:
        log = context.log.info if entry.exit_code == 0 else context.log.error
        log(entry.explanation)
    context.add_output_metadata(judged_metadata(feed, judged))


@dg.job(
    tags={MODE_TAG: "plan"},
    description="A dry run: sweeps the keys of one Spark feed, and shows what a purge would "
    "remove. Removes nothing.",
)
def spark_purge_plan() -> None:
    """Plan."""
    plan_purge()


@dg.job(
    tags={MODE_TAG: "approve", "dagster/priority": "1"},
    description="Releases what a blocked sweep held back: name the sweep and yourself. Counts "
    "once, for 24 hours.",
)
def purge_approve() -> None:
    """Approve."""
    approve_purge()
