"""A refused token or a host that is down is red and told at once, without a run."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRunStatus
from dagster._core.events import DagsterEvent
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData

from mls_assets.orchestration.sensors import window
from mls_assets.orchestration.sensors.hook import HOOK_VARIABLE
from mls_assets.orchestration.source_alarms import CHECK
from mls_assets.replication.reporting.findings import FindingKind, Findings
from mls_assets.sandbox.server import SandboxServer
from mls_assets_tests.orchestration.sensors.conftest import SPARK, SPARK_PAGES, Memory

ARMLS, RMLS = "forge/armls", "forge/rmls"


@pytest.fixture
def told(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[], list[Any]]:
    """Return a function that lets the alert sensor tick, and returns all that its hook was told."""
    letters = tmp_path / "letters"
    monkeypatch.setenv(HOOK_VARIABLE, f"sh -c 'cat >> {letters}; echo >> {letters}'")
    cursor: list[str | None] = [None]

    def look() -> list[Any]:
        cursor[0] = memory.tick("alert_sensor", cursor[0]).cursor
        lines = letters.read_text().splitlines() if letters.exists() else []
        return [(message["state"], message["text"]) for message in map(json.loads, lines)]

    return look


@pytest.fixture
def here(memory: Memory, sandbox: SandboxServer, later: Any) -> Iterator[Memory]:
    """Everything is downloaded and current; the next tick asks the sources."""
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    for feed in (SPARK, ARMLS, RMLS):
        memory.landed(feed)
    later(120)
    yield memory
    sandbox.faults.clear()


def red(result: Any, memory: Memory) -> dg.AssetCheckEvaluation | None:
    """Store what a tick reported, as the daemon does; returns its evaluation of the check."""
    found = None
    for event in result.asset_events:
        memory.instance.report_runless_asset_event(event)
        if isinstance(event, dg.AssetCheckEvaluation):
            found = event
    return found


@pytest.mark.parametrize(
    ("sensor", "surface", "feed"),
    [
        ("spark_update_sensor", "spark", SPARK),
        ("forge_event_sensor", "forge", "forge"),
        ("forge_mls_sensor", "forge", "forge"),
    ],
)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("status_401", FindingKind.REFUSED), ("status_502", FindingKind.UNREACHABLE)],
)
def test_a_tick_that_is_not_served_is_red_and_told_at_once_and_ends_by_the_next_answer(
    here: Memory,
    sandbox: SandboxServer,
    told: Callable[[], list[Any]],
    later: Any,
    tmp_path: Path,
    sensor: str,
    surface: str,
    feed: str,
    fault: str,
    kind: FindingKind,
):
    sandbox.faults.add_from({"name": fault, "surface": surface, "times": 0})
    result = here.tick(sensor)
    evaluation = red(result, here)
    assert evaluation is not None
    assert not evaluation.passed
    assert (evaluation.asset_key, evaluation.check_name) == (CHECK.asset_key, CHECK.name)
    assert feed in (evaluation.description or "")
    (finding,) = Findings(tmp_path).all()
    assert (finding.feed, finding.kind, finding.by) == (feed, kind, sensor)
    ((state, text),) = told()
    assert state == "failing"
    assert feed in text
    again = here.tick(sensor, result.cursor)
    assert red(again, here) is None, "the same is not reported with each tick"
    assert len(told()) == 1
    sandbox.faults.clear()
    later(31 * 60 if kind is FindingKind.REFUSED else 5 * 60)
    for one in (SPARK, ARMLS, RMLS):
        here.landed(one)
    later(35 * 60)
    evaluation = red(here.tick(sensor, again.cursor), here)
    assert evaluation is not None
    assert evaluation.passed
    assert [state for state, _ in told()] == ["failing", "recovered"]


def test_one_token_for_all_mlss_is_one_message(
    here: Memory, sandbox: SandboxServer, told: Callable[[], list[Any]]
):
    sandbox.faults.add_from({"name": "status_401", "surface": "forge", "times": 0})
    for sensor in ("forge_event_sensor", "forge_mls_sensor"):
        red(here.tick(sensor), here)
    assert len(told()) == 1


def test_one_host_for_many_feeds_is_one_message(
    memory: Memory, told: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(
        "\n".join(
            f'[spark.f{n}]\ntoken_env = "SPARK_ACCESS_TOKEN"\nbase_url = "http://127.0.0.1:9"\n'
            for n in range(3)
        )
    )
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(feeds))
    for n in range(3):
        memory.landed(f"spark/f{n}", only=SPARK_PAGES)
    monkeypatch.setattr(window, "TICK_PATIENCE", 0.1)
    memory.tick("spark_update_sensor")
    messages = told()
    hosts = [text for _, text in messages if "127.0.0.1:9" in text]
    assert len(hosts) == 1
    assert "spark/f0, spark/f1, spark/f2" in hosts[0]


def test_a_run_that_was_refused_is_told_by_its_cause_alone_and_is_over_when_served_again(
    here: Memory, told: Callable[[], list[Any]], tmp_path: Path
):
    findings = Findings(tmp_path)
    findings.note(SPARK, "spark_pages", FindingKind.REFUSED, f"{SPARK}: the token was refused.")
    run_id = here.run("spark_replicate", DagsterRunStatus.FAILURE, SPARK)
    failed_by(here, run_id, "TokenRefused")
    assert [text.split(":")[0] for _, text in told()] == [f"source feed {SPARK}"]
    findings.succeeded(SPARK, "spark_pages")
    assert [state for state, _ in told()] == ["failing", "recovered"]


def failed_by(memory: Memory, run_id: str, kind: str) -> None:
    """Remember that a run's step failed by a typed error."""
    told = UserFailureData(
        label="failure",
        description="refused",
        metadata={"exit_code": dg.MetadataValue.int(2), "kind": dg.MetadataValue.text(kind)},
    )
    event = DagsterEvent(
        event_type_value=DagsterEventType.STEP_FAILURE.value,
        job_name="spark_replicate",
        event_specific_data=StepFailureData(error=None, user_failure_data=told),
    )
    entry = dg.EventLogEntry(
        error_info=None,
        level=40,
        user_message="",
        run_id=run_id,
        timestamp=time.time(),
        dagster_event=event,
    )
    memory.instance.store_event(entry)
