"""Telling a person what is wrong: failed runs and red checks, once each, and that it is over.

What is failing now follows from Dagster's records alone; what was told stands in the sensor's
cursor. How a message leaves the machine is the business of `hook`.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mls_assets.errors import ConfigurationError
from mls_assets.instance import PARTITION_TAG
from mls_assets.running import OFFENDERS, plain_metadata
from mls_assets.sensors.hook import HOOK_VARIABLE, Hook, HookFailed, hook_from_environment
from mls_assets.sensors.memory import failure_of

#: Of each job's newest failures, and of each check's executions, how many are looked at: enough
#: to find the last one of every feed.
_RUNS, _EXECUTIONS = 200, 50
_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
_EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
#: Characters of a reason; the run has the rest.
_LONGEST = 2_000
#: Seconds in which messages go out; Dagster gives a tick sixty, and forgets its cursor then.
_SECONDS_A_TICK = 30.0


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
class Message:
    """One message: `state` is `failing` or `recovered`."""

    state: str
    about: Wrong

    def as_json(self, now: datetime) -> str:
        """Return what a hook is handed; its `text` says it all in one line."""
        told = {
            "name": self.about.name,
            "state": self.state,
            "severity": self.about.severity,
            "text": f"{self.about.name}: {self.about.text}",
            "run_id": self.about.run_id,
            "at": now.isoformat(timespec="seconds"),
        }
        return json.dumps(told, ensure_ascii=False)


#: What was told to be failing: by its name the severity, and then the offenders.
Told = Mapping[str, Sequence[str]]


def news(told: Told, failing: Mapping[str, Wrong]) -> list[Message]:
    """Return what has not been told yet. Pure.

    What changed its severity, or found another offender, is told again.
    """
    begun = [
        Message("failing", wrong)
        for name, wrong in failing.items()
        if name not in told
        or told[name][0] != wrong.severity
        or not set(wrong.offenders) <= set(told[name][1:])
    ]
    ended = [
        Message("recovered", Wrong(name, severity, "no longer failing"))
        for name, (severity, *_) in told.items()
        if name not in failing
    ]
    return [*begun, *ended]


def after(told: Told, message: Message) -> dict[str, Sequence[str]]:
    """Return what is told once a message has gone out. Pure."""
    about = message.about
    left = {name: entry for name, entry in told.items() if name != about.name}
    if message.state == "failing":
        left[about.name] = [about.severity, *about.offenders]
    return left


def alert_sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """Return the sensor that tells of failures; it starts no runs."""

    @dg.sensor(
        name="alert_sensor",
        minimum_interval_seconds=60,
        default_status=status,
        description="Tells the command or webhook that MLS_ASSETS_ALERT names of each job and "
        "check that began to fail or recovered, once; says nothing where none is named.",
    )
    def alert_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            hook = hook_from_environment()
        except ConfigurationError as error:
            return dg.SkipReason(str(error))
        if hook is None:
            return dg.SkipReason(f"{HOOK_VARIABLE} names no command and no webhook.")
        defined = context.repository_def
        checks = defined.asset_graph.asset_check_keys if defined else ()
        jobs = [job.name for job in defined.get_all_jobs()] if defined else []
        # a run that a person made of some assets is looked at by that person
        own = [job for job in jobs if not job.startswith("__")]
        failing = failing_now(context.instance, own, checks)
        told, text = _tell(hook, _read(context.cursor), failing)
        return dg.SensorResult(skip_reason=text, cursor=json.dumps(told, sort_keys=True))

    return [alert_sensor]


def _tell(hook: Hook, told: Told, failing: Mapping[str, Wrong]) -> tuple[Told, str]:
    """Send what is new; what could not be sent, or not in time, is sent at the next tick."""
    deadline = time.monotonic() + _SECONDS_A_TICK
    sent, waiting = 0, news(told, failing)
    trouble = ""
    for message in waiting:
        if time.monotonic() > deadline:
            break
        try:
            hook.send(message.as_json(datetime.now(UTC)))
        except HookFailed as error:
            trouble = f"{error} "
            break
        told, sent = after(told, message), sent + 1
    left = len(waiting) - sent
    return told, f"{trouble}{len(failing)} thing(s) are failing; {sent} message(s) sent" + (
        f", {left} wait" if left else ""
    )


def failing_now(
    instance: dg.DagsterInstance, jobs: Iterable[str], checks: Iterable[dg.AssetCheckKey]
) -> dict[str, Wrong]:
    """Return what fails now: jobs by feed whose last finished run failed, and red checks.

    A check that speaks of one feed (its metadata name it) is looked at for each by itself.
    """
    wrong = [*_failed_runs(instance, jobs), *_red_checks(instance, checks)]
    return {entry.name: entry for entry in wrong}


def _failed_runs(instance: dg.DagsterInstance, jobs: Iterable[str]) -> Iterator[Wrong]:
    for job in jobs:
        failed = instance.get_runs(
            RunsFilter(job_name=job, statuses=[DagsterRunStatus.FAILURE]), limit=_RUNS
        )
        for feed in dict.fromkeys(map(_feed_of, failed)):
            tags = {PARTITION_TAG: feed} if feed else None
            (last,) = instance.get_runs(
                RunsFilter(job_name=job, tags=tags, statuses=_ENDED), limit=1
            )
            if last.status is DagsterRunStatus.FAILURE and feed == _feed_of(last):
                text = failure_of(instance, last.run_id).text
                yield Wrong(f"job {job} {feed}".strip(), "error", _one_line(text), last.run_id)


def _feed_of(run: dg.DagsterRun) -> str:
    return run.tags.get(PARTITION_TAG, "")


def _red_checks(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> Iterator[Wrong]:
    for key in keys:
        seen: set[str] = set()
        for record in instance.event_log_storage.get_asset_check_execution_history(
            key, _EXECUTIONS, status=_EVALUATED
        ):
            found = record.evaluation
            feed = plain_metadata(found.metadata).get("feed", "") if found else ""
            name = f"check {key.name} {feed}".strip()
            if found is None or name in seen:
                continue
            seen.add(name)
            if not found.passed:
                severity = "error" if found.severity is dg.AssetCheckSeverity.ERROR else "warning"
                offenders = tuple(plain_metadata(found.metadata).get(OFFENDERS, ()))
                text = _one_line(found.description)
                yield Wrong(name, severity, text, record.run_id, offenders)


def _one_line(text: str | None) -> str:
    return " ".join((text or "no reason was told").split())[:_LONGEST]


def _read(cursor: str | None) -> dict[str, Sequence[str]]:
    try:
        told = json.loads(cursor or "{}")
        return {str(name): [str(word) for word in entry] for name, entry in told.items() if entry}
    except (ValueError, AttributeError, TypeError):
        return {}
