"""A kept program ends with its starter, however that ends; until then its lock is held."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from mls_assets.errors import ConfigurationError
from mls_assets.terminal.keeper import ENDING, kept_process
from mls_assets.terminal.serving import refuse_survivors
from mls_assets.warehouse.storage.locks import KernelLock

PATIENCE = 120
#: A program that starts another, as Dagster does; both say who they are.
PROGRAM = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open(sys.argv[1] + ".part", "w") as told:
    told.write(f"{os.getpid()} {os.getppid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""
#: A starter that is killed from outside.
STARTER = """
import os, sys, time
from pathlib import Path
from mls_assets.terminal.keeper import kept_process
from mls_assets.warehouse.storage.locks import KernelLock
lock = KernelLock(Path(sys.argv[1]), "ui")
assert lock.acquire(wait=0)
with kept_process([sys.executable, "-c", *sys.argv[2:]], os.environ, lock=lock, log=None):
    time.sleep(600)
"""


def lock_of(home: Path) -> KernelLock:
    return KernelLock(home / "ui_processes.lock", "ui")


def told_by(program: Path) -> list[int]:
    """The program, its keeper and its child."""
    deadline = time.monotonic() + PATIENCE
    while not program.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return [int(pid) for pid in program.read_text().split()]


def living(pids: list[int]) -> list[int]:
    """Those of the processes that are there, and not only waited for by their parent."""
    found = []
    for pid in pids:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if state and not state.startswith("Z"):
            found.append(pid)
    return found


def until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE
    while living(pids):
        assert time.monotonic() < deadline, living(pids)
        time.sleep(0.1)


@pytest.fixture
def starter(tmp_path: Path):
    """A starter with its program, as processes; nothing of them is left afterwards."""
    begun = subprocess.Popen(
        [
            sys.executable,
            "-c",
            STARTER,
            str(lock_of(tmp_path).path),
            PROGRAM,
            str(tmp_path / "pids"),
        ]
    )
    pids: list[int] = []
    try:
        pids += told_by(tmp_path / "pids")
        yield begun, pids
    finally:
        for pid in (begun.pid, *pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        begun.wait()


def test_all_of_a_program_end_when_its_starter_is_killed(starter, tmp_path: Path):
    begun, pids = starter
    begun.kill()
    begun.wait()
    until_gone(pids)
    refuse_survivors(tmp_path)


def test_a_program_whose_keeper_was_killed_too_holds_the_lock_and_is_named(starter, tmp_path: Path):
    begun, (program, kept_by, child) = starter
    os.kill(kept_by, signal.SIGSTOP)  # so that it cannot end the program before it is killed
    begun.kill()
    begun.wait()
    with pytest.raises(ConfigurationError, match=rf"kill -9 -- -{program}$") as raised:
        refuse_survivors(tmp_path)
    os.kill(kept_by, signal.SIGKILL)
    until_gone([kept_by])
    assert living([program, child]) == [program, child]
    with pytest.raises(ConfigurationError, match=f"process {program}, run ui"):
        refuse_survivors(tmp_path)
    assert "Nothing was started" in str(raised.value)
    os.killpg(program, signal.SIGKILL)  # what the message says
    until_gone([program, child])
    refuse_survivors(tmp_path)


def test_a_program_that_ends_by_itself_tells_its_code_and_leaves_nobody(tmp_path: Path):
    before = [signal.getsignal(number) for number in ENDING]
    ends = "import subprocess, sys; subprocess.Popen(['sleep', '600']); sys.exit(7)"
    lock = lock_of(tmp_path)
    assert lock.acquire(wait=0)
    with kept_process([sys.executable, "-c", ends], os.environ, lock=lock, log=None) as kept:
        assert kept.wait(PATIENCE) == 7
    lock.release()
    assert lock.holder() is None
    assert [signal.getsignal(number) for number in ENDING] == before


@pytest.mark.long
def test_a_program_that_does_not_listen_is_killed(tmp_path: Path):
    deaf = "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15)]; " + PROGRAM
    lock = lock_of(tmp_path)
    assert lock.acquire(wait=0)
    command = [sys.executable, "-c", deaf, str(tmp_path / "pids")]
    with kept_process(command, os.environ, lock=lock, log=None):
        pids = told_by(tmp_path / "pids")
    lock.release()
    until_gone(pids)
