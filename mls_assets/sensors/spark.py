"""Sensors of the Spark feeds: when an update is due, and when a key sweep is."""

import time
from collections.abc import Mapping

import dagster as dg

from mls_assets.feeds import SparkFeed, token_of
from mls_assets.instance import end_dead_runs
from mls_assets.jobs import run_config
from mls_assets.partitions import SPARK_PAGES
from mls_assets.sensors.memory import history, landed, moment
from mls_assets.sensors.pacing import (
    Landed,
    read_times,
    reason_to_run,
    reason_to_wait,
    write_times,
)
from mls_assets.sensors.ticking import (
    RUN_PAGES,
    RUN_PATIENCE,
    TICK_LIMITS,
    TICK_PATIENCE,
    Tick,
    configured,
    each,
)
from mls_assets.sources import SparkClient

#: An update is made at least so often (seconds), whatever the cheap question says: the source's
#: caches are up to 20 minutes late, and what they hide until then bears an older timestamp.
UPDATE_FLOOR = 20 * 60.0


def spark_sensors(status: dg.DefaultSensorStatus) -> list[dg.SensorDefinition]:
    """Return the sensors of the Spark feeds."""

    @dg.sensor(
        name="spark_update_sensor",
        job_name="spark_replicate",
        minimum_interval_seconds=60,
        default_status=status,
        description="Asks each Spark feed now and then (update_minutes, 5 by default) whether "
        "anything is newer than the newest record here, and requests a run if so, if the last one "
        "left work, or if it was 20 minutes ago.",
    )
    def spark_update_sensor(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        feeds = configured()
        if isinstance(feeds, dg.SkipReason):
            return feeds
        if not feeds.spark:
            return dg.SkipReason("Spark is off: no feed is configured.")
        end_dead_runs(context.instance)
        tick, asked, now = Tick(), read_times(context.cursor), time.time()

        def decide(name: str) -> None:
            asked[name] = now
            _decide_update(context.instance, feeds.spark[name], tick, now)

        due = [
            name
            for name, feed in feeds.spark.items()
            if now - asked.get(name, 0.0) >= feed.update_minutes * 60 - 1
        ]
        each(tick, sorted(due, key=lambda name: asked.get(name, 0.0)), decide)
        kept = {name: at for name, at in asked.items() if name in feeds.spark}
        return tick.result(context, cursor=write_times(kept))

    @dg.sensor(
        name="spark_purge_sensor",
        job_name="spark_purge",
        minimum_interval_seconds=60,
        default_status=status,
        description="Requests a key sweep with purge for each Spark feed every purge_hours (6 by "
        "default) once it is downloaded, and never while a run works on the feed.",
    )
    def spark_purge_sensor(
        context: dg.SensorEvaluationContext,
    ) -> dg.SensorResult | dg.SkipReason:
        feeds = configured()
        if isinstance(feeds, dg.SkipReason):
            return feeds
        if not feeds.spark:
            return dg.SkipReason("Spark is off: no feed is configured.")
        end_dead_runs(context.instance)
        tick, now = Tick(), time.time()
        each(
            tick,
            feeds.spark,
            lambda name: _decide_purge(context.instance, feeds.spark[name], tick, now),
        )
        return tick.result(context)

    return [spark_update_sensor, spark_purge_sensor]


def _decide_update(instance: dg.DagsterInstance, feed: SparkFeed, tick: Tick, now: float) -> None:
    past = history(instance, "spark_replicate", feed.name)
    waiting = reason_to_wait(past, now)
    if waiting:
        tick.reasons.append(f"{feed.name}: {waiting}")
        return
    pages = _landed(instance, feed)
    due = reason_to_run(pages, now, UPDATE_FLOOR) or (
        "its last run failed" if past.failures else _news(feed, pages)
    )
    if due is None:
        tick.reasons.append(f"{feed.name}: nothing newer at the source")
        return
    tick.requests.append(
        dg.RunRequest(
            run_key=f"{feed.name} {past.run_key}",
            partition_key=feed.name,
            run_config=run_config("spark_replicate", patience=RUN_PATIENCE, page_budget=RUN_PAGES),
            tags={"mls_assets/because": due},
        )
    )


def _decide_purge(instance: dg.DagsterInstance, feed: SparkFeed, tick: Tick, now: float) -> None:
    past = history(instance, "spark_purge", feed.name)
    waiting = reason_to_wait(past, now)
    pages = _landed(instance, feed)
    if not waiting and not all(last and last.complete for last in pages.values()):
        waiting = "not downloaded completely yet"
    last = past.done_at
    if not waiting and not past.failures and last is not None:
        left = last + feed.purge_hours * 3600 - now
        waiting = f"the next sweep is due in {left / 3600:.1f} h" if left > 0 else None
    if waiting:
        tick.reasons.append(f"{feed.name}: {waiting}")
        return
    tick.requests.append(
        dg.RunRequest(
            run_key=f"{feed.name} {past.run_key}",
            partition_key=feed.name,
            run_config=run_config("spark_purge", patience=RUN_PATIENCE),
        )
    )


def _landed(instance: dg.DagsterInstance, feed: SparkFeed) -> dict[str, Landed | None]:
    return {
        asset: landed(instance, asset, feed.name)
        for asset, resource in SPARK_PAGES.items()
        if resource in feed.resources
    }


def _news(feed: SparkFeed, pages: Mapping[str, Landed | None]) -> str | None:
    """Ask the source, in one small request, whether anything is newer than what is here."""
    asset, last = next(iter(pages.items()))
    resource = SPARK_PAGES[asset]
    newest = moment(last.newest_modification or last.cursor) if last else None
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
    return f"newer {resource} records at the source" if newer else None
