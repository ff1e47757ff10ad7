"""Dagster's own folder and the bookkeeping of runs in it: living ones, dead ones, those in flight.

Only Dagster is asked here, never the warehouse or a source.
"""

import os
import socket
import time
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from mls_assets.errors import ConfigurationError
from mls_assets.replication.workspace import data_folder
from mls_assets.warehouse.storage.locks import KernelLock

#: Marks a run that lives in the process of a verb; its value is the host's name.
VERB_TAG = "mls_assets/verb_on"
PARTITION_TAG = "dagster/partition"
#: Tags of ours: whose feed a run is, what it does (see `jobs`), and why a sensor asked.
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
#: Since when runs have been seen without their lock (by this process's clock), and for how many
#: seconds a living one may be: it is some hundredths of one at its beginning and at its end.
_SILENT_SINCE: dict[str, float] = {}
_SILENT_SECONDS = 60.0
#: The runs that this process works on.
_LIVING_HERE: set[str] = set()


def make_dagster_home(home: Path) -> Path:
    """Make Dagster's folder with the project's dagster.yaml; an existing one stays as it is."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(files("mls_assets").joinpath("dagster.yaml").read_text("utf-8"), "utf-8")
    return home


def dagster_home(environ: MutableMapping[str, str] | None = None) -> Path:
    """Return Dagster's folder and see to it that it exists and that DAGSTER_HOME names it.

    A DAGSTER_HOME that is set is used as given, but that one without settings gets the project's:
    Dagster's own know no limits and would send telemetry. Else it is `dagster_home` in the data
    folder. Raises ConfigurationError when the folder cannot be made or written.
    """
    environ = os.environ if environ is None else environ
    given = environ.get("DAGSTER_HOME", "").strip()
    home = Path(given).expanduser().resolve() if given else data_folder(environ) / "dagster_home"
    try:
        make_dagster_home(home)
    except OSError as error:
        raise ConfigurationError(
            f"Dagster's folder {home} cannot be made or written ({error.strerror}). Nothing was "
            "done; set DAGSTER_HOME to a folder of yours, or unset it."
        ) from None
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


def partition_problem(feed: str) -> str:
    """Say why Dagster takes no partition of this name; empty if it takes it."""
    try:
        dg.StaticPartitionsDefinition([feed])
    except dg.DagsterInvalidDefinitionError as error:
        return f"Dagster takes no partition of this name ({error}), so it cannot be replicated"
    return ""


def end_dead_runs(instance: dg.DagsterInstance, *, launched_here: bool = False) -> list[str]:
    """Mark runs as failed whose process on this host died without a word; return their ids.

    Dagster's own monitoring only sees that a run's process ends while the code server that
    started it lives on: after a power cut, or a killed code server, it sees nothing. A sensor is
    evaluated where runs are `launched_here`, so there also those are found that died before they
    took their lock.
    """
    left = [
        path
        for path in sorted(_lives(instance).glob("*.lock"))
        if KernelLock(path).holder() is None and _is_settled(path)
    ]
    dead = [path.stem for path in left]
    verbs = (run.run_id for run in _of_verbs(instance))
    dead += [run_id for run_id in verbs if _life_of(instance, run_id).holder() is None]
    dead += _silent(instance) if launched_here else []
    ended = []
    for run_id in dict.fromkeys(dead):
        # looked at only now: a verb tells its end before it lets go of its lock
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run, "The process of this run ended without a word.")
            ended.append(run_id)
    for path in left:
        path.unlink(missing_ok=True)
    return ended


def _silent(instance: dg.DagsterInstance) -> list[str]:
    """Return the started runs of our jobs that have had no lock for a while.

    A run takes it just after Dagster calls it started, and lets go just before Dagster calls it
    successful, so one look proves nothing. None where Dagster's launcher watches its runs itself:
    those may live on another host.
    """
    if instance.run_launcher.supports_check_run_worker_health:
        return []
    silent = {
        run.run_id
        for run in instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED]))
        if MODE_TAG in run.tags
        and VERB_TAG not in run.tags
        and _life_of(instance, run.run_id).holder() is None
    }
    # several sensors look at once, each in a thread
    for run_id in set(_SILENT_SINCE) - silent:
        _SILENT_SINCE.pop(run_id, None)
    now = time.monotonic()
    since = {run_id: _SILENT_SINCE.setdefault(run_id, now) for run_id in silent}
    return [run_id for run_id in silent if now - since[run_id] >= _SILENT_SECONDS]


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


def _lives(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "living_runs"


def _life_of(instance: dg.DagsterInstance, run_id: str) -> KernelLock:
    return KernelLock(_lives(instance) / f"{run_id}.lock", run_id)


def began_at(record: dg.RunRecord) -> float:
    """Return when a run began, or was made if it has not (seconds since 1970)."""
    return record.start_time or record.create_timestamp.timestamp()


def _since(record: dg.RunRecord) -> str:
    return f"{datetime.fromtimestamp(began_at(record), UTC):%Y-%m-%d %H:%M:%S} UTC"
