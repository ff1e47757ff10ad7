"""The check that names what a source declares otherwise than before: it warns and never stops."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.running import failing
from mls_assets.warehouse.landing import vocabulary

#: For how many days a change is told.
DAYS = 7
_NAMED = 20


@dg.asset_check(
    asset="listings",
    description="Sources declare the fields that they declared before: a warning for "
    f"{DAYS} days names those that came, went or changed their type. New fields are in "
    "local_fields meanwhile, and nothing stops.",
)
def fields_drift(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Name the fields that changed lately."""
    with failing(), warehouse.read() as con:
        found = vocabulary.drift(con, datetime.now(UTC) - timedelta(days=DAYS))
    text = "; ".join(
        f"{feed} {resource}.{field} {what} ({how})"
        for feed, resource, field, what, how in found[:_NAMED]
    )
    if len(found) > _NAMED:
        text += f"; and {len(found) - _NAMED:,} others"
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=text or "No source changed the fields that it declares.",
        metadata={
            what: sum(entry[3] == what for entry in found) for what in ("came", "went", "changed")
        },
    )
