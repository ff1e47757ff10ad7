"""What Dagster shows as assets, one module a group. Each asset reads like a recipe of passes.

No SQL, no HTTP and no decision about data belongs here.
"""

import dagster as dg

from mls_assets.configuration.feeds import Feeds
from mls_assets.orchestration.assets.compliance import deletion_ledger, sweeps
from mls_assets.orchestration.assets.decisions import purge_approve, spark_purge_plan
from mls_assets.orchestration.assets.forge import forge_pages
from mls_assets.orchestration.assets.maintenance import compact
from mls_assets.orchestration.assets.published import published_database
from mls_assets.orchestration.assets.reso import reso
from mls_assets.orchestration.assets.spark import spark_assets


def all_assets(feeds: Feeds) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Return every asset, with a partition for each configured Spark feed."""
    return [
        *spark_assets(feeds),
        forge_pages,
        reso,
        sweeps,
        deletion_ledger,
        published_database,
    ]


#: Jobs of steps that are no assets.
OP_JOBS = (spark_purge_plan, purge_approve, compact)

__all__ = ["OP_JOBS", "all_assets"]
