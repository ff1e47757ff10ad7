"""Dagster's own folder and the bookkeeping of runs in it: dead ones, old ones, those in flight.

Only Dagster is asked here, never the warehouse or a source.
"""

import os
import socket
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from mls_assets.passes.site import data_folder
from mls_assets.warehouse.locks import KernelLock

#: Marks a run that lives in the process of a verb; its value is the host's name.
VERB_TAG = "mls_assets/verb_on"
PARTITION_TAG = "dagster/partition"
#: Tags of ours: whose feed a run is, what it does (`mls_assets.jobs`), and why a sensor asked.
FEED_TAG, MODE_TAG, BECAUSE_TAG = "mls_assets/feed", "mls_assets/mode", "mls_assets/because"
#: A run that writes a whole file anew; `dagster.yaml` lets in one at a time.
FILE_TAG = "mls_assets/file"

IN_FLIGHT = (
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
)
FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
#: Making Dagster's storage takes a second; a lock that is held for longer is not waited for.
_STORAGE_SECONDS = 30.0
_SETTLING_SECONDS = 2.0
#: The runs that this process works on.
_LIVING_HERE: set[str] = set()
#: So long, and so many of each job and feed, finished runs are kept.
RUNS_KEPT_FOR = timedelta(days=14)
RUNS_KEPT = 20


def make_dagster_home(home: Path) -> Path:
    """Make Dagster's folder with the project's dagster.yaml; an existing one stays as it is."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(files("mls_assets").joinpath("dagster.yaml").read_text("utf-8"), "utf-8")
    return home


def dagster_home(environ: MutableMapping[str, str] | None = None) -> Path:
    """Return Dagster's folder and see to it that it exists and that DAGSTER_HOME names it.

    A DAGSTER_HOME that is set is used as given; else it is `dagster_home` in the data folder.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("DAGSTER_HOME", "").strip()
    if given:
        home = Path(given).expanduser().resolve()
        home.mkdir(parents=True, exist_ok=True)
    else:
        home = make_dagster_home(data_folder(environ) / "dagster_home")
    environ["DAGSTER_HOME"] = str(home)
    return home


@contextmanager
def persistent_instance() -> Iterator[dg.DagsterInstance]:
    """Open the instance of `dagster_home`; one process at a time makes what it lacks.

    Two verbs that are the first to use a folder would otherwise make its SQLite files at once,
    and leave them broken for good.
    """
    making = KernelLock(dagster_home() / "storage.lock")
    making.acquire(wait=_STORAGE_SECONDS)
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(dg.DagsterInstance.get())
            # each storage of its own is made when it is first asked
            instance.get_runs_count()
            instance.all_asset_keys()
            instance.all_instigator_state()
        finally:
            making.release()
        yield instance


@contextmanager
def living_run(instance: dg.DagsterInstance, run_id: str) -> Iterator[dict[str, str]]:
    """Hold a lock that dies with this process while it works on a run; yields a verb's tags.

    Within itself it does nothing: a verb holds it around the run, and each run holds it while it
    has the warehouse.
    """
    tags = {VERB_TAG: socket.gethostname()}
    if run_id in _LIVING_HERE:
        yield tags
        return
    lock = _life_of(instance, run_id)
    # whoever looks whether it is held has it for an instant
    lock.acquire(wait=1.0)
    _LIVING_HERE.add(run_id)
    try:
        yield tags
    finally:
        _LIVING_HERE.discard(run_id)
        # before it is let go: a file that nobody holds is a run that died
        lock.path.unlink(missing_ok=True)
        lock.release()


def end_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose process on this host died without a word; return their ids.

    Dagster's own monitoring only sees that a run's process ends while the code server that
    started it lives on: after a power cut, or a killed code server, it sees nothing.
    """
    dead = [run for run in _of_verbs(instance) if _life_of(instance, run.run_id).holder() is None]
    for path in sorted(_lives(instance).glob("*.lock")):
        run = instance.get_run_by_id(path.stem)
        if KernelLock(path).holder() is None and _is_settled(path):
            dead += [run] if run else []
            path.unlink(missing_ok=True)
    ended = {run.run_id: run for run in dead if not run.is_finished}
    for run in ended.values():
        instance.report_run_failed(run, "The process of this run ended without a word.")
    return list(ended)


def _of_verbs(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    tags = {VERB_TAG: socket.gethostname()}
    return instance.get_runs(RunsFilter(statuses=[*IN_FLIGHT], tags=tags))


def _is_settled(path: Path) -> bool:
    # a lock is taken an instant after its file is made
    try:
        return time.time() - path.stat().st_mtime > _SETTLING_SECONDS
    except FileNotFoundError:
        return False


def run_in_flight(
    instance: dg.DagsterInstance, *, feed: str | None = None, job: str | None = None
) -> str | None:
    """Say which run works (or waits to work) on a feed or as a job, None if there is none."""
    records = instance.get_run_records(
        RunsFilter(
            job_name=job,
            statuses=list(IN_FLIGHT),
            tags={PARTITION_TAG: feed} if feed else None,
        ),
        limit=1,
    )
    if not records:
        return None
    run = records[0].dagster_run
    return f"run {run.run_id[:8]} ({run.job_name}) is in progress since {_since(records[0])}"


def drop_old_runs(instance: dg.DagsterInstance, *, now: datetime | None = None) -> int:
    """Drop finished runs older than two weeks; return how many.

    Kept are failures, the newest of each job and feed, and whatever is the newest
    materialisation of an asset or partition, for that is what its page and the sensors show.
    """
    before = (now or datetime.now(UTC)) - RUNS_KEPT_FOR
    keep = _newest_of_assets(instance)
    seen: dict[tuple[str, str], int] = {}
    dropped = 0
    finished = RunsFilter(statuses=[DagsterRunStatus.SUCCESS, DagsterRunStatus.CANCELED])
    for record in instance.get_run_records(finished):
        run = record.dagster_run
        kind = (run.job_name, run.tags.get(PARTITION_TAG, ""))
        seen[kind] = seen.get(kind, 0) + 1
        young = record.create_timestamp.astimezone(UTC) >= before
        if young or seen[kind] <= RUNS_KEPT or run.run_id in keep:
            continue
        instance.delete_run(run.run_id)
        dropped += 1
    return dropped


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


def _lives(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "living_runs"


def _life_of(instance: dg.DagsterInstance, run_id: str) -> KernelLock:
    return KernelLock(_lives(instance) / f"{run_id}.lock", run_id)


def _since(record: dg.RunRecord) -> str:
    began = record.create_timestamp
    if record.start_time:
        began = datetime.fromtimestamp(record.start_time, UTC)
    return f"{began.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
