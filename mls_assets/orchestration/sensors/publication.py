"""When the published file is written anew, and when the warehouse file is rewritten."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from mls_assets.model.resources import TABLE_OF_RESOURCE
from mls_assets.orchestration.dagster_home import BECAUSE_TAG, end_dead_runs
from mls_assets.orchestration.jobs import run_config
from mls_assets.orchestration.running import plain_metadata
from mls_assets.orchestration.sensors.memory import history, last_metadata
from mls_assets.orchestration.sensors.pacing import reason_to_wait
from mls_assets.orchestration.sensors.ticking import FILE_PATIENCE
from mls_assets.replication.reporting.findings import FindingKind, Findings
from mls_assets.replication.workspace import data_folder

#: At most so often a new file is written for readers (seconds).
PUBLISH_SECONDS = 300
#: At least so often it is looked whether there is anything to publish, whatever runs have told.
LOOK_SECONDS = 3600

_PUBLISHED = "published_database"
#: Assets whose materialisation changes what readers see; the tables only if rows were written.
_ALWAYS_NEW = ("deletion_ledger", "sweeps")


def publication_sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """Return the sensor of the published file."""

    @dg.sensor(
        name="publish_sensor",
        job_name="publish",
        minimum_interval_seconds=60,
        default_status=status,
        description="Requests a publication when a run has written or removed rows since the "
        "last one, or broke off, at most every 5 minutes; once an hour it looks in any case.",
    )
    def publish_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance = context.instance
        end_dead_runs(instance, launched_here=True)
        past = history(instance, "publish")
        waiting = reason_to_wait(past, time.time())
        if waiting:
            return skipped(context, waiting)
        published = last_metadata(instance, _PUBLISHED)
        since = published[0] if published else None
        # a run that found nothing new to publish answers for all that was told before it
        asked = max(filter(None, (since, past.done_at)), default=None)
        changed = sorted(changed_assets(instance, asked)) or refused_since(asked)
        changed = changed or broken_off(instance, asked)
        if not changed:
            return skipped(context, "nothing changed since the last publication")
        if asked is not None and time.time() - asked < PUBLISH_SECONDS:
            return skipped(context, "the last publication is not five minutes old")
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=past.run_key,
                    run_config=run_config(
                        "publish", only_if_changed=True, file_patience=FILE_PATIENCE
                    ),
                    tags={BECAUSE_TAG: f"changed: {', '.join(changed)}"},
                )
            ]
        )

    return [publish_sensor]


def skipped(context: dg.SensorEvaluationContext, reason: str) -> dg.SensorResult:
    """Ask for no run, and say why where a person looks: beside the tick, and in its log."""
    context.log.info(reason)
    return dg.SensorResult(skip_reason=reason)


def refused_since(since: float | None) -> list[str]:
    """Say whether a token was refused, or taken again, since a time: readers see it in `feeds`.

    Before the first publication there are no readers.
    """
    if since is None:
        return []
    refusals = [one for one in Findings(data_folder()).all() if one.kind is FindingKind.REFUSED]
    moved = any((one.ended_at or one.since).timestamp() > since for one in refusals)
    return ["whose token is refused"] if moved else []


def broken_off(instance: dg.DagsterInstance, since: float | None) -> list[str]:
    """Say why to look for changes that no event tells of.

    A run that broke off may have removed something first, and a killed one tells nothing at all;
    so after a failure, and once in an hour, it is looked whether there is anything to publish.
    """
    if since is None:
        return []
    if time.time() - since >= LOOK_SECONDS:
        return ["an hour has passed"]
    # Dagster's storage may know whole seconds only
    after = datetime.fromtimestamp(since - 1, UTC)
    failed = RunsFilter(statuses=[DagsterRunStatus.FAILURE], updated_after=after)
    return ["a run broke off"] if instance.get_runs(failed, limit=1) else []


def changed_assets(instance: dg.DagsterInstance, since: float | None) -> Iterable[str]:
    """Yield the assets that runs have changed since a time (seconds since 1970), or ever."""
    for asset in (*TABLE_OF_RESOURCE.values(), *_ALWAYS_NEW):
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), after_timestamp=since), limit=50
        ).records
        for record in records:
            event = record.asset_materialization
            told = plain_metadata(event.metadata) if event else {}
            if asset in _ALWAYS_NEW or any(
                told[name] for name in told if name.startswith("written ")
            ):
                yield asset
                break


def compaction_schedule(status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Return the schedule of the daily compaction, at an hour when few listings change."""
    return dg.ScheduleDefinition(
        name="daily_compaction",
        job_name="compact",
        run_config=run_config("compact", file_patience=FILE_PATIENCE),
        cron_schedule="40 9 * * *",
        execution_timezone="UTC",
        default_status=status,
        description="Rewrites the warehouse file once a day, so that what was removed leaves its "
        "free space too.",
    )
