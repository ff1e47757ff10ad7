"""Sensors of a source that is asked by time windows: when an update is due, and when a sweep is."""

import time
from collections.abc import Collection, Mapping

import dagster as dg

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import TokenRefused
from mls_assets.orchestration.dagster_home import end_dead_runs
from mls_assets.orchestration.sensors.memory import history, instant_of, landed
from mls_assets.orchestration.sensors.pacing import (
    FIRST_WAIT_CONFIGURATION,
    UPDATE_FLOOR,
    Landed,
    read_times,
    reason_to_run,
    reason_to_wait,
    sweep_due_at,
    write_times,
)
from mls_assets.orchestration.sensors.ticking import (
    ASKING_SECONDS,
    TICK_LIMITS,
    TICK_PATIENCE,
    Tick,
    configured,
    each,
    foreign_lock_holder,
    unreadable,
)
from mls_assets.replication.reporting.findings import Findings
from mls_assets.replication.workspace import data_folder
from mls_assets.sources import SparkClient
from mls_assets.sources.source import Source

#: In the update sensor's cursor, before a feed's name: until when its token counts as refused, and
#: since when it has not answered.
_REFUSED, _SILENT = "refused ", "silent "


def window_sensors(
    source: Source, status: dg.DefaultSensorStatus, partitions: Collection[str]
) -> list[dg.SensorDefinition]:
    """Return the sensors of a source's feeds; `partitions` are those that Dagster knows."""
    updating, purging = update_sensor(source), f"{source.name}_purge_sensor"

    @dg.sensor(
        name=updating,
        job_name=source.replicate_job,
        minimum_interval_seconds=60,
        default_status=status,
        description=f"Asks each {source.title} feed now and then (update_minutes, 5 by default) "
        "whether "
        "anything is newer than the newest record here, and requests a run if so, if the last one "
        "left work, or if it was 20 minutes ago.",
    )
    def watch_updates(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        feeds = configured()
        if isinstance(feeds, dg.SkipReason):
            return unreadable(context, feeds)
        mine = feeds.windows_of(source)
        if not mine:
            return dg.SkipReason(f"{source.title} is off: no feed is configured.")
        end_dead_runs(context.instance, launched_here=True)
        tick, now = Tick(by=updating), time.time()
        times = read_times(context.cursor)
        names = _loaded(mine, partitions, tick)
        known = {f"{mark}{name}" for name in names for mark in ("", _REFUSED, _SILENT)}
        kept = {name: at for name, at in times.items() if name in known}
        missed = each(
            tick,
            sorted(names, key=lambda name: kept.get(name, 0.0)),
            times,
            lambda name: _decide_update(context.instance, mine[name], tick, now, kept),
            reserve=ASKING_SECONDS,
            accesses=mine,
        )
        return tick.result(context, cursor=write_times({**kept, **missed}))

    @dg.sensor(
        name=purging,
        job_name=source.reconcile_job,
        minimum_interval_seconds=60,
        default_status=status,
        description="Requests a key sweep with purge for each feed within every purge_hours "
        "(6 by default) once it is downloaded, at a minute of the hour that is its own; it runs "
        "when no other run works on the feed.",
    )
    def watch_proofs(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        feeds = configured()
        if isinstance(feeds, dg.SkipReason):
            return unreadable(context, feeds)
        mine = feeds.windows_of(source)
        if not mine:
            return dg.SkipReason(f"{source.title} is off: no feed is configured.")
        end_dead_runs(context.instance, launched_here=True)
        tick, now = Tick(by=purging), time.time()
        missed = each(
            tick,
            _loaded(mine, partitions, tick),
            read_times(context.cursor),
            lambda name: _decide_purge(context.instance, mine[name], tick, now),
        )
        return tick.result(context, cursor=write_times(missed))

    return [watch_updates, watch_proofs]


def update_sensor(source: Source) -> str:
    """Return the name of the sensor that asks a source's feeds for news."""
    return f"{source.name}_update_sensor"


def _loaded(feeds: Collection[str], partitions: Collection[str], tick: Tick) -> list[str]:
    """Return the feeds that are partitions; a run for another would fail the whole tick."""
    tick.reasons += [
        f"{name} is new in the feeds file; restart the code server"
        for name in feeds
        if name not in partitions
    ]
    return [name for name in feeds if name in partitions]


def _decide_update(
    instance: dg.DagsterInstance, feed: SparkFeed, tick: Tick, now: float, times: dict[str, float]
) -> None:
    """Request a run that is due; else ask the source for news, at most each `update_minutes`.

    `times` is what the cursor keeps, by the feed's name: when to ask again. While the token
    counts as refused nothing is requested either, for a run would only be refused again.
    """
    name = feed.name
    past = history(instance, feed.source.replicate_job, name)
    pages = _landed(instance, feed)
    # whoever did not serve us is asked in the small before a run is requested
    doubted = _is_doubted(name)
    refused = times.get(f"{_REFUSED}{name}", 0.0) - now if doubted else 0.0
    waiting = reason_to_wait(past, now) or foreign_lock_holder(instance, feed.name)
    if not waiting and refused > 0:
        waiting = f"its token was refused; asked again in {refused / 60:.0f} min"
    if waiting:
        tick.reasons.append(f"{name}: {waiting}")
        return
    due = reason_to_run(pages, now, UPDATE_FLOOR) or (
        "its last run failed" if past.failures else None
    )
    if doubted and now < times.get(name, 0.0):
        due = None
    elif doubted or (due is None and now >= times.get(name, 0.0)):
        times[name] = now + feed.update_minutes * 60 - 1
        times[f"{_SILENT}{name}"] = now
        try:
            due = _news(feed, pages, tick) or due
        except TokenRefused:
            # a suspended token is suspended for longer by whoever goes on knocking
            times[f"{_REFUSED}{name}"] = now + FIRST_WAIT_CONFIGURATION
            raise
        del times[f"{_SILENT}{name}"]
    if due is not None:
        tick.request(feed.source.replicate_job, name, past, due, feed)
        return
    newest = next(iter(pages.values()))
    since = newest.newest_modification if newest else None
    state = f"is current at {since or 'its last update'}"
    if f"{_SILENT}{name}" in times:
        state = "did not answer when it was asked last"
    left = (times[name] - now) / 60
    tick.reasons.append(f"{name} {state}, asked again in {left:.0f} min")


def _is_doubted(name: str) -> bool:
    return any(one.covers(name) and one.casts_doubt for one in Findings(data_folder()).all())


def _decide_purge(instance: dg.DagsterInstance, feed: SparkFeed, tick: Tick, now: float) -> None:
    tick.served.add(feed.name)  # no source is asked here; what else goes wrong has ended
    # busy feeds have an update in flight at each tick: a sweep that waited for none would starve
    past = history(instance, feed.source.reconcile_job, feed.name, queued_behind=True)
    waiting = reason_to_wait(past, now) or foreign_lock_holder(instance, feed.name)
    if not waiting and _is_doubted(feed.name):
        waiting = f"its source does not serve us; {update_sensor(feed.source)} asks it again"
    downloaded = [bool(last and last.complete) for last in _landed(instance, feed).values()]
    if not waiting and not all(downloaded):
        # what cannot be downloaded, for want of rights perhaps, must not keep the others unproven
        failing = history(instance, feed.source.replicate_job, feed.name).failures
        waiting = None if failing and any(downloaded) else "not downloaded completely yet"
    last = past.done_at
    if not waiting and not past.failures and last is not None:
        left = sweep_due_at(last, feed.purge_hours, feed.name) - now
        waiting = f"the next sweep is due in {left / 3600:.1f} h" if left > 0 else None
    if waiting:
        tick.reasons.append(f"{feed.name}: {waiting}")
        return
    because = "it was never swept"
    if past.failures:
        because = f"the last {past.failures} sweep(s) failed"
    elif last is not None:
        because = f"the last sweep was {(now - last) / 3600:.1f} h ago"
    tick.request(feed.source.reconcile_job, feed.name, past, because, feed)


def _landed(instance: dg.DagsterInstance, feed: SparkFeed) -> dict[str, Landed | None]:
    return {
        asset: landed(instance, asset, feed.name)
        for asset, resource in feed.source.pages.items()
        if resource in feed.resources
    }


def _news(feed: SparkFeed, pages: Mapping[str, Landed | None], tick: Tick) -> str | None:
    """Ask the source, in one small request, whether anything is newer than what is here."""
    asset, last = next(iter(pages.items()))
    resource = feed.source.pages[asset]
    newest = instant_of(last.newest_modification or last.cursor) if last else None
    if newest is None:
        return f"how new {asset} is cannot be told"
    with SparkClient(
        feed.name,
        feed.base_url,
        token_of(feed.token_env),
        patience=TICK_PATIENCE,
        limits=TICK_LIMITS,
    ) as client:
        newer = client.newest_than(resource, newest)
    tick.served.add(feed.name)
    return f"newer {resource} records at the source" if newer else None
