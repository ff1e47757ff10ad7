"""The assets of group `reso`: the seven RESO tables, normalised together from what landed."""

from collections.abc import Iterator, Sequence

import dagster as dg
from pydantic import Field

from mls_assets.model.resources import RESOURCE_OF_TABLE, Resource
from mls_assets.orchestration.assets.describing import (
    FRESH,
    OWNERS,
    table_metadata,
    table_versions,
    tables_metadata,
)
from mls_assets.orchestration.jobs import OF_PUBLICATIONS
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import Narrator, failing
from mls_assets.orchestration.standing import repeat_verdicts
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.upkeep.publish import is_published
from mls_assets.reso import RESO_TABLES
from mls_assets.sources.source import Source


class ResoConfig(dg.Config):
    """What normalising may be told."""

    from_raw: bool = Field(
        default=False,
        description="Normalise again everything that ever landed, such as for a newer dictionary; "
        "the sources are not asked.",
    )


def _deps(sources: Sequence[Source], resource: Resource) -> list[str]:
    """Return the assets of raw pages from which rows of a resource come."""
    return [
        source.pages_asset(Resource.PROPERTY if resource in source.inside_listings else resource)
        for source in sources
        if resource in source.resources or resource in source.inside_listings
    ]


def reso_assets(sources: Sequence[Source]) -> dg.AssetsDefinition:
    """Return the RESO tables, downstream of the raw pages of these sources."""

    @dg.multi_asset(
        name="reso",
        can_subset=True,
        specs=[
            dg.AssetSpec(
                name,
                group_name="reso",
                kinds={"polars", "duckdb"},
                owners=OWNERS,
                deps=_deps(sources, RESOURCE_OF_TABLE[name]),
                description=f"One row per {table.grain}, with RESO's own names and Data Dictionary "
                "2.0 types. What a field cannot hold exactly is NULL here and a row in "
                "rejected_values.",
                metadata=table_metadata(table),
                freshness_policy=FRESH,
            )
            for name, table in RESO_TABLES.items()
        ],
    )
    def reso(
        context: dg.AssetExecutionContext, config: ResoConfig, warehouse: MlsWarehouse
    ) -> Iterator[dg.MaterializeResult]:
        """Normalise everything that waits: of the run's feed, or of all feeds without a
        partition."""
        with failing():
            workspace = warehouse.workspace(context.run.run_id, Narrator(context.log.info))
            feed = context.partition_key if context.has_partition_key else None
            done = normalise_landed(workspace, [feed] if feed else None, from_raw=config.from_raw)
            if done.busy:
                context.log.warning(
                    f"{len(done.busy):,} feeds are being worked on ({', '.join(done.busy[:5])}). "
                    "The "
                    "runs that have them, or their next ones, normalise them."
                )
            versions = table_versions(workspace)
            for name, metadata in tables_metadata(workspace, done, feed).items():
                if dg.AssetKey(name) in context.selected_asset_keys:
                    yield dg.MaterializeResult(
                        asset_key=name, metadata=metadata, data_version=versions[name]
                    )
            if is_published(workspace):
                repeat_verdicts(context.instance, context.run, OF_PUBLICATIONS, RESO_TABLES)

    return reso
