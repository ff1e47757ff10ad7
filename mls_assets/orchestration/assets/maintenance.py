"""The job `compact`: rewriting the warehouse, and dropping old runs. It materialises no asset."""

import dagster as dg

from mls_assets.orchestration.assets.describing import as_tag, ledger_version
from mls_assets.orchestration.assets.published import PUBLICATION_POOL
from mls_assets.orchestration.dagster_home import FILE_TAG, MODE_TAG
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.run_retention import AT_MOST, drop_old_runs
from mls_assets.orchestration.running import Narrator, failing
from mls_assets.replication.upkeep.compact import compact_warehouse as compact_warehouse


@dg.op(
    pool=PUBLICATION_POOL,
    out=dg.Out(dg.Nothing),
    description="Rewrites the warehouse file without the free space in which removed content can "
    "linger, and enters in the ledger that its bytes are gone.",
)
def rewrite_warehouse(context: dg.OpExecutionContext, warehouse: MlsWarehouse) -> None:
    """Compact, and tell the ledger's page what has left the file."""
    with failing():
        workspace = warehouse.workspace(context.run.run_id, Narrator(context.log.info))
        done = compact_warehouse(workspace)
        if done.scrubbed:
            context.log_event(
                dg.AssetMaterialization(
                    "deletion_ledger",
                    metadata={
                        "scrubbed": done.scrubbed,
                        "bytes_before": done.bytes_before,
                        "bytes_after": done.bytes_after,
                    },
                    tags=as_tag(ledger_version(workspace)),
                )
            )
        context.log.info(
            f"{done.bytes_before:,} bytes became {done.bytes_after:,}; {done.scrubbed:,} removed "
            "keys have left the file."
        )


@dg.op(
    ins={"rewritten": dg.In(dg.Nothing)},
    # for the lock that tells that its run lives, when it is repeated alone
    required_resource_keys={"warehouse"},
    out=dg.Out(dg.Nothing),
    description="Drops finished runs older than two weeks, failed ones after 90 days, and the "
    f"oldest beyond {AT_MOST:,}; but not what asset pages and sensors go by.",
)
def forget_old_runs(context: dg.OpExecutionContext) -> None:
    """Keep Dagster's own storage from growing without bound."""
    with failing():
        context.log.info(f"{drop_old_runs(context.instance):,} old runs dropped.")


@dg.job(
    tags={MODE_TAG: "compact", FILE_TAG: "whole"},
    description="Rewrites the warehouse without the bytes of what was removed, and drops old runs.",
)
def compact() -> None:
    """Rewrite first: what that tells belongs to a run that is kept."""
    forget_old_runs(rewrite_warehouse())
