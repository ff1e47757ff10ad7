"""Sensors of a source with an event log: which MLSs have new events, and which there are."""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import ForgeAccess, mls_of_feed
from mls_assets.errors import AccessLost, AnswerBroken, SourceError, SourceRefused, TokenRefused
from mls_assets.model.resources import Resource
from mls_assets.orchestration.dagster_home import end_dead_runs, partition_problem, run_in_flight
from mls_assets.orchestration.partitions import mls_partitions
from mls_assets.orchestration.sensors.memory import history, landed, lost_access
from mls_assets.orchestration.sensors.pacing import (
    FIRST_WAIT_CONFIGURATION,
    History,
    Landed,
    read_times,
    reason_to_run,
    reason_to_wait,
    write_times,
)
from mls_assets.orchestration.sensors.ticking import (
    ASKING_SECONDS,
    MISSED,
    TICK_LIMITS,
    TICK_PATIENCE,
    Tick,
    configured,
    each,
    foreign_lock_holder,
    missed,
    unreadable,
)
from mls_assets.replication.reporting.findings import Findings
from mls_assets.replication.workspace import data_folder
from mls_assets.sources import MAX_MLSES_PER_QUERY, ForgeClient, ForgeShape, MlsList, Position
from mls_assets.sources.source import Source

#: A run is made at least so often (seconds): agents have a log of their own that the cheap
#: question does not look at, and a removal's proof is as old as the last success.
EVENT_FLOOR = 3600.0
#: A new MLS gets its first run from the MLSs' sensor, with its partition; one that has none
#: after so many seconds (because a person added it) gets it from the events' sensor.
FIRST_RUN_SECONDS = 120.0
#: In the event sensor's cursor, beside the MLSs without a run: before when nothing is asked.
_NOT_BEFORE = "not before"
#: How often a tick halves a question that was refused: one MLS among 50 is found in six steps.
_SPLITS = 12
#: In the cursor of the MLSs' sensor, before an MLS that was reported as vanished.
_REPORTED = "reported "
#: What each address's schema told, and when, so that a tick is one request and not two; and for
#: how many seconds that is believed.
_SHAPES: dict[str, tuple[float, dict[str, ForgeShape | None]]] = {}
_SHAPES_SECONDS = 3600.0
#: The guide: when current, wait at least one minute before asking again.
POLL_SECONDS = 60


def event_log_sensors(
    source: Source, status: dg.DefaultSensorStatus, access: ForgeAccess | None
) -> list[dg.SensorDefinition]:
    """Return the sensors of a source; the interval is the feeds file's `poll_seconds`."""
    interval = max(POLL_SECONDS, int(access.poll_seconds) if access else POLL_SECONDS)

    @dg.sensor(
        name=f"{source.name}_event_sensor",
        job_name=source.replicate_job,
        minimum_interval_seconds=interval,
        default_status=status,
        description=f"Asks {source.title} once for all MLSs which have events that are not here "
        "yet, and "
        "requests a run for each of them; for a quiet one every hour.",
    )
    def watch_events(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        feeds = configured()
        if isinstance(feeds, dg.SkipReason):
            return unreadable(context, feeds)
        access = feeds.log_of(source)
        if access is None:
            return dg.SkipReason(f"{source.title} is off: no access is configured.")
        end_dead_runs(context.instance, launched_here=True)
        tick = Tick(by=f"{source.name}_event_sensor")
        times, now = read_times(context.cursor), time.time()
        resting = _resting(access, times, now, tick.by)
        if resting:
            return tick.result(context, skip=resting, cursor=context.cursor)
        try:
            times = _poll(context.instance, access, tick, now, times)
        except TokenRefused as error:
            # a suspended token is suspended for longer by whoever goes on knocking
            times[_NOT_BEFORE] = now + FIRST_WAIT_CONFIGURATION
            tick.trouble(access.source.name, error, access)
        except Exception as error:  # noqa: BLE001 - a tick that ends in an error forgets everything
            tick.trouble(access.source.name, error, access)
        return tick.result(context, cursor=write_times(times))

    @dg.sensor(
        name=_mls_sensor(source),
        minimum_interval_seconds=900,
        job_name=source.replicate_job,
        default_status=status,
        description=f"Asks {source.title} which MLSs there are: a new one gets its partition and "
        "its first "
        "run, a vanished one is reported on its partition of "
        f"{source.pages_asset(Resource.PROPERTY)}.",
    )
    def watch_mlses(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        feeds = configured()
        if isinstance(feeds, dg.SkipReason):
            return unreadable(context, feeds)
        access = feeds.log_of(source)
        if access is None:
            return dg.SkipReason(f"{source.title} is off: no access is configured.")
        return _look(context, access)

    return [watch_events, watch_mlses]


def _mls_sensor(source: Source) -> str:
    return f"{source.name}_mls_sensor"


def _resting(access: ForgeAccess, times: Mapping[str, float], now: float, sensor: str) -> str:
    """Say why the source is not asked for anything now; empty if it may be."""
    left = times.get(_NOT_BEFORE, 0.0) - now
    if not Findings(data_folder()).is_standing(access.source.name, sensor):
        left = 0.0  # a run was served meanwhile
    return (
        f"{access.source.title} refused the token; asked again in {left / 60:.0f} min."
        if left > 0
        else ""
    )


def _look(
    context: dg.SensorEvaluationContext, access: ForgeAccess
) -> dg.SensorResult | dg.SkipReason:
    times, now = read_times(context.cursor), time.time()
    tick = Tick(by=_mls_sensor(access.source))
    resting = _resting(access, times, now, tick.by)
    if resting:
        return tick.result(context, skip=resting, cursor=context.cursor)
    try:
        with _client(access) as client:
            listed = client.mlses()
    except Exception as error:  # noqa: BLE001 - a tick that ends in an error forgets everything
        # a failed read is not an empty answer: nothing follows from it
        if isinstance(error, TokenRefused):
            times[_NOT_BEFORE] = now + FIRST_WAIT_CONFIGURATION
        tick.trouble(access.source.name, error, access)
        return tick.result(context, cursor=write_times(times))
    tick.served.add(access.source.name)
    return _compare(context, access, listed, tick)


def _poll(
    instance: dg.DagsterInstance,
    access: ForgeAccess,
    tick: Tick,
    now: float,
    seen: Mapping[str, float],
) -> dict[str, float]:
    """Request a run for each MLS that has one due; ask Forge about the others, all at once.

    `seen` says since when MLSs without any run have been seen, and which ones the last tick did
    not come to: they are the first now. Returns it as of now.
    """
    quiet: dict[str, _Quiet] = {}
    fresh: dict[str, float] = {}

    # whoever did not serve us is asked in the small before runs are requested
    doubted = any(
        one.feed == access.source.name and one.casts_doubt for one in Findings(data_folder()).all()
    )

    def look(feed: str) -> None:
        past = history(instance, access.source.replicate_job, feed)
        waiting = reason_to_wait(past, now) or foreign_lock_holder(instance, feed)
        if waiting:
            tick.reasons.append(f"{feed}: {waiting}")
            return
        pages = _landed(instance, access, feed)
        if not past.last_run_id and not any(pages.values()):
            fresh[feed] = seen.get(feed, now)
            if now - fresh[feed] < FIRST_RUN_SECONDS:
                tick.reasons.append(
                    f"{feed}: new; {_mls_sensor(access.source)} requests its first run"
                )
                return
        due = "its last run failed" if past.failures else None
        due = due or reason_to_run(pages, now, EVENT_FLOOR)
        if due and not doubted:
            tick.request(access.source.replicate_job, feed, past, due, access)
            return
        last = next(iter(pages.values()))
        rested = now - max((each.at for each in pages.values() if each), default=0.0)
        if not due and rested < access.poll_seconds - 1:
            tick.reasons.append(f"{feed} was brought to current {rested:.0f} s ago")
            return
        quiet[feed] = _Quiet(past, last.position if last else 0)

    known = _partitions(instance, access)
    unknown = [feed for feed in map(access.source.feed, access.mlses) if feed not in known]
    if unknown or not known:
        named = ", ".join(unknown) or "every MLS"
        tick.reasons.append(
            f"without a partition yet: {named}; {_mls_sensor(access.source)} makes them"
        )
    # twice: Forge may have to be asked for its schema first
    late = each(tick, known, seen, look, reserve=2 * ASKING_SECONDS)
    fresh |= {feed: at for feed, at in seen.items() if f"{MISSED}{feed}" in late}
    unasked = _ask(access, tick, quiet) if quiet else []
    return {**fresh, **late, **missed(unasked, seen)}


@dataclass(frozen=True, slots=True)
class _Quiet:
    """An MLS with nothing due: whether its log has moved since this position is to be asked."""

    past: History
    position: int


def _ask(access: ForgeAccess, tick: Tick, quiet: Mapping[str, _Quiet]) -> list[str]:
    """Request runs for those of the quiet MLSs whose logs have moved.

    A question that fails is no other's failure, but for a refused token, which is raised. One that
    is refused may be so for a single MLS in it, so its halves are asked, some times a tick. Returns
    the MLSs that there was no time to ask about.
    """
    resource = next(
        resource for resource in access.source.pages.values() if resource in access.resources
    )
    feeds, splits = list(quiet), _SPLITS
    waiting = [
        feeds[start : start + MAX_MLSES_PER_QUERY]
        for start in range(0, len(feeds), MAX_MLSES_PER_QUERY)
    ]
    with _client(access) as client:
        while waiting and not tick.out_of_time(ASKING_SECONDS):
            asked = waiting.pop(0)
            known = {mls_of_feed(feed): quiet[feed].position for feed in asked}
            found: Mapping[str, Position | SourceError] = {}
            failed: Exception | None = None
            try:
                found = client.positions(list(known), known, resource)
            except TokenRefused:
                raise
            except Exception as error:  # noqa: BLE001 - the next MLSs are asked about all the same
                failed = error
            if len(asked) > 1 and splits and all(map(_is_refusal, found.values() or [failed])):
                half = len(asked) // 2
                waiting[:0] = [asked[:half], asked[half:]]
                splits -= 1
            elif failed:
                alone = len(asked) == 1 and _is_refusal(failed)
                tick.trouble(asked[0] if alone else access.source.name, failed, access)
            else:
                tick.served.add(access.source.name)
                for feed in asked:
                    _decide(tick, feed, quiet[feed], found.get(mls_of_feed(feed)), access)
    return [feed for batch in waiting for feed in batch]


def _is_refusal(found: object) -> bool:
    return isinstance(found, SourceRefused | AnswerBroken)


def _decide(
    tick: Tick,
    feed: str,
    quiet: _Quiet,
    found: Position | Exception | None,
    access: ForgeAccess,
) -> None:
    if isinstance(found, Exception):
        tick.trouble(feed, found)
        return
    if found is None:
        tick.reasons.append(f"{feed}: {access.source.title} told nothing of it")
        return
    tick.served.add(feed)
    if found.latest_event == quiet.position and not found.remaining:
        tick.reasons.append(f"{mls_of_feed(feed)} is current at event {quiet.position:,}")
    else:
        tick.request(
            access.source.replicate_job, feed, quiet.past, _news(found, quiet.position), access
        )


def _compare(
    context: dg.SensorEvaluationContext, access: ForgeAccess, answer: MlsList, tick: Tick
) -> dg.SensorResult:
    """Request what new MLSs need, and report those that two answers in a row do not list.

    An answer with entries that cannot be read may mean any MLS by them, so then none vanished.
    """
    known = context.instance.get_dynamic_partitions(_partitions_name(access))
    listed = [access.source.feed(mls.key) for mls in answer.mlses]
    named = map(access.source.feed, access.mlses) if access.mlses else listed
    wanted = [feed for feed in named if access.asks_for(mls_of_feed(feed))]
    if not listed and known:
        name, title = access.source.name, access.source.title
        empty = f"{title} lists no MLS at all while {len(known)} are known here"
        tick.trouble(name, AccessLost(f"{empty}; nothing was concluded from that."), access)
        return tick.result(context, cursor=context.cursor)
    problems = {feed: partition_problem(feed) for feed in wanted if feed not in known}
    new = [feed for feed, problem in problems.items() if feed in listed and not problem]
    vanished = [] if answer.odd else sorted(set(known) - set(listed))
    tick.reasons += [f"{feed} is not listed any more" for feed in vanished]
    tick.reasons += answer.odd
    tick.reasons += [f"{feed!r}: {problem}" for feed, problem in problems.items() if problem]
    tick.reasons += [
        f"{feed} is configured, but {access.source.title} does not list it"
        for feed in wanted
        if feed not in listed and feed not in vanished
    ]
    if not tick.reasons and not new:
        tick.reasons.append(
            f"{access.source.title} lists {len(listed):,} MLSs; the {len(wanted):,} wanted are "
            "known here"
        )
    for feed in new:
        tick.request(access.source.replicate_job, feed, History(), "a new MLS", access)
    now = time.time()
    seen = read_times(context.cursor)
    left = {feed for feed in vanished if f"{_REPORTED}{feed}" in seen}
    leaving = _leaving(context.instance, access, known, left)
    tick.reasons += [f"{feed} loses its partition: {why}" for feed, why in leaving.items()]
    changes: list[Any] = [mls_partitions(access.source.name).build_add_request(new)] if new else []
    if leaving:
        changes.append(mls_partitions(access.source.name).build_delete_request(list(leaving)))
    missing = {feed: seen.get(feed, now) for feed in vanished}
    reported = {f"{_REPORTED}{feed}": now for feed in vanished if feed in seen}
    if answer.odd:
        missing = {name: at for name, at in seen.items() if name != _NOT_BEFORE}
    return tick.result(
        context,
        cursor=write_times(missing | reported),
        dynamic_partitions_requests=changes,
        asset_events=[
            _vanished(access.source, feed)
            for feed in vanished
            if feed in seen and f"{_REPORTED}{feed}" not in seen
        ],
    )


def _leaving(
    instance: dg.DagsterInstance,
    access: ForgeAccess,
    known: Iterable[str],
    vanished: Collection[str],
) -> dict[str, str]:
    """Return the partitions that have to go, and why; one that a run works on waits.

    That an MLS has vanished is believed when its own run was told so too.
    """
    reasons = {}
    for feed in known:
        if not access.asks_for(mls_of_feed(feed)):
            reasons[feed] = "it is not configured"
        elif feed in vanished and lost_access(instance, access.source.replicate_job, feed):
            reasons[feed] = "its MLS has vanished"
    return {
        feed: why
        for feed, why in reasons.items()
        if not run_in_flight(instance, feed=feed) and not foreign_lock_holder(instance, feed)
    }


def _vanished(source: Source, feed: str) -> dg.AssetObservation:
    return dg.AssetObservation(
        source.pages_asset(Resource.PROPERTY),
        partition=feed,
        description=f"{source.title} does not list {mls_of_feed(feed)} any more: access has ended, "
        f"or the MLS has gone. Its rows stay until you run `mls-assets erase {feed} --yes`.",
        metadata={"vanished": True},
    )


def _news(position: Position, known: int) -> str:
    left = "" if position.remaining is None else f", {position.remaining:,} remaining"
    return f"event {position.latest_event:,} after {known:,}{left}"


def _partitions(instance: dg.DagsterInstance, access: ForgeAccess) -> list[str]:
    known = instance.get_dynamic_partitions(_partitions_name(access))
    return [feed for feed in known if access.asks_for(mls_of_feed(feed))]


def _partitions_name(access: ForgeAccess) -> str:
    return str(mls_partitions(access.source.name).name)


def _landed(
    instance: dg.DagsterInstance, access: ForgeAccess, feed: str
) -> dict[str, Landed | None]:
    return {
        asset: landed(instance, asset, feed)
        for asset, resource in access.source.pages.items()
        if resource in access.resources
    }


def _client(access: ForgeAccess) -> ForgeClient:
    learned, shapes = _SHAPES.get(access.url, (0.0, {}))
    if time.time() - learned > _SHAPES_SECONDS:
        learned, shapes = time.time(), {}
    _SHAPES[access.url] = learned, shapes
    return ForgeClient(
        access.url,
        token_of(access.token_env),
        patience=TICK_PATIENCE,
        limits=TICK_LIMITS,
        shapes=shapes,
    )
