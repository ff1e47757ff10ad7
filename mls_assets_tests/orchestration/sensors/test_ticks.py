"""Ticks of the Spark sensors, and what holds for every tick, against a real source and instance."""

import re
import time
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from mls_assets.configuration.feeds import Feeds, load_feeds
from mls_assets.orchestration.jobs import all_jobs, run_config
from mls_assets.orchestration.sensors import all_schedules, all_sensors
from mls_assets.orchestration.sensors.pacing import read_times, write_times
from mls_assets.orchestration.sensors.ticking import ASKING_SECONDS, Tick, each
from mls_assets.sandbox.server import SandboxServer
from mls_assets.sources.registry import all_sources
from mls_assets.warehouse.storage.locks import FeedLock
from mls_assets_tests.orchestration.sensors.conftest import SPARK, Memory

ARMLS = "forge/armls"
SENSORS = (
    *("spark_update_sensor", "spark_purge_sensor"),
    *("forge_event_sensor", "forge_mls_sensor", "publish_sensor", "alert_sensor"),
)


def test_without_configuration_every_sensor_says_that_it_is_off(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
):
    for name in ("SPARK_ACCESS_TOKEN", "FORGE_API_TOKEN"):
        monkeypatch.delenv(name)
    assert "off" in memory.why_not("spark_update_sensor")
    assert "off" in memory.why_not("forge_event_sensor")
    assert "off" in memory.why_not("forge_mls_sensor")
    assert "nothing changed" in memory.why_not("publish_sensor")


def test_a_feed_that_never_landed_gets_its_first_run(memory: Memory):
    result = memory.tick("spark_update_sensor")
    (request,) = result.run_requests
    assert request.partition_key == SPARK
    assert request.run_config["resources"]["spark"]["config"]["page_budget"] > 0


def test_a_feed_is_not_asked_before_its_interval_is_over(memory: Memory, later: Any):
    memory.landed(SPARK)
    first = memory.tick("spark_update_sensor")
    memory.landed(SPARK, newest_modification="2000-01-01T00:00:00+00:00")
    later(60)
    second = memory.tick("spark_update_sensor", cursor=first.cursor)
    assert "asked again in 4 min" in second.skip_reason.skip_message
    later(300)
    assert memory.tick("spark_update_sensor", cursor=first.cursor).run_requests


def test_what_is_due_without_asking_does_not_wait_for_the_interval(memory: Memory):
    memory.landed(SPARK)
    first = memory.tick("spark_update_sensor")
    memory.landed(SPARK, complete=False)
    assert memory.tick("spark_update_sensor", cursor=first.cursor).run_requests


@pytest.mark.parametrize(
    ("sensor", "feed", "job"),
    [
        ("spark_update_sensor", SPARK, "replicate"),
        ("spark_purge_sensor", SPARK, "purge"),
        ("forge_mls_sensor", ARMLS, "replicate"),
    ],
)
def test_a_run_says_whose_it_is_what_it_does_and_why(
    memory: Memory, sensor: str, feed: str, job: str
):
    if job == "purge":
        memory.landed(SPARK)
    request = memory.tick(sensor).run_requests[0]
    assert request.tags["mls_assets/feed"] == feed
    assert request.tags["mls_assets/because"]
    (found,) = [one for one in all_sensors(all_sources(), load_feeds()) if one.name == sensor]
    (made,) = [one for one in all_jobs(all_sources()) if one.name == found.job_name]
    assert made.tags["mls_assets/mode"] == job


def test_in_the_queue_publication_comes_first_then_sweeps(memory: Memory):
    priorities = {
        job.name: int(job.tags.get("dagster/priority", 0)) for job in all_jobs(all_sources())
    }
    assert sorted(priorities, key=lambda name: -priorities[name])[:2] == ["publish", "spark_purge"]
    assert list(priorities.values()).count(0) == len(priorities) - 2


@pytest.mark.parametrize(
    ("sensor", "surface"),
    [
        ("spark_update_sensor", "spark"),
        ("forge_event_sensor", "forge"),
        ("forge_mls_sensor", "forge"),
    ],
)
def test_a_refused_token_is_not_knocked_with_again_for_half_an_hour(
    memory: Memory,
    sandbox: SandboxServer,
    later: Any,
    monkeypatch: pytest.MonkeyPatch,
    sensor: str,
    surface: str,
):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    memory.landed(SPARK)
    memory.landed(ARMLS)
    later(120)
    sandbox.faults.add_from({"name": "status_401", "surface": surface, "times": 0})
    refused = memory.tick(sensor)
    assert "token" in refused.skip_reason.skip_message
    # beyond the twenty minutes after which an update is made in any case
    later(25 * 60)
    module = "window" if surface == "spark" else "event_log"
    client = f"mls_assets.orchestration.sensors.{module}.{surface.title()}Client"
    monkeypatch.setattr(client, lambda *_, **__: pytest.fail("asked again"))
    reason = memory.why_not(sensor, cursor=refused.cursor)
    assert "refused" in reason
    assert "asked again in" in reason


def test_a_source_that_did_not_answer_is_not_called_current(
    memory: Memory, sandbox: SandboxServer, later: Any
):
    memory.landed(SPARK)
    sandbox.faults.add_from({"name": "drop_connection", "surface": "spark", "times": 0})
    failed = memory.tick("spark_update_sensor")
    sandbox.faults.clear()
    assert "did not answer" in memory.why_not("spark_update_sensor", cursor=failed.cursor)
    later(5 * 60)
    answered = memory.tick("spark_update_sensor", cursor=failed.cursor)
    assert "is current at" in answered.skip_reason.skip_message


def test_a_feed_that_another_process_works_on_is_left_alone(memory: Memory, tmp_path: Path):
    memory.landed(SPARK, complete=False)
    with FeedLock(tmp_path / "locks", SPARK, "a run elsewhere"):
        for sensor in ("spark_update_sensor", "spark_purge_sensor"):
            assert "run a run elsewhere, since" in memory.why_not(sensor)
    assert memory.asked_for("spark_update_sensor") == [SPARK]


def test_a_feed_that_a_run_holds_which_dagster_gave_up_is_left_alone_too(
    memory: Memory, tmp_path: Path
):
    given_up = memory.run("spark_replicate", DagsterRunStatus.CANCELED, SPARK)
    with FeedLock(tmp_path / "locks", SPARK, given_up):
        assert "being worked on by" in memory.why_not("spark_update_sensor")


def test_a_feed_without_news_gets_no_run_until_the_caches_may_have_caught_up(
    memory: Memory, later: Any
):
    memory.landed(SPARK)
    assert f"{SPARK} is current at 20" in memory.why_not("spark_update_sensor")
    later(20 * 60)
    assert memory.asked_for("spark_update_sensor") == [SPARK]


def test_a_newer_record_at_the_source_makes_a_run(memory: Memory):
    memory.landed(SPARK, newest_modification="2000-01-01T00:00:00+00:00")
    assert memory.asked_for("spark_update_sensor") == [SPARK]


def test_a_page_budget_that_was_used_up_makes_the_next_run(memory: Memory):
    memory.landed(SPARK, complete=False)
    assert memory.asked_for("spark_update_sensor") == [SPARK]


def test_a_feed_with_a_run_in_flight_is_left_alone(memory: Memory):
    memory.run("spark_purge", DagsterRunStatus.STARTED, SPARK)
    for sensor in ("spark_update_sensor", "spark_purge_sensor"):
        assert "in progress since" in memory.why_not(sensor)


def test_a_sweep_is_queued_behind_an_update_or_a_busy_feed_would_never_be_swept(memory: Memory):
    memory.landed(SPARK)
    memory.run("spark_replicate", DagsterRunStatus.STARTED, SPARK)
    assert memory.asked_for("spark_purge_sensor") == [SPARK]


def test_a_failed_run_is_asked_for_again_after_a_while_and_under_a_new_key(
    memory: Memory, later: Any
):
    (first,) = memory.tick("spark_update_sensor").run_requests
    memory.run("spark_replicate", DagsterRunStatus.FAILURE, SPARK)
    assert "failed" in memory.why_not("spark_update_sensor")
    later(61)
    (second,) = memory.tick("spark_update_sensor").run_requests
    assert second.run_key != first.run_key


def test_a_source_that_does_not_answer_is_a_reason_and_no_crash(
    memory: Memory, sandbox: SandboxServer
):
    memory.landed(SPARK)
    sandbox.faults.add_from({"name": "status_401", "surface": "spark", "times": 0})
    reason = memory.why_not("spark_update_sensor")
    assert reason.startswith(SPARK)
    assert sandbox.spark_token not in reason


def test_a_sweep_waits_for_the_download(memory: Memory):
    memory.landed(SPARK, complete=False)
    assert "not downloaded completely" in memory.why_not("spark_purge_sensor")


def test_a_download_is_proven_by_a_sweep_at_once_and_then_every_six_hours(
    memory: Memory, later: Any
):
    memory.landed(SPARK)
    assert memory.asked_for("spark_purge_sensor") == [SPARK]
    memory.run("spark_purge", DagsterRunStatus.SUCCESS, SPARK)
    assert re.search(r"the next sweep is due in [56]\.\d h", memory.why_not("spark_purge_sensor"))
    later(6 * 3600)
    assert memory.asked_for("spark_purge_sensor") == [SPARK]


def test_what_cannot_be_downloaded_does_not_keep_the_others_unproven(memory: Memory, later: Any):
    memory.landed(SPARK, only=("spark_listing_pages", "spark_office_pages"))
    assert "not downloaded completely" in memory.why_not("spark_purge_sensor")
    memory.run("spark_replicate", DagsterRunStatus.FAILURE, SPARK)
    assert memory.asked_for("spark_purge_sensor") == [SPARK]


def test_a_feed_that_is_new_in_the_feeds_file_is_named_and_the_others_go_on(
    memory: Memory, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = tmp_path / "feeds.toml"
    file.write_text(f'[spark.a]\nbase_url = "{sandbox.spark_url}"\n')
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(file))
    running = [
        one for one in all_sensors(all_sources(), load_feeds()) if one.name == "spark_update_sensor"
    ]
    file.write_text(file.read_text() + file.read_text().replace("spark.a", "spark.b"))
    result: Any = running[0](dg.build_sensor_context(instance=memory.instance))
    assert [request.partition_key for request in result.run_requests] == ["spark/a"]
    for sensor in ("spark_update_sensor", "spark_purge_sensor"):
        (found,) = [one for one in all_sensors(all_sources(), Feeds({})) if one.name == sensor]
        told: Any = found(dg.build_sensor_context(instance=memory.instance))
        assert "spark/b is new in the feeds file; restart" in told.skip_reason.skip_message


def test_sweeps_that_a_tick_had_no_time_for_are_the_first_of_the_next(
    memory: Memory, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = tmp_path / "feeds.toml"
    file.write_text(
        "".join(f'[spark.{name}]\nbase_url = "{sandbox.spark_url}"\n' for name in "abc")
    )
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(file))
    cursor = write_times({"missed spark/c": 1.0})
    assert memory.why_not("spark_purge_sensor", cursor).startswith("spark/c: not downloaded")
    monkeypatch.setattr("mls_assets.orchestration.sensors.ticking.TICK_SECONDS", 0.0)
    left = memory.tick("spark_purge_sensor", cursor).cursor
    assert set(read_times(left)) == {f"missed spark/{name}" for name in "abc"}


def test_a_source_that_drips_takes_no_longer_than_a_tick_has_reserved(
    memory: Memory, sandbox: SandboxServer
):
    memory.landed(SPARK)
    sandbox.faults.add_from({"name": "slow_drip", "surface": "spark", "times": 0, "seconds": 1})
    began = time.monotonic()
    memory.why_not("spark_update_sensor")
    assert time.monotonic() - began < ASKING_SECONDS + 5


def test_a_dry_run_is_no_sweep_that_the_next_could_wait_for(memory: Memory):
    memory.landed(SPARK)
    dry = run_config("spark_purge", dry_run=True)
    memory.run("spark_purge", DagsterRunStatus.SUCCESS, SPARK, run_config=dry)
    assert memory.asked_for("spark_purge_sensor") == [SPARK]


def test_a_void_sweep_is_repeated_sooner(memory: Memory, later: Any):
    memory.landed(SPARK)
    memory.materialised("spark_keys", SPARK, keys=10)
    memory.run("spark_purge", DagsterRunStatus.FAILURE, SPARK)
    assert "failed" in memory.why_not("spark_purge_sensor")
    later(61)
    assert memory.asked_for("spark_purge_sensor") == [SPARK]


def test_however_few_feeds_a_tick_has_time_for_all_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
):
    handled: list[str] = []
    times: dict[str, float] = {}
    for number in range(9):
        monkeypatch.setattr("time.time", lambda number=number: float(number))
        tick = Tick()

        def decide(name: str, tick: Tick = tick) -> None:
            handled.append(name)
            if len(handled) % 2 == 0:
                tick.deadline = 0.0

        times = each(tick, "abcdef", times, decide)
    assert handled[:6] == list("abcdef")
    assert {handled.count(name) for name in "abcdef"} == {3}


def test_what_ticks_ask_for_their_jobs_can_be_started_with(memory: Memory):
    asked = {"spark_replicate": memory.tick("spark_update_sensor").run_requests}
    memory.landed(SPARK)
    asked["spark_purge"] = memory.tick("spark_purge_sensor").run_requests
    asked["forge_replicate"] = memory.tick("forge_mls_sensor").run_requests
    memory.materialised("deletion_ledger")
    asked["publish"] = memory.tick("publish_sensor").run_requests
    (daily,) = all_schedules()
    tick = daily.evaluate_tick(dg.build_schedule_context(memory.instance))
    asked[daily.job_name] = tick.run_requests
    assert all(asked.values())
    for job, requests in asked.items():
        for request in requests:
            assert dg.validate_run_config(memory.repository.get_job(job), request.run_config)


def test_no_tick_opens_the_warehouse(memory: Memory, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a sensor opened DuckDB")

    monkeypatch.setattr("duckdb.connect", refuse)
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    memory.landed(SPARK)
    for sensor in SENSORS:
        memory.tick(sensor)
