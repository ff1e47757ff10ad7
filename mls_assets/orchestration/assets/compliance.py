"""The assets of group `compliance`: what sweeps came to, and the ledger of removals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from mls_assets.configuration.feeds import SparkFeed, load_feeds
from mls_assets.errors import CollectionCut, MlsAssetsError
from mls_assets.model.resources import Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.orchestration.assets.approvals import ApprovalConfig, approvals
from mls_assets.orchestration.assets.describing import OWNERS, sweeps_version, table_metadata
from mls_assets.orchestration.assets.landing import ledger_event, tell_of_source
from mls_assets.orchestration.assets.verdicts import judged_metadata, reconciles, stored_reconciles
from mls_assets.orchestration.resources import api_of, guard_of, workspace_of
from mls_assets.orchestration.running import StepError, failing, failure, plain_metadata
from mls_assets.replication.reconciliation.case import ApprovalOf, SweepResult
from mls_assets.replication.reconciliation.purge import purge, unjudged
from mls_assets.replication.reconciliation.sweep import SweptKeys
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.source import Source
from mls_assets.warehouse import PIPELINE_TABLES

#: The check of a purge, and the pool that its runs share.
PURGE_CHECK, SWEEPS_POOL = "purge_reconciles_keys", "sweeps"
_TABLES = {table.name: table for table in PIPELINE_TABLES}
_SWEEPS, _LEDGER = _TABLES["sweeps"], _TABLES["deletion_ledger"]


class PurgeConfig(ApprovalConfig):
    """What a purge may be told."""

    dry_run: bool = Field(
        default=False, description="Store and show the plan; remove and fetch nothing."
    )


@dataclass(frozen=True, slots=True)
class _Swept:
    """What the sweep of a feed left to be judged, and what it could not sweep."""

    feed: SparkFeed
    sweeps: tuple[SweptKeys, ...]
    troubles: tuple[StepError, ...] = ()


def sweeps_asset(sources: Sequence[Source]) -> dg.AssetsDefinition:
    """Return the asset that judges the proven key sets of these sources."""

    @dg.multi_asset(
        name="sweeps",
        can_subset=True,
        pool=SWEEPS_POOL,
        required_resource_keys={"warehouse", "guard", *(source.name for source in sources)},
        specs=[
            dg.AssetSpec(
                "sweeps",
                group_name="compliance",
                kinds={"duckdb"},
                owners=OWNERS,
                deps=[source.keys_asset for source in sources],
                description=f"One row per {_SWEEPS.grain}. Each proven key set is held against "
                "ours: plan, guard, confirmation by key, removal with its ledger entry, fetching "
                "of "
                "what was missing, comparison of both sets, verdict. A blocked or void sweep "
                "removes "
                "nothing.",
                metadata=table_metadata(_SWEEPS),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                PURGE_CHECK,
                asset="sweeps",
                description="After a purge the local key set equals the source's, but for keys "
                "that "
                "changed while it ran, which the sweep names. Red when a guard blocked it, the "
                "sweep "
                "was void, or the sets still differ; updates go on meanwhile.",
            )
        ],
    )
    def sweeps(
        context: dg.AssetExecutionContext, config: PurgeConfig
    ) -> Iterator[dg.MaterializeResult | dg.AssetMaterialization | dg.AssetCheckResult]:
        """Judge the proven sweeps of the run's feed, or of all feeds without a partition."""
        with failing():
            workspace = workspace_of(context)
            only = context.partition_key if context.has_partition_key else None
            if not context.selected_asset_keys:
                yield stored_reconciles(workspace, PURGE_CHECK, "sweeps", sources, only)
                return
            feeds = load_feeds()
            names = [only] if only else sorted(feeds.spark)
            approved = approvals(workspace, names, config)
            judged: list[SweepResult] = []
            troubles: list[StepError] = []
            for name in names:
                swept = _swept(context, workspace, feeds.spark_feed(name))
                done, failed = _judge(context, workspace, swept, config, approved)
                judged += done
                troubles += [*swept.troubles, *failed]
                # a step that had nothing to judge asked nothing
                answered = any(not sweep.void for sweep in swept.sweeps)
                tell_of_source(context, workspace, name, swept.feed, failed, served=answered)
                removed = sum(entry.removed + entry.settled for entry in done)
                yield from ledger_event(workspace, name, removed)
            for entry in judged:
                (context.log.info if entry.exit_code == 0 else context.log.error)(entry.explanation)
            yield dg.MaterializeResult(
                asset_key="sweeps",
                metadata=judged_metadata(only or "all", judged),
                data_version=sweeps_version(workspace),
            )
            if judged and not config.dry_run:
                yield reconciles(workspace, PURGE_CHECK, "sweeps", judged)
            if troubles:
                raise failure(troubles)

    return sweeps


def _swept(context: dg.AssetExecutionContext, workspace: Workspace, feed: SparkFeed) -> _Swept:
    """Return what this run's sweep staged; without it, what waits from the last hour."""
    newest = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(feed.source.keys_asset), asset_partitions=[feed.name]
        ),
        limit=1,
    ).records
    if not newest or newest[0].run_id != context.run.run_id:
        return _Swept(feed, tuple(unjudged(workspace, feed.name)))
    event = newest[0].asset_materialization
    told = plain_metadata(event.metadata) if event else {}
    return _Swept(
        feed,
        tuple(
            SweptKeys(**{**entry, "resource": Resource(entry["resource"])})
            for entry in told.get("sweeps", ())
        ),
        tuple(StepError(**entry) for entry in told.get("troubles", ())),
    )


def _judge(
    context: dg.AssetExecutionContext,
    workspace: Workspace,
    swept: _Swept,
    config: PurgeConfig,
    approved: Mapping[tuple[str, Resource], ApprovalOf],
) -> tuple[list[SweepResult], list[StepError]]:
    """Judge each proven sweep of a feed; a void one, or one that fails, stops no other."""
    judged: list[SweepResult] = []
    troubles: list[StepError] = []
    for sweep in swept.sweeps:
        if sweep.void:
            done = SweepResult(sweep.sweep_id, sweep.feed, sweep.resource, Verdict.VOID, sweep.void)
        else:
            try:
                done = purge(
                    workspace,
                    swept.feed,
                    sweep.sweep_id,
                    api_of(context, swept.feed.source).settings(swept.feed),
                    guard_of(context, swept.feed),
                    dry_run=config.dry_run,
                    approve=approved.get((sweep.feed, sweep.resource)),
                )
            except MlsAssetsError as error:
                troubles.append(StepError.of(error))
                continue
        judged.append(done)
        if done.cut:
            troubles.append(StepError(done.cut, CollectionCut.exit_code, CollectionCut.__name__))
        if done.verdict == Verdict.VOID:
            text = f"{done.feed} {done.resource}: sweep {done.sweep_id} is void: {done.explanation}"
            troubles.append(StepError(text, done.error_code or sweep.exit_code or 1, "SweepVoid"))
    return judged, troubles


def ledger_asset(sources: Sequence[Source]) -> dg.AssetSpec:
    """Return the asset of the ledger, in which removals of these sources are entered."""
    return dg.AssetSpec(
        "deletion_ledger",
        group_name="compliance",
        kinds={"duckdb"},
        owners=OWNERS,
        deps=["sweeps", *(asset for source in sources for asset in source.pages)],
        description=f"One row per {_LEDGER.grain}. Says of each why, by which proof, and when; "
        "never holds listing content. Written by whatever removes, in the transaction that "
        "removes, "
        "so it has no step of its own.",
        metadata=table_metadata(_LEDGER),
    )
