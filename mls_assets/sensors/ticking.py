"""The frame of a tick over several feeds: time limit, reasons, requests. No decision here."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

import dagster as dg

from mls_assets.errors import MlsAssetsError
from mls_assets.feeds import Feeds, load_feeds
from mls_assets.instance import BECAUSE_TAG, FEED_TAG
from mls_assets.jobs import run_config
from mls_assets.passes.site import lock_folder
from mls_assets.running import unexpected
from mls_assets.sensors.pacing import History
from mls_assets.sources import Limits
from mls_assets.warehouse import locks

#: Dagster ends a tick after 60 s, and forgets all it asked for; nothing may end later than this.
#: Feeds that a tick did not come to are first at the next.
TICK_SECONDS = 50.0
#: So many reasons are told; with hundreds of feeds each tick would store a book.
_REASONS = 40
#: A sensor has no time for patience: the next tick tries again anyway.
TICK_PATIENCE = 5.0
TICK_LIMITS = Limits(
    connect_seconds=4.0,
    read_seconds=8.0,
    total_seconds=8.0,
    effort_seconds=8.0,
    retry_after_seconds=0.0,
    told_pauses=0,
)
#: What one request may take at most with its tries: the last begins before `effort_seconds` are
#: over. (Only a name server that does not answer is under no deadline.)
ASKING_SECONDS = 2 * TICK_LIMITS.total_seconds + 2.0
#: In a sensor's cursor, before a feed's name: when a tick had no time for it.
MISSED = "missed "
#: How long runs that a sensor started try a host that does not answer, in seconds.
RUN_PATIENCE = 300.0
#: And how long they wait for the warehouse file: publishing or compacting a very large one holds it
#: for minutes. A person at the terminal is told after one.
FILE_PATIENCE = 1800.0
#: Pages that such a run may take before it lets others in; the next tick asks for the rest.
RUN_PAGES = 500


@dataclass(slots=True)
class Tick:
    """Collects what a tick asks for, and why it does not ask for more."""

    requests: list[dg.RunRequest] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    deadline: float = field(default_factory=lambda: time.monotonic() + TICK_SECONDS)

    def out_of_time(self, needed: float = 0.0) -> bool:
        """Tell whether fewer seconds are left of this tick than are needed."""
        return time.monotonic() + needed >= self.deadline

    def result(self, context: dg.SensorEvaluationContext, **more: object) -> dg.SensorResult:
        """Return the tick's result; the reasons go to its log when runs are asked for too."""
        more_of_them = len(self.reasons) - _REASONS
        told = self.reasons[:_REASONS] + ([f"and {more_of_them:,} more"] * (more_of_them > 0))
        text = "; ".join(told) or "nothing to do"
        if not self.requests:
            return dg.SensorResult(skip_reason=text, **more)  # pyright: ignore[reportArgumentType]
        if self.reasons:
            context.log.info(text)
        return dg.SensorResult(run_requests=self.requests, **more)  # pyright: ignore[reportArgumentType]

    def trouble(self, name: str, error: Exception) -> None:
        """Tell what went wrong with one feed (or several): that is no other's trouble."""
        ours = isinstance(error, MlsAssetsError)
        self.reasons.append(f"{name}: {error if ours else unexpected(error)}")

    def request(self, job: str, feed: str, past: History, because: str) -> None:
        """Ask for a run of a job for a feed; one follows each run that ended."""
        budget = RUN_PAGES if job.endswith("_replicate") else None
        self.requests.append(
            dg.RunRequest(
                run_key=f"{feed} {past.run_key}",
                partition_key=feed,
                run_config=run_config(
                    job,
                    patience=RUN_PATIENCE,
                    file_patience=FILE_PATIENCE,
                    page_budget=budget,
                ),
                tags={FEED_TAG: feed, BECAUSE_TAG: because},
            )
        )


def held(instance: dg.DagsterInstance, feed: str) -> str | None:
    """Say who holds a feed's lock if it is nobody that this Dagster knows of."""
    holder = locks.holder(lock_folder(), feed)
    if holder is None:
        return None
    run = instance.get_run_by_id(holder.run_id) if holder.run_id else None
    # a run that Dagster gave up may live on all the same
    if run is not None and not run.is_finished:
        return None
    return f"being worked on by {holder}"


def configured() -> Feeds | dg.SkipReason:
    """Return the feeds as configured now, or why nothing can be done."""
    try:
        return load_feeds()
    except MlsAssetsError as error:
        return dg.SkipReason(str(error))


def each(
    tick: Tick,
    names: Iterable[str],
    times: Mapping[str, float],
    decide: Callable[[str], None],
    *,
    reserve: float = 0.0,
) -> dict[str, float]:
    """Decide feed by feed, as long as more than `reserve` seconds of the tick are left.

    One feed's error is no other's. The feeds that the last tick had no time for, as its cursor's
    times say, are the first, longest waiting before others; returns those of this one, for the
    next cursor.
    """
    waiting = sorted(names, key=lambda name: times.get(f"{MISSED}{name}", inf))
    while waiting:
        if tick.out_of_time(reserve):
            tick.reasons.append(
                f"the time of this tick is up; {len(waiting):,} other feed(s) come next"
            )
            break
        name = waiting.pop(0)
        try:
            decide(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            tick.trouble(name, error)
    return missed(waiting, times)


def missed(names: Iterable[str], times: Mapping[str, float]) -> dict[str, float]:
    """Return what a cursor keeps of feeds that a tick had no time for: since when they wait."""
    marks = [f"{MISSED}{name}" for name in names]
    return {mark: times.get(mark, time.time()) for mark in marks}
