"""Failures reach a person once, over a real command or a real webhook, and so does their end."""

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.events import EngineEventData
from dagster._utils.error import serializable_error_info_from_exc_info

from mls_assets.errors import ConfigurationError
from mls_assets.orchestration.jobs import run_config
from mls_assets.orchestration.sensors.alerts import after, alert_sensors, news
from mls_assets.orchestration.sensors.failing import OpenFailure
from mls_assets.orchestration.sensors.hook import HOOK_VARIABLE, HookFailed, hook_from_environment
from mls_assets_tests.orchestration.sensors.conftest import SPARK, Memory

SENSOR = "alert_sensor"


class Inbox:
    """What a webhook was told, and what it answers."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self.url = ""


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if box.status == 200:
                box.messages.append(json.loads(body))
            self.send_response(box.status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    box.url = f"http://127.0.0.1:{server.server_port}/hooks/secret-path"
    yield box
    server.shutdown()
    server.server_close()


@pytest.fixture
def webhook(inbox: Inbox, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    monkeypatch.setenv(HOOK_VARIABLE, inbox.url)
    return inbox


def told(inbox: Inbox) -> list[tuple[str, str]]:
    return [(message["name"], message["state"]) for message in inbox.messages]


def test_without_a_hook_the_sensor_says_so(memory: Memory):
    assert f"{HOOK_VARIABLE} names no command" in memory.why_not(SENSOR)


def test_a_failed_run_is_told_once_and_so_is_its_recovery(webhook: Inbox, memory: Memory):
    first = memory.tick(SENSOR)
    assert "0 thing(s) are failing" in first.skip_reason.skip_message
    run_id = memory.run("spark_replicate", DagsterRunStatus.FAILURE, SPARK)
    second = memory.tick(SENSOR, first.cursor)
    third = memory.tick(SENSOR, second.cursor)
    name = f"job spark_replicate {SPARK}"
    assert told(webhook) == [(name, "failing")]
    assert webhook.messages[0]["run_id"] == run_id
    memory.run("spark_replicate", DagsterRunStatus.SUCCESS, SPARK)
    memory.tick(SENSOR, third.cursor)
    assert told(webhook) == [(name, "failing"), (name, "recovered")]


def test_a_red_check_is_told_with_its_reason_in_one_line(webhook: Inbox, memory: Memory):
    memory.checked("listings", "keys_unique", False, "listings: 3\nmedia: 4")
    memory.tick(SENSOR)
    (message,) = webhook.messages
    assert message["text"] == "check keys_unique: listings: 3 media: 4"
    assert message["severity"] == "error"


def test_a_purge_that_reconciles_does_not_hide_another_feeds_blocked_one(
    webhook: Inbox, memory: Memory
):
    memory.checked("sweeps", "purge_reconciles_keys", False, "blocked", feed="spark/a")
    memory.checked("sweeps", "purge_reconciles_keys", True, "equal", feed="spark/b")
    cursor = memory.tick(SENSOR).cursor
    assert told(webhook) == [("check purge_reconciles_keys spark/a", "failing")]
    memory.checked("sweeps", "purge_reconciles_keys", True, "equal", feed="spark/a")
    memory.tick(SENSOR, cursor)
    assert told(webhook)[1:] == [("check purge_reconciles_keys spark/a", "recovered")]


def test_what_a_webhook_did_not_take_is_sent_at_the_next_tick(webhook: Inbox, memory: Memory):
    memory.run("publish", DagsterRunStatus.FAILURE)
    memory.checked("listings", "keys_unique", False, "twice")
    webhook.status = 503
    failed = memory.tick(SENSOR)
    assert "The alert webhook answered 503." in failed.skip_reason.skip_message
    assert "secret-path" not in failed.skip_reason.skip_message
    webhook.status = 200
    memory.tick(SENSOR, failed.cursor)
    assert [name for name, _ in told(webhook)] == ["job publish", "check keys_unique"]


def test_a_webhook_that_points_elsewhere_is_not_followed(webhook: Inbox, memory: Memory):
    memory.run("publish", DagsterRunStatus.FAILURE)
    webhook.status = 302
    assert "answered 302" in memory.why_not(SENSOR)


def test_a_command_gets_the_message_on_its_input_and_no_token(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    script = tmp_path / "hook.py"
    script.write_text(
        "import json, os, pathlib, sys\n"
        "names = sorted(set(os.environ) - {'PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'LC_CTYPE', "
        "'TZ', 'TMPDIR'})\n"
        f"pathlib.Path({str(tmp_path)!r}, 'told').write_text(sys.stdin.read() + '|' + str(names))\n"
    )
    monkeypatch.setenv(HOOK_VARIABLE, shlex.join([sys.executable, str(script)]))
    memory.run("publish", DagsterRunStatus.FAILURE)
    assert "1 message(s) sent" in memory.why_not(SENSOR)
    text, names = (tmp_path / "told").read_text().split("|")
    assert json.loads(text)["name"] == "job publish"
    assert names == "[]"


@pytest.mark.parametrize(
    ("command", "told"),
    [("/no/such/command", "did not do its work"), ("false", "ended with code 1")],
)
def test_a_command_that_fails_is_a_reason_and_no_crash(
    memory: Memory, monkeypatch: pytest.MonkeyPatch, command: str, told: str
):
    monkeypatch.setenv(HOOK_VARIABLE, command)
    memory.run("publish", DagsterRunStatus.FAILURE)
    assert told in memory.why_not(SENSOR)


@pytest.mark.parametrize(
    "named", ["http://alerts.example/x", "ftp://127.0.0.1/x", "sh -c 'unfinished", "https://"]
)
def test_a_hook_that_could_not_work_or_would_leak_is_refused(named: str):
    with pytest.raises(ConfigurationError) as refused:
        hook_from_environment({HOOK_VARIABLE: named})
    assert "No alert is sent" in str(refused.value)


def test_an_unreachable_webhook_is_told_without_its_address():
    hook = hook_from_environment({HOOK_VARIABLE: "http://127.0.0.1:1/secret"})
    assert hook is not None
    with pytest.raises(HookFailed) as failed:
        hook.send("{}")
    assert "secret" not in str(failed.value)


def test_what_grew_worse_is_told_again_and_what_stayed_is_not():
    failing = {name: OpenFailure(name, "error", "why") for name in ("a", "b", "c")}
    before = {"a": ["warning"], "b": ["error"], "gone": ["error"]}
    found = news(before, failing, {"gone", "never told"})
    assert [(message.about.name, message.state) for message in found] == [
        ("a", "failing"),
        ("c", "failing"),
        ("gone", "recovered"),
    ]
    left = before
    for message in found:
        left = after(left, message)
    assert left == {"a": ["error"], "b": ["error"], "c": ["error"]}
    assert news(left, failing, set()) == []


def test_what_was_not_looked_at_did_not_recover():
    assert news({"check x spark/a": ["error"]}, {}, set()) == []


def test_another_offender_is_told_and_one_less_is_not():
    def found(*offenders: str) -> dict[str, OpenFailure]:
        return {"check x": OpenFailure("check x", "error", "why", "", offenders)}

    (first,) = news({}, found("spark/a"), ())
    told = after({}, first)
    assert news(told, found("spark/a"), ()) == []
    (second,) = news(told, found("spark/a", "spark/b"), ())
    told = after(told, second)
    assert news(told, found("spark/b"), ()) == []


def test_many_runs_of_others_do_not_hide_a_job_that_still_fails(webhook: Inbox, memory: Memory):
    memory.run("spark_purge", DagsterRunStatus.FAILURE, SPARK)
    cursor = memory.tick(SENSOR).cursor
    for _ in range(230):
        memory.run("forge_replicate", DagsterRunStatus.SUCCESS, "forge/armls")
    memory.tick(SENSOR, cursor)
    assert told(webhook) == [(f"job spark_purge {SPARK}", "failing")]


def test_many_results_of_others_do_not_end_what_a_guard_still_blocks(
    webhook: Inbox, memory: Memory
):
    memory.checked("sweeps", "purge_reconciles_keys", False, "blocked", feed="spark/a")
    cursor = memory.tick(SENSOR).cursor
    for _ in range(60):
        memory.checked("sweeps", "purge_reconciles_keys", True, "equal", feed="spark/b")
    memory.tick(SENSOR, cursor)
    assert told(webhook) == [("check purge_reconciles_keys spark/a", "failing")]


def test_a_dry_run_mends_nothing(webhook: Inbox, memory: Memory):
    memory.run("spark_purge", DagsterRunStatus.FAILURE, SPARK)
    cursor = memory.tick(SENSOR).cursor
    dry = run_config("spark_purge", dry_run=True)
    memory.run("spark_purge", DagsterRunStatus.SUCCESS, SPARK, run_config=dry)
    memory.tick(SENSOR, cursor)
    assert told(webhook) == [(f"job spark_purge {SPARK}", "failing")]


def test_an_approval_that_was_refused_is_for_whoever_gave_it(webhook: Inbox, memory: Memory):
    given = run_config("spark_purge", approve="an-old-sweep", approved_by="ann")
    memory.landed(SPARK)
    memory.run("spark_purge", DagsterRunStatus.FAILURE, SPARK, run_config=given)
    memory.tick(SENSOR)
    assert webhook.messages == []
    assert memory.asked_for("spark_purge_sensor") == [SPARK]


def test_a_feeds_file_that_cannot_be_read_is_told_for_no_run_fails_of_it(
    webhook: Inbox, memory: Memory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    file = tmp_path / "feeds.toml"
    file.write_text("[spark.a\n")
    (sensor,) = alert_sensors(dg.DefaultSensorStatus.RUNNING)
    known: dict[str, Any] = {"instance": memory.instance, "repository_def": memory.repository}
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(file))
    first: Any = sensor(dg.build_sensor_context(**known))
    file.write_text("[spark.a]\n")
    sensor(dg.build_sensor_context(cursor=first.cursor, **known))
    assert told(webhook) == [("configuration", "failing"), ("configuration", "recovered")]
    assert "feeds.toml" in webhook.messages[0]["text"]


def test_dagsters_own_trouble_is_told_as_the_reason(webhook: Inbox, memory: Memory):
    run_id = memory.run("publish", DagsterRunStatus.STARTED)
    run = memory.instance.get_run_by_id(run_id)
    assert run is not None
    try:
        raise ConnectionError
    except ConnectionError:
        trouble = EngineEventData(error=serializable_error_info_from_exc_info(sys.exc_info()))
    memory.instance.report_engine_event("Could not reach the code server.", run, trouble)
    memory.instance.report_run_failed(run)
    memory.tick(SENSOR)
    assert webhook.messages[0]["text"] == "job publish: Could not reach the code server."


def test_a_result_of_several_feeds_is_overtaken_by_the_next_of_one(webhook: Inbox, memory: Memory):
    memory.checked("sweeps", "purge_reconciles_keys", False, "No purge has been judged yet.")
    cursor = memory.tick(SENSOR).cursor
    memory.checked("sweeps", "purge_reconciles_keys", True, "equal", feed="spark/a")
    memory.tick(SENSOR, cursor)
    name = "check purge_reconciles_keys"
    assert told(webhook) == [(name, "failing"), (name, "recovered")]


def test_a_result_of_several_feeds_counts_for_each_of_them(webhook: Inbox, memory: Memory):
    memory.checked(
        *("sweeps", "purge_reconciles_keys", False, "spark/b is blocked"),
        feeds=["spark/a", "spark/b"],
        offenders=["spark/b"],
    )
    cursor = memory.tick(SENSOR).cursor
    memory.checked("sweeps", "purge_reconciles_keys", True, "equal", feed="spark/a")
    cursor = memory.tick(SENSOR, cursor).cursor
    assert told(webhook) == [("check purge_reconciles_keys spark/b", "failing")]
    memory.checked("sweeps", "purge_reconciles_keys", True, "equal", feed="spark/b")
    memory.tick(SENSOR, cursor)
    assert told(webhook)[1:] == [("check purge_reconciles_keys spark/b", "recovered")]


def test_a_check_that_counts_its_offenders_instead_of_naming_them_is_told_too(
    webhook: Inbox, memory: Memory
):
    memory.checked("listings", "keys_unique", False, "twice", offenders=3)
    memory.tick(SENSOR)
    assert told(webhook) == [("check keys_unique", "failing")]


def test_a_check_that_an_upgrade_took_away_does_not_fail_for_ever(webhook: Inbox, memory: Memory):
    memory.tick(SENSOR, json.dumps({"check of_old": ["error"]}))
    assert told(webhook) == [("check of_old", "recovered")]


def test_what_does_not_go_out_in_time_goes_out_at_the_next_tick(
    webhook: Inbox, memory: Memory, monkeypatch: pytest.MonkeyPatch
):
    memory.run("publish", DagsterRunStatus.FAILURE)
    memory.run("compact", DagsterRunStatus.FAILURE)
    monkeypatch.setattr("mls_assets.orchestration.sensors.alerts._SECONDS_A_TICK", -1.0)
    first = memory.tick(SENSOR)
    assert "0 message(s) sent, 2 wait" in first.skip_reason.skip_message
    monkeypatch.setattr("mls_assets.orchestration.sensors.alerts._SECONDS_A_TICK", 30.0)
    memory.tick(SENSOR, first.cursor)
    assert len(webhook.messages) == 2
