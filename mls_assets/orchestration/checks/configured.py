"""The check that everything which is stored is still asked for: what is not has to be erased."""

import dagster as dg

from mls_assets.configuration.feeds import load_feeds
from mls_assets.model.states import ReplicationState
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import OFFENDERS, failing
from mls_assets.replication.upkeep.unconfigured import children_unasked, unasked_of
from mls_assets.warehouse.landing import vanishing
from mls_assets.warehouse.removals import unasked


@dg.asset_check(
    asset="listings",
    description="Everything that is stored is configured: a feed, MLS, resource or relation that "
    "left the configuration is named with its remedy, for nobody updates or purges it any more. "
    "What a licence no longer covers has to be erased within 12 hours.",
)
def stored_is_configured(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Name what is stored and not asked for."""
    with failing():
        feeds = load_feeds()
        with warehouse.read() as con:
            found = unasked_of(feeds, unasked.holding(con), vanishing.vanished_feeds(con))
            relations = children_unasked(con, feeds)
    return dg.AssetCheckResult(
        passed=not found and not relations,
        # relations leave by themselves
        severity=dg.AssetCheckSeverity.ERROR if found else dg.AssetCheckSeverity.WARN,
        description=". ".join(map(str, (*found, *relations)))
        or "Everything that is stored is configured.",
        metadata={
            ReplicationState.UNCONFIGURED.value: sum(len(entry.resources) for entry in found),
            "relations": len(relations),
            OFFENDERS: [
                *(f"{entry.feed} {resource}" for entry in found for resource in entry.resources),
                *(text.partition(":")[0] for text in relations),
            ],
        },
    )
