"""What fails now, as Dagster's records have it: jobs by feed, and checks by feed. Tells nobody."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mls_assets.errors import MlsAssetsError
from mls_assets.feeds import load_feeds
from mls_assets.instance import PARTITION_TAG
from mls_assets.running import OFFENDERS, plain_metadata
from mls_assets.sensors.memory import counts, failure_of

#: How many of each job's newest failures, of a feed's newest runs, and of each check's newest
#: executions are looked at in a tick.
_FAILURES, _RUNS, _EXECUTIONS = 200, 20, 50
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
_EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_CONFIGURATION = "configuration"
#: Characters of a reason; the run has the rest.
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is failing now. `name` is stable, so that its end is recognised.

    `offenders` are the feeds (or what else) that a check of many found wrong.
    """

    name: str
    severity: str
    text: str
    run_id: str = ""
    offenders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen to fail, by its name, and the names of what was seen to be well."""

    failing: dict[str, Wrong] = field(default_factory=dict)
    well: set[str] = field(default_factory=set)


def look(
    instance: dg.DagsterInstance,
    jobs: Collection[str],
    checks: Collection[dg.AssetCheckKey],
    told: Collection[str],
) -> Looked:
    """Look at each job's last finished run for each feed, and at what each check found last.

    A check that speaks of one feed (its metadata name it) is looked at for each by itself. What
    was `told` to be failing is looked up by its name, unless it is a check's: of that the newest
    executions alone are looked at.
    """
    found = Looked()
    _look_at_configuration(found)
    for job in jobs:
        _look_at_runs(instance, job, told, found)
    for key in checks:
        _look_at_results(instance, key, found)
    defined = {*(f"job {job}" for job in jobs), *(f"check {key.name}" for key in checks)}
    # what an upgrade took away cannot fail any more
    gone = {name for name in told if " ".join(name.split()[:2]) not in defined}
    found.well.update(gone - found.failing.keys())
    return found


def _look_at_configuration(found: Looked) -> None:
    # with a feeds file that cannot be read no sensor asks for a run, and so none fails
    try:
        load_feeds()
    except MlsAssetsError as error:
        found.failing[_CONFIGURATION] = Wrong(_CONFIGURATION, "error", _one_line(str(error)))
    else:
        found.well.add(_CONFIGURATION)


def _look_at_runs(
    instance: dg.DagsterInstance, job: str, told: Iterable[str], found: Looked
) -> None:
    failed = instance.get_runs(
        RunsFilter(job_name=job, statuses=[DagsterRunStatus.FAILURE]), limit=_FAILURES
    )
    of_failed = [run.tags.get(PARTITION_TAG, "") for run in failed]
    of_told = [name.split()[2:] for name in told if name.split()[:2] == ["job", job]]
    for feed in dict.fromkeys([*of_failed, *map(" ".join, of_told)]):
        last = _last_ended(instance, job, feed)
        name = f"job {job} {feed}".strip()
        # one that somebody started without choosing a feed is overtaken by any feed's
        of_it = last is not None and last.tags.get(PARTITION_TAG, "") == feed
        if last is not None and of_it and last.status is DagsterRunStatus.FAILURE:
            text = _one_line(failure_of(instance, last.run_id).text)
            found.failing[name] = Wrong(name, "error", text, last.run_id)
        else:
            found.well.add(name)


def _last_ended(instance: dg.DagsterInstance, job: str, feed: str) -> dg.DagsterRun | None:
    tags = {PARTITION_TAG: feed} if feed else None
    ended = instance.get_runs(RunsFilter(job_name=job, tags=tags, statuses=_ENDED), limit=_RUNS)
    return next((run for run in ended if counts(run)), None)


def _look_at_results(instance: dg.DagsterInstance, key: dg.AssetCheckKey, found: Looked) -> None:
    of_all = f"check {key.name}"
    seen: set[str] = set()
    for record in instance.event_log_storage.get_asset_check_execution_history(
        key, _EXECUTIONS, status=_EVALUATED
    ):
        result = record.evaluation
        if result is None:
            continue
        told = plain_metadata(result.metadata)
        offenders = _texts(told.get(OFFENDERS))
        feeds = _texts(told.get("feeds")) or (str(told.get("feed", "")),)
        for feed in feeds:
            name = f"{of_all} {feed}".strip()
            if name in seen:
                continue
            if result.passed or (len(feeds) > 1 and feed not in offenders):
                found.well.add(name)
                continue
            severity = "error" if result.severity is dg.AssetCheckSeverity.ERROR else "warning"
            text = _one_line(result.description)
            wrong = Wrong(name, severity, text, record.run_id, () if feed else offenders)
            found.failing[name] = wrong
        # before there is any feed's result there may be one that says so
        seen |= {of_all, *(f"{of_all} {feed}".strip() for feed in feeds)}
    if of_all in seen and of_all not in found.failing:
        found.well.add(of_all)


def _texts(value: object) -> tuple[str, ...]:
    # a check of somebody else may mean something else by the name
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _one_line(text: str | None) -> str:
    return " ".join((text or "no reason was told").split())[:_LONGEST]
