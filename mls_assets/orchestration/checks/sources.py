"""The check that every source serves us; the sensors report it too, without a run."""

import dagster as dg

from mls_assets.configuration.feeds import load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import failing
from mls_assets.orchestration.source_alarms import CHECK, verdict
from mls_assets.replication.reporting.findings import Findings


@dg.asset_check(
    asset=CHECK.asset_key,
    name=CHECK.name,
    description="Every source takes our token and answers. Red as soon as a sensor or a run is "
    "refused, and until it is served again; what is stored stays meanwhile.",
)
def sources_answer(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Say what sensors and runs met last."""
    with failing():
        findings = Findings(warehouse.workspace("check").folder)
        try:
            return dg.AssetCheckResult(**verdict(findings.standing(load_feeds())))
        except ConfigurationError as error:
            return dg.AssetCheckResult(**verdict((), str(error)))
