"""What Dagster shows as assets, one module a group. Each asset reads like a recipe of passes.

No SQL, no HTTP and no decision about data belongs here.
"""

from collections.abc import Sequence

import dagster as dg

from mls_assets.configuration.feeds import Feeds
from mls_assets.orchestration.assets.compliance import ledger_asset, sweeps_asset
from mls_assets.orchestration.assets.decisions import decision_jobs
from mls_assets.orchestration.assets.event_log import event_log_assets
from mls_assets.orchestration.assets.maintenance import compact
from mls_assets.orchestration.assets.published import published_database
from mls_assets.orchestration.assets.reso import reso_assets
from mls_assets.orchestration.assets.window import window_assets
from mls_assets.sources.source import Source


def all_assets(sources: Sequence[Source], feeds: Feeds) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Return every asset of these sources, with a partition for each configured feed."""
    swept = [source for source in sources if not source.has_event_log]
    return [
        *(asset for source in swept for asset in window_assets(source, feeds)),
        *(event_log_assets(source) for source in sources if source.has_event_log),
        reso_assets(sources),
        sweeps_asset(swept),
        ledger_asset(sources),
        published_database,
    ]


def op_jobs(sources: Sequence[Source]) -> list[dg.JobDefinition]:
    """Return the jobs of steps that are no assets."""
    return [*decision_jobs(sources), compact]


__all__ = ["all_assets", "op_jobs"]
