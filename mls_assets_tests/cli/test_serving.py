"""The UI with its daemon: started on any data folder, ended as a whole."""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from mls_assets.demo import dev
from mls_assets.demo.dev import environment_of
from mls_assets.errors import ConfigurationError
from mls_assets.terminal.keeper import ENDING
from mls_assets.terminal.serving import free_port, refuse_survivors

PATIENCE = 240


def heard():
    """Let a process hear the signals that the tests themselves may have been started deaf to."""
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def serving(script, *arguments, **env):
    """The verb as a process, killed at the end if it is still there."""
    running = subprocess.Popen(
        script.command("ui", *arguments),
        env={**script.environment(), **env},
        cwd=script.folder.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heard,
    )
    try:
        yield running
    finally:
        running.kill()
        with running:  # closes its pipes
            pass


def until_ready(running):
    """The lines that the verb says until the UI answers, and its address."""
    lines = []
    for line in running.stdout:
        lines.append(line.strip())
        if line.startswith("Ready: "):
            return lines, line.split()[1]
    raise AssertionError((lines, running.stderr.read()))


def left_over(folder):
    """Processes that work on this data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if f"MLS_ASSETS_DATA={folder}\0".encode() in (entry / "environ").read_bytes():
                    found.append(entry.name)
    return found


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_ui_starts_before_any_verb_and_ends_with_all_its_processes(script, sandbox, number):
    by_hand = script.folder / "dagster_home"
    if number == signal.SIGTERM:
        by_hand.mkdir(parents=True)
    environment = {
        "SPARK_ACCESS_TOKEN": sandbox.spark_token,
        "SPARK_BASE_URL": sandbox.spark_url,
        "DAGSTER_HOME": str(by_hand),
    }
    with serving(script, "--port", "0", **environment) as running:
        lines, url = until_ready(running)
        assert any("Sensors are on" in line for line in lines)
        assert "telemetry" in (by_hand / "dagster.yaml").read_text()
        assert 'telemetryEnabled": true' not in requests.get(url, timeout=30).text
        with serving(script, "--port", "0", **environment) as second:
            _, err = second.communicate(timeout=PATIENCE)
            assert second.returncode == 2
            assert err.startswith("error: Another `mls-assets ui` serves ")
        while not (script.folder / "warehouse.duckdb").exists():  # a sensor asked for a run
            assert running.poll() is None
            time.sleep(0.5)
        running.send_signal(number)
        _, err = running.communicate(timeout=PATIENCE)
        assert running.returncode == 0
        assert err == ""
    assert left_over(script.folder) == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_what_the_ui_started_ends_with_it_even_if_it_was_killed(script, spark_only):
    with serving(script, "--port", "0", **spark_only.env) as running:
        until_ready(running)
        lock = json.loads((script.folder / "dagster_home" / "ui_processes.lock").read_text())
        # held up, so that what it has to end is still there when the second one starts
        keeper = int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(lock["pid"])]))
        os.kill(keeper, signal.SIGSTOP)
        running.kill()
        running.wait()
        with serving(script, "--port", "0", **spark_only.env) as second:
            _, err = second.communicate(timeout=PATIENCE)
        assert second.returncode == 2
        assert err.startswith("error: Processes of a Dagster UI still work on ")
        os.kill(keeper, signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE
    while left_over(script.folder):
        assert time.monotonic() < deadline, "the daemon would go on without an end"
        time.sleep(0.2)
    refuse_survivors(script.folder / "dagster_home")


def test_a_port_in_use_is_one_clear_line_and_nothing_is_started(script):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = script("ui", "--port", str(port))
        with pytest.raises(ConfigurationError, match="PORT=3001"):
            free_port(port, dev._OTHER_PORT)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "--port" in line


def test_a_bad_feeds_file_is_one_clear_line(script, tmp_path):
    bad = tmp_path / "feeds.toml"
    bad.write_text("[spark")
    result = script("ui", MLS_ASSETS_FEEDS=str(bad))
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("verb", [("ui", "--port", "0"), ("status",), ("replicate",)])
def test_a_mistyped_switch_of_the_sensors_is_one_clear_line(script, verb):
    result = script(*verb, MLS_ASSETS_SENSORS="true", SPARK_ACCESS_TOKEN="secret")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: MLS_ASSETS_SENSORS is 'true', but has to be on or off. Nothing")


def test_make_dev_keeps_the_alert_hook_and_forgets_other_data(tmp_path):
    given = {"MLS_ASSETS_ALERT": "https://chat.example", "MLS_ASSETS_DATABASE": "/mine",
             "MLS_ASSETS_FEEDS": "/mine.toml", "PATH": "/bin"}  # fmt: skip
    environment = environment_of(tmp_path, given)
    assert environment["MLS_ASSETS_ALERT"] == "https://chat.example"
    assert not {"MLS_ASSETS_DATABASE", "MLS_ASSETS_FEEDS"} & set(environment)
    assert environment["MLS_ASSETS_SENSORS"] == "on"
