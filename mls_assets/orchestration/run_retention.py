"""What Dagster's own storage keeps of past runs; the rest is dropped once a day."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sql
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable as Executions
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from mls_assets.orchestration.dagster_home import FINISHED, PARTITION_TAG

#: So long finished runs are kept, failed ones longer.
KEPT_FOR = {
    DagsterRunStatus.SUCCESS: timedelta(days=14),
    DagsterRunStatus.CANCELED: timedelta(days=14),
    DagsterRunStatus.FAILURE: timedelta(days=90),
}
#: But not more than so many in all, and in any case so many of each job, feed and status.
AT_MOST, AT_LEAST = 10_000, 20
_A_STATEMENT = 500


def drop_old_runs(instance: dg.DagsterInstance, *, now: datetime | None = None) -> int:
    """Drop old finished runs with all that they left in Dagster's storage; return how many.

    Whatever is the newest materialisation of an asset or partition stays, and so does the newest
    result of each check, for that is what their pages and the sensors show.
    """
    now = now or datetime.now(UTC)
    keep = _newest_of_assets(instance)
    of_kind: dict[tuple[str, str, DagsterRunStatus], int] = {}
    kept, dropped = 0, []
    for record in instance.get_run_records(RunsFilter(statuses=FINISHED)):
        run = record.dagster_run
        kind = (run.job_name, run.tags.get(PARTITION_TAG, ""), run.status)
        of_kind[kind] = of_kind.get(kind, 0) + 1
        young = now - record.create_timestamp.astimezone(UTC) <= KEPT_FOR[run.status]
        wanted = of_kind[kind] <= AT_LEAST or run.run_id in keep
        if wanted or (young and kept < AT_MOST):
            kept += 1
        else:
            dropped.append(run.run_id)
    for start in range(0, len(dropped), _A_STATEMENT):
        some = dropped[start : start + _A_STATEMENT]
        # first: nobody would know any more whose they are
        _forget_results(instance, some)
        for run_id in some:
            instance.delete_run(run_id)
            _remove_shard(instance, run_id)
    return len(dropped)


def _newest_of_assets(instance: dg.DagsterInstance) -> set[str]:
    keep = set()
    for key in instance.all_asset_keys():
        newest = instance.get_latest_materialization_event(key)
        if newest is not None:
            keep.add(newest.run_id)
        for partition in instance.get_materialized_partitions(key):
            records = instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1
            ).records
            keep.update(record.run_id for record in records)
    return keep


def _remove_shard(instance: dg.DagsterInstance, run_id: str) -> None:
    """Remove the file of a run's events: with SQLite Dagster empties it, and leaves it there."""
    path_of = getattr(instance.event_log_storage, "path_for_shard", None)
    if path_of is not None:
        shard = Path(path_of(run_id))
        for path in (shard, *(shard.with_name(shard.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)


def _forget_results(instance: dg.DagsterInstance, runs: Collection[str]) -> None:
    """Drop what checks found in these runs, which Dagster leaves; the newest of each stays."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    columns = Executions.c
    newest = (
        sql.select(sql.func.max(columns.id))
        .where(columns.execution_status != AssetCheckExecutionRecordStatus.PLANNED.value)
        .group_by(columns.asset_key, columns.check_name)
    )
    with storage.index_connection() as con:
        kept = [row[0] for row in con.execute(newest)]
        of_runs = columns.run_id.in_(list(runs))
        con.execute(sql.delete(Executions).where(of_runs, columns.id.not_in(kept)))
