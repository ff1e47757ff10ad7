"""A program with all that it starts, which end when whoever started them ends, however that ends.

A keeper, a small process of its own, stands between both. A socket ties it to its starter: when the
starter closes it, or dies (by `kill -9` too), the keeper ends the program's whole process group.
Should the keeper die as well, the program still holds the lock that it inherited. What the program
is, is not known here.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a keeper is to stay small
    from mls_assets.warehouse.storage.locks import KernelLock

#: Signals by which a person ends what a terminal shows.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds that a program gets to end by itself after each word: Ctrl-C, SIGTERM, SIGKILL.
_END_SECONDS = 8.0
_WORDS = (signal.SIGTERM, signal.SIGKILL)
#: Seconds after which all of a program have ended at the latest, once its starter is gone.
ENDED_SECONDS = (1 + len(_WORDS)) * _END_SECONDS
_LOOK_SECONDS = 0.2


@contextmanager
def kept_process(
    command: Sequence[str], environment: Mapping[str, str], *, lock: "KernelLock", log: Path | None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program in a process group of its own; yields the keeper, which ends with its code.

    `lock` has to be held: it is freed only when the program has ended too, and names the leader of
    its process group meanwhile. What the program prints goes to `log`, else to the screen. All
    that it started has ended afterwards.
    """
    ours, theirs = socket.socketpair()
    held = lock.fileno()
    output = log.open("ab") if log else None
    try:
        # a session of its own: Ctrl-C is for the starter
        keeper = subprocess.Popen(  # noqa: S603 - this very module
            [sys.executable, "-m", __name__, str(theirs.fileno()), str(held), *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(theirs.fileno(), held),
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
        if output:
            output.close()
    group = 0
    try:
        with ours.makefile("r") as told:
            group = int(told.readline() or 0)
        if group:
            lock.tell(group)
        yield keeper
    finally:
        _end(keeper, ours, group)


def _end(keeper: "subprocess.Popen[bytes]", ours: socket.socket, group: int) -> None:
    """Let the keeper end the program; what a dead keeper left of it is killed."""
    # a second Ctrl-C must not leave any of them behind
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        with suppress(OSError):
            ours.shutdown(socket.SHUT_RDWR)
        ours.close()
        keeper.wait()
        if group:
            _tell(group, signal.SIGKILL)
    finally:
        # processes that are started later must not inherit that they are deaf
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(group: int, number: int) -> bool:
    """Send a signal to a process group; false if there is nobody left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so of a group of which only the dead are left; elsewhere somebody lives in it
        return sys.platform != "darwin"
    return True


def _keep(starter: socket.socket, held: int, command: Sequence[str]) -> int:
    """Run the program until it ends, or its starter does; return its exit code."""
    told: list[int] = []

    def hear(number: int, _: FrameType | None) -> None:
        told.append(number)

    for number in ENDING:
        signal.signal(number, hear)
    program = subprocess.Popen(  # noqa: S603 - what our own module was given
        command, stdin=subprocess.DEVNULL, pass_fds=(held,), start_new_session=True
    )
    with suppress(OSError):  # a starter that is dead already is seen below
        starter.sendall(f"{program.pid}\n".encode())
    # the starter says nothing, so whatever is to be read is its end
    while program.poll() is None and not told:
        if select.select([starter], [], [], _LOOK_SECONDS)[0]:
            break
    if program.poll() is None:
        program.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            program.wait(_END_SECONDS)
    for number in _WORDS:
        deadline = time.monotonic() + _END_SECONDS
        while _tell(program.pid, number) and time.monotonic() < deadline:
            program.poll()
            time.sleep(_LOOK_SECONDS)
    code = program.poll() or 0
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    _socket, _held, *_command = sys.argv[1:]
    with socket.socket(fileno=int(_socket)) as _starter:
        sys.exit(_keep(_starter, int(_held), _command))
