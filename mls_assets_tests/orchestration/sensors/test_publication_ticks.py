"""Ticks of the publication's sensor on a real instance."""

from typing import Any

from dagster import DagsterRunStatus

from mls_assets_tests.orchestration.sensors.conftest import SPARK, Memory

ARMLS = "forge/armls"


def test_a_run_that_broke_off_is_followed_by_a_look_for_what_it_removed(memory: Memory, later: Any):
    memory.run("publish", DagsterRunStatus.SUCCESS)
    assert memory.why_not("publish_sensor") == "nothing changed since the last publication"
    memory.run("forge_replicate", DagsterRunStatus.FAILURE, ARMLS)
    assert "not five minutes old" in memory.why_not("publish_sensor"), "however many break off"
    later(301)
    assert memory.tick("publish_sensor").run_requests


def test_once_an_hour_it_is_looked_whether_there_is_anything_to_publish(memory: Memory, later: Any):
    memory.run("publish", DagsterRunStatus.SUCCESS)
    later(3601)
    assert memory.tick("publish_sensor").run_requests


def test_a_publication_that_found_nothing_new_is_not_asked_for_again(memory: Memory, later: Any):
    memory.materialised("deletion_ledger", scrubbed=1)
    assert memory.tick("publish_sensor").run_requests
    later(600)
    memory.run("publish", DagsterRunStatus.SUCCESS)
    assert memory.why_not("publish_sensor") == "nothing changed since the last publication"


def test_rows_that_were_written_are_published_and_a_run_without_any_is_not(memory: Memory):
    memory.materialised("listings", **{f"written {SPARK}": 0})
    assert "nothing changed" in memory.why_not("publish_sensor")
    memory.materialised("listings", **{f"written {SPARK}": 2})
    (request,) = memory.tick("publish_sensor").run_requests
    config = request.run_config["ops"]["published_database"]["config"]
    assert config == {"only_if_changed": True, "accept_loss": False}
    memory.materialised("published_database")
    assert "nothing changed" in memory.why_not("publish_sensor")


def test_a_removal_is_published_five_minutes_after_the_last_publication(memory: Memory, later: Any):
    memory.materialised("published_database")
    memory.materialised("deletion_ledger", **{f"removed {SPARK}": 1})
    assert "not five minutes old" in memory.why_not("publish_sensor")
    later(300)
    assert memory.tick("publish_sensor").run_requests
