"""Whoever reads the output, or does not, changes nothing about the work and its exit code."""

import json
import os
import pty
import signal
import subprocess
import time
from datetime import datetime

import pytest

from mls_assets_tests.cli.test_working import published, status_of

WHOLE = [(80,)]
COUNT = "SELECT count(*) FROM listings WHERE source = 'spark'"


def shell(script, line, **env):
    """Run a line of bash in which `$verb` is the console script."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env={**script.environment(), "verb": " ".join(script.command()), **env},
        cwd=script.folder.parent,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=400,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("$verb replicate | head -1", ""),
        (
            "$verb replicate > /dev/full",
            "note: Standard output could not take everything (No",
        ),
        pytest.param(
            *("$verb replicate >&-", "note: Standard output could not take everything"),
            marks=pytest.mark.long,
        ),
        pytest.param(*("$verb replicate <&- >&- 2>&-", ""), marks=pytest.mark.long),
    ],
)
def test_a_pass_goes_on_when_nobody_takes_its_output(spark_only, line, told):
    done = shell(spark_only, line, PYTHONUNBUFFERED="1")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(told)
    assert len(done.stderr.splitlines()) == bool(told)
    assert published(spark_only, COUNT) == WHOLE


def test_a_failure_keeps_its_exit_code_when_nobody_takes_its_line(spark_only):
    refused = {"SPARK_ACCESS_TOKEN": "wrong-token"}
    assert shell(spark_only, "$verb replicate 2> /dev/full", **refused).returncode == 2
    assert shell(spark_only, "$verb replicate > /dev/full 2>&1", **refused).returncode == 2
    assert shell(spark_only, "$verb replicate 2>&-", **refused).returncode == 2


@pytest.mark.long
def test_a_terminal_that_is_closed_ends_the_showing_and_not_the_work(spark_only, sandbox):
    sandbox.faults.add("status_429", "spark", times=2, retry_after=2)
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        spark_only.command("replicate"),
        env={**spark_only.environment(), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        while not sandbox.faults.active()[0].hits:
            assert running.poll() is None
            time.sleep(0.05)
        os.close(ours)
        running.send_signal(signal.SIGHUP)
        assert running.wait(120) == 0
    finally:
        running.kill()
    assert published(spark_only, COUNT) == WHOLE


@pytest.mark.long
def test_what_a_verb_shows_is_whole_or_its_exit_code_says_that_it_is_not(spark_only):
    assert spark_only("replicate", "--no-publish").returncode == 0
    assert shell(spark_only, "$verb status | head -1").returncode == 0
    assert shell(spark_only, "$verb status | true").returncode == 0
    for line in (
        "$verb status > /dev/full",
        "$verb status --json > /dev/full",
        "$verb status --json >&-",
        "$verb status --json | true",
    ):
        cut = shell(spark_only, line)
        assert cut.returncode == 1, line
        assert cut.stderr.startswith("error: Standard output did not take the whole answer"), line
        assert len(cut.stderr.splitlines()) == 1
    through = shell(spark_only, "$verb status --json | cat")
    assert len(json.loads(through.stdout)["feeds"]) == 4


@pytest.mark.parametrize(
    "terminal",
    [
        {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii:strict", "TERM": "dumb", "LANG": "de_DE.ISO-8859-1"},
        {"PYTHONIOENCODING": "ascii", "COLUMNS": "0", "LINES": "0"},
    ],
)
def test_a_terminal_that_lacks_letters_gets_the_others(spark_only, terminal, tmp_path):
    odd = tmp_path / "Münchén 東京"
    done = spark_only("status", MLS_ASSETS_DATA=str(odd), **terminal)
    assert done.returncode == 0, done.stderr
    assert "spark/default" in done.stdout
    failed = spark_only("publish", MLS_ASSETS_DATA=str(odd / "no" / "\udcff"), **terminal)
    assert "Traceback" not in failed.stderr


@pytest.mark.long
@pytest.mark.parametrize("zone", ["Mars/Phobos", "<+03>-3"])
def test_an_odd_time_zone_changes_no_moment(spark_only, sandbox, zone):
    done = spark_only("replicate", TZ=zone)
    assert done.returncode == 0, done.stderr
    newest = "SELECT epoch_us(max(ModificationTimestamp)) FROM listings"
    there = status_of(spark_only, "spark/default", "Property")["newest_modification"]
    moment = datetime.fromisoformat(there)
    assert published(spark_only, newest) == [(moment.timestamp() * 1_000_000,)]


@pytest.mark.long
def test_without_a_home_and_a_name_the_work_is_done(spark_only):
    wanted = {name: value for name, value in spark_only.environment().items() if name != "HOME"}
    done = subprocess.run(
        spark_only.command("replicate"),
        env={**wanted, "HOME": ""},
        cwd=spark_only.folder.parent,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    assert published(spark_only, COUNT) == WHOLE
