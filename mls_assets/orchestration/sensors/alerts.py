"""Telling a person what is wrong: failed runs and red checks, once each, and that it is over.

What was told stands in the sensor's cursor. What fails now is found in `failing`; how a message
leaves the machine is the business of `hook`.
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from mls_assets.errors import ConfigurationError
from mls_assets.orchestration.sensors.failing import Observation, OpenFailure, observe
from mls_assets.orchestration.sensors.hook import (
    HOOK_VARIABLE,
    Hook,
    HookFailed,
    hook_from_environment,
)

#: Jobs that only a person starts, who sees what becomes of them.
BY_HAND = ("spark_purge_plan", "purge_approve")
#: Seconds in which messages go out; Dagster gives a tick sixty, and forgets its cursor then.
_SECONDS_A_TICK = 30.0


@dataclass(frozen=True, slots=True)
class Message:
    """One message: `state` is `failing` or `recovered`."""

    state: str
    about: OpenFailure

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
AlertState = Mapping[str, Sequence[str]]


def news(
    told: AlertState, failing: Mapping[str, OpenFailure], well: Collection[str]
) -> list[Message]:
    """Return what has not been told yet. Pure.

    What changed its severity, or found another offender, is told again. Recovered is only what
    was seen to be `well`: what was not looked at may still be failing.
    """
    begun = [
        Message("failing", wrong)
        for name, wrong in failing.items()
        if name not in told
        or told[name][0] != wrong.severity
        or not set(wrong.offenders) <= set(told[name][1:])
    ]
    ended = [
        Message("recovered", OpenFailure(name, severity, "no longer failing"))
        for name, (severity, *_) in told.items()
        if name in well
    ]
    return [*begun, *ended]


def after(told: AlertState, message: Message) -> dict[str, Sequence[str]]:
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
        own = [job for job in jobs if not job.startswith("__") and job not in BY_HAND]
        ticking = (
            {each.name for each in (*defined.sensor_defs, *defined.schedule_defs)}
            if defined
            else None
        )
        told = _read(context.cursor)
        told, text = _tell(hook, told, observe(context.instance, own, checks, told, ticking))
        context.log.info(text)
        return dg.SensorResult(skip_reason=text, cursor=json.dumps(told, sort_keys=True))

    return [alert_sensor]


def _tell(hook: Hook, told: AlertState, looked: Observation) -> tuple[AlertState, str]:
    """Send what is new; what could not be sent, or not in time, is sent at the next tick."""
    deadline = time.monotonic() + _SECONDS_A_TICK
    sent, waiting = 0, news(told, looked.failing, looked.well)
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
    return told, f"{trouble}{len(looked.failing)} thing(s) are failing; {sent} message(s) sent" + (
        f", {left} wait" if left else ""
    )


def _read(cursor: str | None) -> dict[str, Sequence[str]]:
    try:
        told = json.loads(cursor or "{}")
        return {str(name): [str(word) for word in entry] for name, entry in told.items() if entry}
    except (ValueError, AttributeError, TypeError):
        return {}
