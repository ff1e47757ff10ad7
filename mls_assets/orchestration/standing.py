"""Verdicts of checks that stand although their asset was materialised again.

Dagster shows a check as not evaluated once its asset is newer than its verdict. A replication
that brought nothing new materialises the same data; what was found of them still holds.
"""

from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

#: Under this name a repeated verdict says which run found it.
FOUND_BY = "found by run"


def repeat_verdicts(instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]) -> None:
    """Report the newest verdict of each check again, so far as it has one.

    The caller has made sure that nothing which they look at has changed since.
    """
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    for key, record in newest.items():
        found = record.evaluation
        tables = instance.fetch_materializations(key.asset_key, limit=1).records
        if found is None or not tables:
            continue
        metadata = {FOUND_BY: record.run_id, **found.metadata}
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=key.asset_key,
                check_name=key.name,
                passed=found.passed,
                severity=found.severity,
                description=found.description,
                blocking=found.blocking,
                metadata=metadata,
                # by its time alone a verdict of the same second would count as older
                target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                    storage_id=tables[0].storage_id,
                    run_id=tables[0].run_id,
                    timestamp=tables[0].timestamp,
                ),
            )
        )
