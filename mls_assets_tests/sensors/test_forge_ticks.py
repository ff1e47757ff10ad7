"""Ticks of Forge's sensors against a real source and a real instance."""

from pathlib import Path
from typing import Any

import pytest

from mls_assets.errors import SourceUnreachable
from mls_assets.sandbox.server import SandboxServer
from mls_assets.sources import MLSES_A_QUESTION, ForgeClient, Position
from mls_assets_tests.sensors.conftest import Memory

ARMLS, RMLS = "forge/armls", "forge/rmls"


def _newest_event(sandbox: SandboxServer, mls: str) -> int:
    with ForgeClient(sandbox.forge_url, sandbox.forge_token) as client:
        position = client.positions([mls], {})[mls]
    assert isinstance(position, Position)
    assert not position.remaining
    return position.latest_event


def test_an_mls_that_was_current_a_moment_ago_is_not_asked_about(memory: Memory, later: Any):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    memory.landed(ARMLS, cursor="0")
    assert "brought to current 0 s ago" in memory.why_not("forge_event_sensor")
    later(61)
    assert memory.asked_for("forge_event_sensor") == [ARMLS]


def test_a_configured_mls_that_forge_does_not_list_is_named(
    memory: Memory, sandbox: SandboxServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(f'[forge]\nurl = "{sandbox.forge_url}"\nmlses = ["armls", "typo"]\n')
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(feeds))
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    assert "forge/typo is configured, but Forge does not list it" in memory.why_not(
        "forge_mls_sensor"
    )


def test_a_question_that_fails_is_no_failure_of_the_next_mlss(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, later: Any
):
    names = [f"mls{number:03d}" for number in range(MLSES_A_QUESTION + 1)]
    memory.instance.add_dynamic_partitions("forge_mls", [f"forge/{name}" for name in names])
    for name in names:
        memory.landed(f"forge/{name}", cursor="5")
    later(61)
    asked: list[str] = []

    def answer(_: object, mlses: list[str], *__: object) -> dict[str, Position]:
        asked.extend(mlses)
        if names[0] in mlses:
            raise SourceUnreachable("no answer")
        return {mls: Position(9, 4) for mls in mlses}

    monkeypatch.setattr(ForgeClient, "positions", answer)
    result = memory.tick("forge_event_sensor")
    assert sorted(asked) == names
    assert len(result.run_requests) == 1


def test_new_mlss_get_their_partition_and_first_run(memory: Memory):
    result = memory.tick("forge_mls_sensor")
    (added,) = result.dynamic_partitions_requests
    assert sorted(added.partition_keys) == [ARMLS, RMLS]
    assert sorted(request.partition_key for request in result.run_requests) == [ARMLS, RMLS]


def test_known_mlss_are_no_news(memory: Memory):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    assert "Forge lists 2 MLSs; the 2 wanted are known" in memory.why_not("forge_mls_sensor")


def test_a_vanished_mls_is_reported_once_and_kept(memory: Memory):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS, "forge/gone"])
    first = memory.tick("forge_mls_sensor")
    (event,) = first.asset_events
    assert event.partition == "forge/gone"
    assert "erase forge/gone" in event.description
    second = memory.tick("forge_mls_sensor", cursor=first.cursor)
    assert not second.asset_events
    assert "forge/gone is not listed" in second.skip_reason.skip_message
    assert memory.instance.has_dynamic_partition("forge_mls", "forge/gone")


def test_a_failed_read_of_the_mlss_is_no_empty_answer(memory: Memory, sandbox: SandboxServer):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    sandbox.faults.add_from({"name": "status_401", "surface": "forge", "times": 0})
    assert "not listed" not in memory.why_not("forge_mls_sensor")


def test_only_the_mls_with_new_events_gets_a_run(
    memory: Memory, sandbox: SandboxServer, later: Any
):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    for mls in ("armls", "rmls"):
        newest = _newest_event(sandbox, mls)
        memory.landed(f"forge/{mls}", cursor=str(newest if mls == "armls" else newest - 1))
    later(61)
    result = memory.tick("forge_event_sensor")
    assert [request.partition_key for request in result.run_requests] == [RMLS]


def test_mlss_that_a_tick_had_no_time_for_are_the_first_of_the_next(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    for feed in (ARMLS, RMLS):
        memory.landed(feed, complete=False)
    with monkeypatch.context() as patch:
        patch.setattr("mls_assets.sensors.ticking.TICK_SECONDS", 0.0)
        first = memory.tick("forge_event_sensor")
    assert first.skip_reason.skip_message == (
        "the time of this tick is up; 2 other feed(s) come next"
    )
    memory.instance.delete_dynamic_partition("forge_mls", ARMLS)
    memory.instance.add_dynamic_partitions("forge_mls", ["forge/new", ARMLS])
    memory.landed("forge/new", complete=False)
    second = memory.tick("forge_event_sensor", cursor=first.cursor)
    asked = [request.partition_key for request in second.run_requests]
    assert set(asked[:2]) == {ARMLS, RMLS}
    assert asked[2:] == ["forge/new"]
    assert "missed" not in second.cursor


def test_of_hundreds_of_feeds_a_tick_tells_some_reasons_and_how_many_more(memory: Memory):
    memory.instance.add_dynamic_partitions(
        "forge_mls", [f"forge/mls{number}" for number in range(50)]
    )
    reason = memory.why_not("forge_event_sensor")
    assert reason.count("requests its first run") == 40
    assert reason.endswith("; and 10 more")


def test_a_quiet_mls_gets_a_run_every_hour(memory: Memory, sandbox: SandboxServer, later: Any):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    memory.landed(ARMLS, cursor=str(_newest_event(sandbox, "armls")))
    later(61)
    assert "armls is current at event 14" in memory.why_not("forge_event_sensor")
    later(3600)
    assert memory.asked_for("forge_event_sensor") == [ARMLS]


def test_an_mls_without_a_partition_yet_is_named(
    memory: Memory, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    reason = memory.why_not("forge_event_sensor")
    assert "without a partition yet: every MLS; forge_mls_sensor" in reason
    file = tmp_path / "feeds.toml"
    file.write_text(f'[forge]\nurl = "{sandbox.forge_url}"\nmlses = ["armls", "rmls"]\n')
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(file))
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    assert f"without a partition yet: {RMLS};" in memory.why_not("forge_event_sensor")


def test_a_partition_that_a_person_added_gets_its_first_run_from_the_events_sensor(
    memory: Memory, later: Any
):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS])
    first = memory.tick("forge_event_sensor")
    assert "forge_mls_sensor requests its first run" in first.skip_reason.skip_message
    later(120)
    second = memory.tick("forge_event_sensor", cursor=first.cursor)
    assert [request.partition_key for request in second.run_requests] == [ARMLS]
