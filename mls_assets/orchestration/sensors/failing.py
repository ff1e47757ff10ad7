"""What fails now, as Dagster's records have it: jobs by feed, and checks by feed. Tells nobody."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mls_assets.configuration.feeds import load_feeds
from mls_assets.errors import MlsAssetsError
from mls_assets.orchestration.dagster_home import PARTITION_TAG
from mls_assets.orchestration.running import OFFENDERS, plain_metadata
from mls_assets.orchestration.sensors.memory import Failed, counts, failure_of_run
from mls_assets.orchestration.source_alarms import CHECK
from mls_assets.replication.reporting.findings import FINDING_KINDS, Finding, Findings, by_cause
from mls_assets.replication.workspace import data_folder

#: How many of each job's newest failures, of a feed's newest runs, and of each check's newest
#: executions are looked at in a tick.
_FAILURES, _RUNS, _EXECUTIONS = 200, 20, 50
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
_EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_TICKED = [TickStatus.SUCCESS, TickStatus.SKIPPED, TickStatus.FAILURE]
_CONFIGURATION, _SOURCE, _SENSOR = "configuration", "source ", "sensor "
#: Characters of a reason; the run has the rest.
_LONGEST = 2_000


@dataclass(frozen=True, slots=True)
class OpenFailure:
    """Something that is failing now. `name` is stable, so that its end is recognised.

    `offenders` are the feeds (or what else) that a check of many found wrong.
    """

    name: str
    severity: str
    text: str
    run_id: str = ""
    offenders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen to fail, by its name, and the names of what was seen to be well."""

    failing: dict[str, OpenFailure] = field(default_factory=dict)
    well: set[str] = field(default_factory=set)


def observe(
    instance: dg.DagsterInstance,
    jobs: Collection[str],
    checks: Collection[dg.AssetCheckKey],
    told: Collection[str],
    ticking: Collection[str] | None = None,
) -> Observation:
    """Look at each job's last finished run for each feed, and at what each check found last.

    `ticking` are the sensors and schedules that there are (None: all that have ticked). A check
    that speaks of one feed (its metadata name it) is looked at for each by itself. What
    was `told` to be failing is looked up by its name, unless it is a check's: of that the newest
    executions alone are looked at.
    """
    found = Observation()
    findings = Findings(data_folder()).all()
    _look_at_configuration(found, findings, told)
    for job in jobs:
        _look_at_runs(instance, job, told, found, findings)
    _look_at_ticks(instance, ticking, found)
    for key in checks:
        if key != CHECK:  # what is behind it is looked at by its cause
            _look_at_results(instance, key, found)
    defined = {*(f"job {job}" for job in jobs), *(f"check {key.name}" for key in checks)}
    # what an upgrade took away cannot fail any more
    gone = {
        name
        for name in told
        if not name.startswith((_SOURCE, _SENSOR)) and " ".join(name.split()[:2]) not in defined
    }
    found.well.update(gone - found.failing.keys())
    return found


def _look_at_configuration(
    found: Observation, findings: Sequence[Finding], told: Collection[str]
) -> None:
    # with a feeds file that cannot be read no sensor asks for a run, and so none fails
    try:
        feeds = load_feeds()
    except MlsAssetsError as error:
        found.failing[_CONFIGURATION] = OpenFailure(_CONFIGURATION, "error", _one_line(str(error)))
        return
    found.well.add(_CONFIGURATION)
    # one message a cause: a token or a host may serve hundreds of feeds
    standing = by_cause(one for one in findings if one.ended_at is None and one.is_asked_for(feeds))
    for cause, line in standing.items():
        name = f"{_SOURCE}{cause}"
        found.failing[name] = OpenFailure(name, "error", _one_line(line))
    found.well.update(
        name for name in told if name.startswith(_SOURCE) and name not in found.failing
    )


def _look_at_ticks(
    instance: dg.DagsterInstance, ticking: Collection[str] | None, found: Observation
) -> None:
    # a tick that ends in an error, or is not over in time, asks for nothing and forgets everything
    for state in instance.all_instigator_state() if instance.schedule_storage else ():
        name = f"{_SENSOR}{state.instigator_name}"
        taken_away = ticking is not None and state.instigator_name not in ticking
        if state.status is InstigatorStatus.STOPPED or taken_away:
            # what a person stopped, or an upgrade took away, fails no more
            found.well.add(name)
            continue
        ended = instance.get_ticks(
            state.instigator_origin_id, state.selector_id, limit=1, statuses=_TICKED
        )
        if ended and ended[0].status is TickStatus.FAILURE:
            kind = ended[0].error.cls_name if ended[0].error else None
            text = f"its last tick ended in an error ({kind or 'no reason was told'}); see the tick"
            found.failing[name] = OpenFailure(name, "error", text)
        else:
            found.well.add(name)


def _look_at_runs(
    instance: dg.DagsterInstance,
    job: str,
    told: Iterable[str],
    found: Observation,
    findings: Sequence[Finding],
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
            failed_by = failure_of_run(instance, last.run_id)
            if not _is_told_by_cause(instance, last, feed, failed_by, findings):
                text = _one_line(failed_by.text)
                found.failing[name] = OpenFailure(name, "error", text, last.run_id)
        else:
            found.well.add(name)


def _is_told_by_cause(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    feed: str,
    failed: Failed,
    findings: Sequence[Finding],
) -> bool:
    """Tell whether a run failed by nothing else than what is told of its source, or was.

    When the source serves us again the run has not succeeded yet, but is no trouble any more.
    """
    if not failed.kinds or not failed.kinds <= FINDING_KINDS.keys():
        return False
    record = instance.get_run_record_by_id(run.run_id)
    ended = (record.end_time if record else None) or 0.0
    return all(
        any(
            one.covers(feed)
            and one.kind is FINDING_KINDS[kind]
            and (one.ended_at is None or ended <= one.ended_at.timestamp())
            for one in findings
        )
        for kind in failed.kinds
    )


def _last_ended(instance: dg.DagsterInstance, job: str, feed: str) -> dg.DagsterRun | None:
    tags = {PARTITION_TAG: feed} if feed else None
    ended = instance.get_runs(RunsFilter(job_name=job, tags=tags, statuses=_ENDED), limit=_RUNS)
    return next((run for run in ended if counts(run)), None)


def _look_at_results(
    instance: dg.DagsterInstance, key: dg.AssetCheckKey, found: Observation
) -> None:
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
            wrong = OpenFailure(name, severity, text, record.run_id, () if feed else offenders)
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
