"""Ticks of Forge's sensors against a real source and a real instance."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus
from dagster._core.execution.plan.objects import StepFailureData, UserFailureData

from mls_assets.errors import SourceRefused, SourceUnreachable
from mls_assets.orchestration.running import EXIT_CODE, KIND
from mls_assets.sandbox.server import SandboxServer
from mls_assets.sources import MAX_MLSES_PER_QUERY, ForgeClient, Mls, MlsList, Position
from mls_assets_tests.orchestration.sensors.conftest import SPARK, Memory

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
    names = [f"mls{number:03d}" for number in range(MAX_MLSES_PER_QUERY + 1)]
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
    assert not first.asset_events, "one answer alone may be an odd one"
    assert "forge/gone is not listed" in first.skip_reason.skip_message
    second = memory.tick("forge_mls_sensor", cursor=first.cursor)
    (event,) = second.asset_events
    assert event.partition == "forge/gone"
    assert "erase forge/gone" in event.description
    third = memory.tick("forge_mls_sensor", cursor=second.cursor)
    assert not third.asset_events
    assert "forge/gone is not listed" in third.skip_reason.skip_message
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
        patch.setattr("mls_assets.orchestration.sensors.ticking.TICK_SECONDS", 0.0)
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


ODD = [
    "forge/" + "é" * 50,
    "forge/" + "x" * 255,
    "forge/a/b",
    "forge/..",
    "forge/🏠",
    "forge/ARMLS",
]


def test_an_odd_name_of_one_mls_is_no_trouble_of_the_others(memory: Memory, later: Any):
    memory.instance.add_dynamic_partitions("forge_mls", [*ODD, ARMLS])
    for feed in (*ODD, ARMLS):
        memory.landed(feed, complete=False)
    assert sorted(memory.asked_for("forge_event_sensor")) == sorted([*ODD, ARMLS])


@pytest.mark.parametrize("sensor", ["forge_event_sensor", "spark_update_sensor"])
def test_an_unexpected_error_of_one_feed_is_told_as_its_own(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, sensor: str
):
    feeds = [ARMLS, RMLS] if sensor == "forge_event_sensor" else [SPARK]
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    for feed in feeds:
        memory.landed(feed, complete=False)

    def broken(_: object, feed: str) -> None:
        if feed == feeds[0]:
            raise OSError(36, "File name too long: 12 Main Street")

    module = "event_log" if len(feeds) > 1 else "window"
    monkeypatch.setattr(f"mls_assets.orchestration.sensors.{module}.foreign_lock_holder", broken)
    result = memory.tick(sensor)
    if len(feeds) > 1:
        assert [request.partition_key for request in result.run_requests] == [RMLS]
    else:
        told = result.skip_reason.skip_message
        assert f"{SPARK}: Unexpected OSError at" in told
        assert "Main Street" not in told


def lists(monkeypatch: pytest.MonkeyPatch, keys: list[str], odd: tuple[str, ...] = ()) -> None:
    listed = MlsList(tuple(Mls(key, key, None, ()) for key in keys), odd)
    monkeypatch.setattr(ForgeClient, "mlses", lambda self: listed)


def test_an_mls_that_dagster_takes_no_partition_for_is_named_and_the_others_begin(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
):
    lists(monkeypatch, ["armls", "a...b", "é" * 50])
    result = memory.tick("forge_mls_sensor")
    asked = [request.partition_key for request in result.run_requests]
    assert asked == [ARMLS, "forge/" + "é" * 50]
    (added,) = result.dynamic_partitions_requests
    memory.instance.add_dynamic_partitions("forge_mls", list(added.partition_keys))
    assert "'forge/a...b': Dagster takes no partition" in memory.why_not("forge_mls_sensor")


def test_an_answer_with_entries_that_cannot_be_read_makes_no_mls_vanish(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    lists(monkeypatch, ["armls"], odd=("an MLS whose key is null",))
    first = memory.tick("forge_mls_sensor")
    second = memory.tick("forge_mls_sensor", cursor=first.cursor)
    assert not second.asset_events
    assert "not listed" not in second.skip_reason.skip_message
    assert "whose key is null" in second.skip_reason.skip_message
    lists(monkeypatch, ["armls"])
    third = memory.tick("forge_mls_sensor", cursor=second.cursor)
    assert not third.asset_events
    assert memory.tick("forge_mls_sensor", cursor=third.cursor).asset_events


def test_an_mls_that_one_answer_left_out_is_not_reported(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    cursor = None
    for keys in (["armls"], ["armls", "rmls"], ["armls"], ["armls", "rmls"]):
        lists(monkeypatch, keys)
        result = memory.tick("forge_mls_sensor", cursor=cursor)
        assert not result.asset_events
        cursor = result.cursor


def _lost_access(memory: Memory, feed: str, error: str = "AccessLost") -> None:
    """Remember a run of a feed that was told so."""
    run_id = memory.run("forge_replicate", DagsterRunStatus.FAILURE, feed)
    failed = StepFailureData(
        error=None,
        user_failure_data=UserFailureData(
            error,
            "told so",
            {EXIT_CODE: dg.MetadataValue.int(1), KIND: dg.MetadataValue.text(error)},
        ),
    )
    memory.instance.report_dagster_event(
        DagsterEvent(
            DagsterEventType.STEP_FAILURE.value, "forge_replicate", event_specific_data=failed
        ),
        run_id,
    )


def _ticks(memory: Memory, times: int) -> Any:
    result: Any = None
    for _ in range(times):
        result = memory.tick("forge_mls_sensor", cursor=result.cursor if result else None)
    return result


def _deleted(result: Any) -> list[str]:
    return [key for request in result.dynamic_partitions_requests or []
            if isinstance(request, dg.DeleteDynamicPartitionsRequest)
            for key in request.partition_keys]  # fmt: skip


def test_a_vanished_mls_loses_its_partition_when_list_and_run_agree(memory: Memory):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS, "forge/gone"])
    assert _deleted(_ticks(memory, 4)) == [], "its runs were never told so"
    _lost_access(memory, "forge/gone", "SourceUnreachable")
    assert _deleted(_ticks(memory, 4)) == [], "nor were they now"
    _lost_access(memory, "forge/gone")
    assert _deleted(_ticks(memory, 2)) == [], "two lists prove nothing"
    result = _ticks(memory, 3)
    assert _deleted(result) == ["forge/gone"]
    assert "forge/gone loses its partition" in result.skip_reason.skip_message


def test_an_mls_that_is_listed_keeps_its_partition_whatever_its_runs_were_told(memory: Memory):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    _lost_access(memory, ARMLS)
    assert _deleted(_ticks(memory, 4)) == []


def test_the_partition_of_a_run_in_flight_waits(memory: Memory):
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS, "forge/gone"])
    _lost_access(memory, "forge/gone")
    memory.run("forge_replicate", DagsterRunStatus.STARTED, "forge/gone")
    assert _deleted(_ticks(memory, 4)) == []


def test_an_excluded_mls_gets_no_partition_and_loses_the_one_that_it_has(
    memory: Memory, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = tmp_path / "feeds.toml"
    file.write_text(f'[forge]\nurl = "{sandbox.forge_url}"\nexclude = ["armls"]\n')
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(file))
    result = memory.tick("forge_mls_sensor")
    assert [request.partition_key for request in result.run_requests] == [RMLS]
    memory.instance.add_dynamic_partitions("forge_mls", [ARMLS, RMLS])
    assert _deleted(memory.tick("forge_mls_sensor")) == [ARMLS]
    assert ARMLS not in memory.asked_for("forge_event_sensor")


@pytest.mark.parametrize("whole", [True, False])
def test_an_mls_for_which_a_whole_question_is_refused_does_not_silence_the_others(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, later: Any, whole: bool
):
    names = [f"mls{number:02d}" for number in range(MAX_MLSES_PER_QUERY)]
    memory.instance.add_dynamic_partitions("forge_mls", [f"forge/{name}" for name in names])
    for name in names:
        memory.landed(f"forge/{name}", cursor="5")
    later(61)
    asked: list[int] = []

    def answer(_: object, mlses: list[str], *__: object) -> dict[str, Any]:
        asked.append(len(mlses))
        refused = SourceRefused("no such MLS")
        if "mls17" in mlses and whole:
            raise refused
        if "mls17" in mlses:
            return dict.fromkeys(mlses, refused)
        return {mls: Position(9, 4) for mls in mlses}

    monkeypatch.setattr(ForgeClient, "positions", answer)
    result = memory.tick("forge_event_sensor")
    requested = {request.partition_key for request in result.run_requests}
    assert requested == {f"forge/{name}" for name in names} - {"forge/mls17"}
    assert len(asked) <= 13
