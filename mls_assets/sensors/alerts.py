"""Telling a person what is wrong: failed runs and red checks, once each, and that it is over.

What is failing now follows from Dagster's records alone; what was told stands in the sensor's
cursor. How a message leaves the machine is the business of `hook`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mls_assets.errors import ConfigurationError
from mls_assets.instance import FINISHED, PARTITION_TAG
from mls_assets.running import plain_metadata
from mls_assets.sensors.hook import HOOK_VARIABLE, Hook, HookFailed, hook_from_environment
from mls_assets.sensors.memory import failure_of

#: Of the newest finished runs, and of each check's executions, how many are looked at: enough to
#: find the last one of every feed.
_RUNS, _EXECUTIONS = 200, 50
_EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
#: Characters of a reason; the run has the rest.
_LONGEST = 2_000
#: Messages a tick, so that it ends in time however many there are.
_A_TICK = 20


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is failing now. `name` is stable, so that its end is recognised."""

    name: str
    severity: str
    text: str
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `state` is `failing` or `recovered`; `text` says it all in one line."""

    name: str
    state: str
    severity: str
    text: str
    run_id: str = ""

    def as_json(self, now: datetime) -> str:
        """Return what a hook is handed."""
        told = {
            "name": self.name,
            "state": self.state,
            "severity": self.severity,
            "text": self.text,
            "run_id": self.run_id,
            "at": now.isoformat(timespec="seconds"),
        }
        return json.dumps(told, ensure_ascii=False)


def news(told: Mapping[str, str], failing: Mapping[str, Wrong]) -> list[Message]:
    """Return what has not been told yet. Pure.

    `told` has the severity of all that was told to be failing; what grew worse (or better) is
    told again.
    """
    begun = [
        Message(wrong.name, "failing", wrong.severity, f"{name}: {wrong.text}", wrong.run_id)
        for name, wrong in failing.items()
        if told.get(name) != wrong.severity
    ]
    ended = [
        Message(name, "recovered", severity, f"{name}: no longer failing")
        for name, severity in told.items()
        if name not in failing
    ]
    return [*begun, *ended]


def after(told: Mapping[str, str], message: Message) -> dict[str, str]:
    """Return what is told once a message has gone out. Pure."""
    left = {name: severity for name, severity in told.items() if name != message.name}
    if message.state == "failing":
        left[message.name] = message.severity
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
        failing = failing_now(context.instance, checks)
        told, text = _tell(hook, _read(context.cursor), failing)
        return dg.SensorResult(skip_reason=text, cursor=json.dumps(told, sort_keys=True))

    return [alert_sensor]


def _tell(
    hook: Hook, told: Mapping[str, str], failing: Mapping[str, Wrong]
) -> tuple[Mapping[str, str], str]:
    """Send what is new; what could not be sent is sent at the next tick."""
    sent, waiting = 0, news(told, failing)
    for message in waiting[:_A_TICK]:
        try:
            hook.send(message.as_json(datetime.now(UTC)))
        except HookFailed as error:
            left = len(waiting) - sent
            return told, f"{error} {left} message(s) wait; {len(failing)} thing(s) are failing."
        told, sent = after(told, message), sent + 1
    return told, f"{len(failing)} thing(s) are failing; {sent} message(s) sent"


def failing_now(
    instance: dg.DagsterInstance, checks: Iterable[dg.AssetCheckKey]
) -> dict[str, Wrong]:
    """Return what fails now: jobs by feed whose last finished run failed, and red checks.

    A check that speaks of one feed (its metadata name it) is looked at for each by itself.
    """
    wrong = [*_failed_runs(instance), *_red_checks(instance, checks)]
    return {entry.name: entry for entry in wrong}


def _failed_runs(instance: dg.DagsterInstance) -> Iterator[Wrong]:
    seen: set[str] = set()
    for run in instance.get_runs(RunsFilter(statuses=FINISHED), limit=_RUNS):
        name = f"job {run.job_name} {run.tags.get(PARTITION_TAG, '')}".strip()
        if name in seen or run.status is DagsterRunStatus.CANCELED:
            continue
        seen.add(name)
        if run.status is DagsterRunStatus.FAILURE:
            _, text = failure_of(instance, run.run_id)
            yield Wrong(name, "error", _one_line(text), run.run_id)


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
                yield Wrong(name, severity, _one_line(found.description), record.run_id)


def _one_line(text: str | None) -> str:
    return " ".join((text or "no reason was told").split())[:_LONGEST]


def _read(cursor: str | None) -> dict[str, str]:
    try:
        told = json.loads(cursor or "{}")
        return {str(name): str(severity) for name, severity in told.items()}
    except (ValueError, AttributeError):
        return {}
