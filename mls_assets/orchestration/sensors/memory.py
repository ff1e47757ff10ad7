"""What sensors read from Dagster's own records: runs and materialisations, never DuckDB."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus, RunsFilter

from mls_assets.errors import AccessLost
from mls_assets.orchestration.dagster_home import FINISHED, PARTITION_TAG, began_at, run_in_flight
from mls_assets.orchestration.running import EXIT_CODE, KIND, LANDED, plain_metadata
from mls_assets.orchestration.sensors.pacing import History, Landed

_LOOK_BACK = 20
_SILENT_END = "it ended without a word"
_WORDS = {
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.RUN_FAILURE,
}


def history(
    instance: dg.DagsterInstance, job: str, feed: str | None = None, *, queued_behind: bool = False
) -> History:
    """Return what became of a job's runs, for one feed where the job is partitioned.

    In flight is any job's run for the feed: two would wait for the same lock. With
    `queued_behind` only this job's own: its run is asked for although another works on the feed,
    and Dagster's queue, which runs one at a time for a feed, lets it follow.
    """
    found = instance.get_run_records(
        RunsFilter(job_name=job, statuses=FINISHED, tags={PARTITION_TAG: feed} if feed else None),
        limit=_LOOK_BACK,
    )
    records = [record for record in found if counts(record.dagster_run)]
    failures = 0
    for record in records:
        if record.dagster_run.status is not DagsterRunStatus.FAILURE:
            break
        failures += 1
    of_any = feed and not queued_behind
    in_flight = run_in_flight(instance, feed=feed, job=None if of_any else job)
    last_run_id = found[0].dagster_run.run_id if found else ""
    if not records:
        return History(in_flight, last_run_id=last_run_id)
    newest = records[0]
    told = failure_of_run(instance, newest.dagster_run.run_id) if failures else Failed("", 0)
    return History(
        in_flight,
        failures,
        told.exit_code,
        told.partly,
        newest.end_time or newest.update_timestamp.timestamp(),
        last_run_id,
        next((began_at(record) for record in records if _succeeded(record)), None),
    )


def _succeeded(record: dg.RunRecord) -> bool:
    return record.dagster_run.status is DagsterRunStatus.SUCCESS


def counts(run: dg.DagsterRun) -> bool:
    """Tell whether a finished run says anything about how its feed is.

    A dry run proves and mends nothing. An approval that failed is for whoever gave it: most were
    mistyped, or not needed any more.
    """
    ops: Any = run.run_config.get("ops", {})
    told = [op.get("config", {}) for op in ops.values()]
    dry = any(config.get("dry_run") for config in told)
    approved = any(config.get("approve") for config in told)
    return not dry and not (approved and run.status is DagsterRunStatus.FAILURE)


def landed(instance: dg.DagsterInstance, asset: str, feed: str) -> Landed | None:
    """Return a page asset's last materialisation for a feed, None if there is none."""
    found = last_metadata(instance, asset, feed)
    if found is None:
        return None
    at, told = found
    return Landed(
        at,
        told.get("cursor"),
        told.get("newest_modification"),
        # a resource that the feed is not configured for has nothing left to do
        bool(told.get("complete", told.get("kind") is None)),
    )


def last_metadata(
    instance: dg.DagsterInstance, asset: str, feed: str | None = None
) -> tuple[float, Mapping[str, Any]] | None:
    """Return when an asset (a feed's partition of it) was materialised last, and its metadata."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(
            asset_key=dg.AssetKey(asset), asset_partitions=[feed] if feed else None
        ),
        limit=1,
    ).records
    if not records:
        return None
    event = records[0].asset_materialization
    return records[0].timestamp, plain_metadata(event.metadata if event else {})


def instant_of(text: str | None) -> datetime | None:
    """Return an ISO 8601 text as an instant, None if it is none."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Failed:
    """What a failed run told: why, by which exit code, and whether some resources came through.

    `kinds` are the names of the typed errors that it met.
    """

    text: str
    exit_code: int = 1
    partly: bool = False
    kinds: frozenset[str] = frozenset()


def failure_of_run(instance: dg.DagsterInstance, run_id: str) -> Failed:
    """Return what a failed run told; exit code 1 if it died without a word."""
    records = instance.get_records_for_run(run_id, of_type=_WORDS).records
    # Dagster's own trouble, such as a code server out of reach, says more than that the run failed
    trouble = end = ""
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None:
            continue
        if event.is_run_failure:
            end = event.message or ""
        elif event.is_engine_event:
            trouble = (event.message or "") if event.engine_event_data.error else trouble
        elif event.is_step_failure:
            failed = event.step_failure_data.user_failure_data
            told = plain_metadata(failed.metadata) if failed else {}
            if failed and EXIT_CODE in told:
                text = failed.description or _SILENT_END
                kinds = frozenset(str(told.get(KIND, "")).split(", "))
                return Failed(text, int(told[EXIT_CODE]), bool(told.get(LANDED)), kinds)
    return Failed(trouble or end or _SILENT_END)


def lost_access(instance: dg.DagsterInstance, job: str, feed: str) -> bool:
    """Tell whether the last run of a job for a feed failed because access to it has ended."""
    found = instance.get_runs(
        RunsFilter(job_name=job, statuses=FINISHED, tags={PARTITION_TAG: feed}), limit=1
    )
    if not found or found[0].status is not DagsterRunStatus.FAILURE:
        return False
    for record in instance.get_records_for_run(found[0].run_id, of_type=_WORDS).records:
        event = record.event_log_entry.dagster_event
        failed = (
            event.step_failure_data.user_failure_data if event and event.is_step_failure else None
        )
        if failed and AccessLost.__name__ in str(plain_metadata(failed.metadata).get(KIND)):
            return True
    return False
