"""The frame of a tick over several feeds: time limit, reasons, requests. No decision here."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from mls_assets.configuration.feeds import Feeds, ForgeAccess, SparkFeed, load_feeds
from mls_assets.errors import MlsAssetsError
from mls_assets.orchestration.dagster_home import BECAUSE_TAG, FEED_TAG
from mls_assets.orchestration.jobs import run_config
from mls_assets.orchestration.running import OFFENDERS, plain_metadata, unexpected
from mls_assets.orchestration.sensors.pacing import History
from mls_assets.orchestration.source_alarms import CHECK, verdict
from mls_assets.replication.reporting.findings import FindingKind, Findings, kind_of
from mls_assets.replication.workspace import data_folder, feed_holder
from mls_assets.sources import Limits

AssetEvent = dg.AssetObservation | dg.AssetMaterialization | dg.AssetCheckEvaluation
_EXECUTED = AssetCheckExecutionRecordStatus

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
    """Collects what a tick asks for, and why it does not ask for more.

    `by` is the sensor's name. `met` is what went wrong with each feed, `served` are the feeds that
    went well; both are left in the data folder at the end.
    """

    requests: list[dg.RunRequest] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    by: str = ""
    met: dict[str, tuple[FindingKind, str, SparkFeed | ForgeAccess | None]] = field(
        default_factory=dict
    )
    served: set[str] = field(default_factory=set)
    deadline: float = field(default_factory=lambda: time.monotonic() + TICK_SECONDS)

    def out_of_time(self, needed: float = 0.0) -> bool:
        """Tell whether fewer seconds are left of this tick than are needed."""
        return time.monotonic() + needed >= self.deadline

    def trouble(
        self, name: str, error: Exception, access: SparkFeed | ForgeAccess | None = None
    ) -> None:
        """Tell what went wrong with a feed (of `access`): that is no other's trouble."""
        text = str(error) if isinstance(error, MlsAssetsError) else unexpected(error)
        self.reasons.append(text if text.startswith(name) else f"{name}: {text}")
        self.met[name] = kind_of(error), text, access

    def result(
        self,
        context: dg.SensorEvaluationContext,
        *,
        skip: str = "",
        asset_events: Sequence[AssetEvent] = (),
        **more: object,
    ) -> dg.SensorResult:
        """Return the tick's result; its reasons go to its log, which the UI shows with it.

        What it found out of sources is stored, and reported if Dagster was told otherwise last.
        """
        try:
            self._leave_findings()
        except OSError as error:
            self.reasons.insert(0, f"what was met could not be stored ({error.strerror})")
        more["asset_events"] = [*asset_events, *news_of_sources(context.instance)]
        if skip:
            self.reasons.insert(0, skip)
        more_of_them = len(self.reasons) - _REASONS
        told = self.reasons[:_REASONS] + ([f"and {more_of_them:,} more"] * (more_of_them > 0))
        text = "; ".join(told) or "nothing to do"
        context.log.info(text)
        if not self.requests:
            return dg.SensorResult(skip_reason=text, **more)  # pyright: ignore[reportArgumentType]
        return dg.SensorResult(run_requests=self.requests, **more)  # pyright: ignore[reportArgumentType]

    def _leave_findings(self) -> None:
        findings = Findings(data_folder())
        for feed, (kind, text, access) in self.met.items():
            findings.note(feed, self.by, kind, text, access)
        for feed in self.served - self.met.keys():
            findings.answered(feed, self.by)

    def request(
        self, job: str, feed: str, past: History, because: str, options: SparkFeed | ForgeAccess
    ) -> None:
        """Ask for a run of a job for a feed; one follows each run that ended.

        What is said here is what the run takes, so nothing that the feed's `options` say is.
        """
        is_bounded = job.endswith("_replicate") and options.page_budget is None
        budget = RUN_PAGES if is_bounded else None
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


def news_of_sources(instance: dg.DagsterInstance, unreadable: str = "") -> list[AssetEvent]:
    """Return what the check says of sources now, if Dagster was told otherwise last."""
    findings = () if unreadable else Findings(data_folder()).standing(load_feeds())
    told = verdict(findings, unreadable)
    records = instance.event_log_storage.get_asset_check_execution_history(
        CHECK, 1, status={_EXECUTED.SUCCEEDED, _EXECUTED.FAILED}
    )
    last = records[0].evaluation if records else None
    before = plain_metadata(last.metadata).get(OFFENDERS) if last else None
    if before == told["metadata"][OFFENDERS] or (last is None and told["passed"]):
        return []
    return [
        dg.AssetCheckEvaluation(asset_key=CHECK.asset_key, check_name=CHECK.name, **told),
    ]


def foreign_lock_holder(instance: dg.DagsterInstance, feed: str) -> str | None:
    """Say who holds a feed's lock if it is nobody that this Dagster knows of."""
    holder = feed_holder(feed)
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


def unreadable(context: dg.SensorEvaluationContext, reason: dg.SkipReason) -> dg.SensorResult:
    """Return the result of a tick that cannot read the configuration; the check turns red."""
    text = reason.skip_message or ""
    context.log.warning(text)
    return dg.SensorResult(skip_reason=reason, asset_events=news_of_sources(context.instance, text))


def each(
    tick: Tick,
    names: Iterable[str],
    times: Mapping[str, float],
    decide: Callable[[str], None],
    *,
    reserve: float = 0.0,
    accesses: Mapping[str, SparkFeed] | None = None,
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
        access = (accesses or {}).get(name)
        try:
            decide(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            tick.trouble(name, error, access)
    return missed(waiting, times)


def missed(names: Iterable[str], times: Mapping[str, float]) -> dict[str, float]:
    """Return what a cursor keeps of feeds that a tick had no time for: since when they wait."""
    marks = [f"{MISSED}{name}" for name in names]
    return {mark: times.get(mark, time.time()) for mark in marks}
