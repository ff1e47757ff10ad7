"""Locks of feeds: exclusive, named, and gone with their process."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mls_assets.errors import FeedBusy
from mls_assets.warehouse.storage.locks import FeedLock, holder


def test_a_feed_is_held_once_and_says_by_whom(tmp_path: Path):
    with (
        FeedLock(tmp_path, "spark/default", "run-1"),
        pytest.raises(
            FeedBusy, match=r"spark/default is being worked on by process \d+, run run-1"
        ),
        FeedLock(tmp_path, "spark/default", "run-2"),
    ):
        pass
    with FeedLock(tmp_path, "spark/default", "run-2"):
        pass


def test_feeds_do_not_hold_each_other_up(tmp_path: Path):
    names = ["spark/default", "spark", "forge/default", "../default", "spark%2Fdefault"]
    locks = [FeedLock(tmp_path, name) for name in names]
    for lock in locks:
        lock.__enter__()
    for lock in locks:
        lock.__exit__(None, None, None)
    assert len(list(tmp_path.iterdir())) == len(names)


def test_a_long_or_odd_name_has_a_file_of_its_own_and_an_ordinary_one_its_own_name(tmp_path: Path):
    names = [
        f"forge/{'é' * 50}",
        f"forge/{'é' * 51}",
        f"forge/{'x' * 255}",
        "forge/🏠",
        "forge/a/b",
    ]
    for name in names:
        assert holder(tmp_path, name) is None
    locks = [FeedLock(tmp_path, name) for name in [*names, "forge/armls"]]
    for lock in locks:
        lock.__enter__()
    assert all(holder(tmp_path, name) for name in names)
    for lock in locks:
        lock.__exit__(None, None, None)
    files = [path.name for path in tmp_path.iterdir()]
    assert "forge%2Farmls.lock" in files
    assert len(files) == 6
    assert max(map(len, files)) < 143


def test_one_can_see_who_works_without_taking_the_lock(tmp_path: Path):
    assert holder(tmp_path, "spark/default") is None
    with FeedLock(tmp_path, "spark/default", "run-1"):
        seen = holder(tmp_path, "spark/default")
        assert seen is not None
        assert seen.run_id == "run-1"
        assert seen.pid
    assert holder(tmp_path, "spark/default") is None


def test_a_feed_can_be_waited_for(tmp_path: Path):
    first = FeedLock(tmp_path, "spark/default")
    first.__enter__()
    threading.Timer(0.1, first.__exit__, (None, None, None)).start()
    with FeedLock(tmp_path, "spark/default", wait=10):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path):
    code = (
        "import os, signal; from pathlib import Path\n"
        "from mls_assets.warehouse.storage.locks import FeedLock\n"
        f"FeedLock(Path({str(tmp_path)!r}), 'spark/default', 'doomed').__enter__()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert holder(tmp_path, "spark/default") is None
    with FeedLock(tmp_path, "spark/default"):
        pass
