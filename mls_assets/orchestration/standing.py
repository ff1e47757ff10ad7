"""Verdicts of checks that stand although their asset was materialised again.

Dagster shows a check as not evaluated once its asset is newer than its verdict. A replication
that brought nothing new materialises the same data; what was found of them still holds.
"""

from collections.abc import Collection, Iterable

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)

#: Where Dagster keeps the data version of a materialisation.
VERSION_TAG = "dagster/data_version"
#: Under this name a repeated verdict says which run found it.
FOUND_BY = "found by run"


def repeat_verdicts(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    checks: Iterable[dg.AssetCheckKey],
    tables: Collection[str],
) -> None:
    """Tell in a run's log the newest verdict of each check again, if it is of what is stored now.

    It is not where one of `tables` has another version than when the verdict was given: a run may
    have come between the checks of a publication and its writing. The caller has made sure that
    nothing has changed since the publication. What a run told is dropped with the run.
    """
    newest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(checks))
    now = _versions(instance, tables)
    for key, record in newest.items():
        found, event = record.evaluation, record.event
        about = instance.fetch_materializations(key.asset_key, limit=1).records
        if found is None or event is None or not about:
            continue
        if _versions(instance, tables, before=event.timestamp) != now:
            continue
        again = dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=found.passed,
            severity=found.severity,
            description=found.description,
            blocking=found.blocking,
            metadata={FOUND_BY: record.run_id, **found.metadata},
            # by its time alone a verdict of the same second would count as older
            target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
                storage_id=about[0].storage_id,
                run_id=about[0].run_id,
                timestamp=about[0].timestamp,
            ),
        )
        instance.report_dagster_event(
            dg.DagsterEvent(
                event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
                job_name=run.job_name,
                event_specific_data=again,
            ),
            run.run_id,
        )


def _versions(
    instance: dg.DagsterInstance, tables: Collection[str], *, before: float | None = None
) -> dict[str, str | None]:
    """Return the version that each table has, or had at a time (seconds since 1970)."""
    found: dict[str, str | None] = {}
    for table in tables:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(table), before_timestamp=before)
        for record in instance.fetch_materializations(wanted, limit=1).records:
            told = record.asset_materialization
            found[table] = (told.tags or {}).get(VERSION_TAG) if told else None
    return found
