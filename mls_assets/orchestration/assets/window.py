"""The assets of a source that is asked by time windows: raw pages, and the proven key sets.

One step lands all resources of a feed, because a host or a token that fails one fails all.
"""

from collections.abc import Iterator
from dataclasses import asdict

import dagster as dg

from mls_assets.configuration.feeds import Feeds, load_feeds
from mls_assets.errors import MlsAssetsError, NotDownloaded
from mls_assets.model.resources import Resource
from mls_assets.orchestration.assets.approvals import ApprovalConfig, approvals
from mls_assets.orchestration.assets.describing import OWNERS
from mls_assets.orchestration.assets.landing import (
    Events,
    chosen_feed,
    replicate_resources,
    tell_of_source,
)
from mls_assets.orchestration.assets.verdicts import of_feed, proof_in_words, stored_proof
from mls_assets.orchestration.partitions import feed_partitions
from mls_assets.orchestration.resources import api_of, workspace_of
from mls_assets.orchestration.running import (
    EXIT_CODE,
    StepError,
    failing,
    failure,
    first_exit_code,
)
from mls_assets.replication.reconciliation.sweep import SweptKeys, sweep_keys
from mls_assets.replication.replicate import replicate_spark
from mls_assets.replication.upkeep.describe import describe_spark
from mls_assets.sources.source import Source, changes_of

_GRAIN = {
    Resource.PROPERTY: "listing, with its Media, Room and Unit collections,",
    Resource.MEMBER: "member",
    Resource.OFFICE: "office",
    Resource.OPEN_HOUSE: "open house",
}


def window_assets(source: Source, feeds: Feeds) -> list[dg.AssetsDefinition]:
    """Return the assets of a source's group, with a partition for each configured feed."""
    partitions = feed_partitions(source, feeds)
    pages, keys_asset = source.pages, source.keys_asset

    @dg.multi_asset(
        name=f"{source.name}_pages",
        partitions_def=partitions,
        can_subset=True,
        pool=source.name,
        required_resource_keys={"warehouse", source.name},
        specs=[
            dg.AssetSpec(
                name,
                group_name=source.name,
                kinds={"odata", "duckdb"},
                owners=OWNERS,
                description=f"One row per {_GRAIN[resource]} as {source.title} sent it last "
                "(verbatim "
                "JSON in raw.records). Downloads the resource the first time, as the guide's "
                "step 1; afterwards asks for what changed since the last retrieval less "
                f"{changes_of(source).overlap_minutes:.0f} minutes (step 2).",
                metadata={
                    "dagster/table_name": "raw.records",
                    "RESO resource": str(resource),
                    "guide": dg.MetadataValue.url(source.guide),
                },
            )
            for name, resource in pages.items()
        ],
    )
    def land_pages(context: dg.AssetExecutionContext) -> Events:
        with failing():
            feed = load_feeds().spark_feed(chosen_feed(context))
            workspace = workspace_of(context)
            settings = api_of(context, source).settings(feed)
            yield from replicate_resources(
                context,
                workspace,
                feed.name,
                pages,
                feed.resources,
                lambda resource: replicate_spark(workspace, feed, resource, settings),
                lambda: describe_spark(workspace, feed, settings),
                feed,
            )

    @dg.multi_asset(
        name=keys_asset,
        partitions_def=partitions,
        can_subset=True,
        pool=source.name,
        required_resource_keys={"warehouse", source.name},
        specs=[
            dg.AssetSpec(
                keys_asset,
                group_name=source.name,
                kinds={"odata", "duckdb"},
                owners=OWNERS,
                description="One row per key that the source listed in one unbroken walk, with "
                "proof that the walk was whole (the guide's step 3). Staged for `sweeps`, which "
                "decides what follows; nothing is removed here.",
                deps=list(pages),
                metadata={
                    "dagster/table_name": "raw.sweep_keys",
                    "guide": dg.MetadataValue.url(source.guide),
                },
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                "sweep_proven",
                asset=keys_asset,
                description="Every key sweep proved that it saw the source's whole key set. A "
                "sweep that could not is void and removes nothing.",
            )
        ],
    )
    def prove_keys(
        context: dg.AssetExecutionContext, config: ApprovalConfig
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with failing():
            workspace = workspace_of(context)
            if not context.selected_asset_keys:
                only = context.partition_key if context.has_partition_key else None
                yield stored_proof(workspace, "sweep_proven", source, only)
                return
            feed = load_feeds().spark_feed(chosen_feed(context))
            swept: list[SweptKeys] = []
            troubles: list[StepError] = []
            passed_over: list[StepError] = []
            approved = approvals(workspace, [feed.name], config)
            for resource in feed.resources:
                try:
                    done = sweep_keys(
                        workspace,
                        feed,
                        resource,
                        api_of(context, source).settings(feed),
                        approve=approved.get((feed.name, resource)),
                    )
                except MlsAssetsError as error:
                    context.log.warning(f"{feed.name} {resource}: {error}")
                    # the download fails for itself; what can be swept is swept in its own time
                    is_early = isinstance(error, NotDownloaded)
                    (passed_over if is_early else troubles).append(StepError.of(error))
                    continue
                swept.append(done)
                if done.notes:
                    context.log.warning(done.notes)
            tell_of_source(context, workspace, feed.name, feed, troubles, served=bool(swept))
            if not swept:
                raise failure([*troubles, *passed_over])
            yield dg.MaterializeResult(
                asset_key=keys_asset,
                metadata={
                    "keys": sum(entry.keys for entry in swept),
                    "pages": sum(entry.pages for entry in swept),
                    "void": sum(bool(entry.void) for entry in swept),
                    **{f"keys {entry.resource}": entry.keys for entry in swept},
                    "sweeps": [asdict(entry) for entry in swept],
                    "troubles": [asdict(trouble) for trouble in troubles],
                    EXIT_CODE: first_exit_code(trouble.exit_code for trouble in passed_over),
                    "explanation": " ".join(trouble.text for trouble in passed_over),
                },
            )
            yield _proven(keys_asset, swept, [*troubles, *passed_over])

    return [land_pages, prove_keys]


def _proven(asset: str, swept: list[SweptKeys], troubles: list[StepError]) -> dg.AssetCheckResult:
    reasons = [f"{entry.resource}: {entry.void}" for entry in swept if entry.void]
    reasons += [trouble.text for trouble in troubles]
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name="sweep_proven",
        passed=not reasons,
        description=proof_in_words(len(swept), reasons),
        metadata={
            **of_feed(entry.feed for entry in swept),
            "proven": len(swept) - sum(bool(entry.void) for entry in swept),
            "void": len(reasons),
        },
    )
