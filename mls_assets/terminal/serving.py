"""The Dagster UI with its daemon, for `mls-assets ui` and `make dev`: they end with their starter.

Which feeds there are, and what a sensor does, is not known here.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

from mls_assets.configuration.feeds import load_feeds
from mls_assets.configuration.switches import SENSORS_VARIABLE, sensors_on
from mls_assets.errors import ConfigurationError, MlsAssetsError, WarehouseBusy
from mls_assets.orchestration.dagster_home import dagster_home, persistent_instance
from mls_assets.replication.workspace import Workspace, data_folder, database_of
from mls_assets.terminal.keeper import ENDED_SECONDS, ENDING, kept_process
from mls_assets.terminal.screen import Screen, complain, log_path
from mls_assets.warehouse.storage.locks import KernelLock

HOST, PORT = "127.0.0.1", 3000
#: Seconds for which the warehouse is waited for, to see whether it can be opened.
_LOOK_SECONDS = 5.0
#: Seconds after which a UI that does not answer is said to be slow.
_SLOW_SECONDS = 120.0
#: Dagster recommends another program for projects laid out its way, which this one is not.
_NO_ADVICE = "ignore:Function `dev_command`"


def ui(*, port: int, verbose: bool) -> int:
    """Serve the UI on the data folder until Ctrl-C (or SIGTERM, SIGHUP); return the exit code.

    Sensors run, unless MLS_ASSETS_SENSORS says otherwise. Raises ConfigurationError, with nothing
    started, for a bad feeds file, a port in use, or a folder that another UI serves or what is left
    of one; WarehouseRefused for a warehouse that no run could open.
    """
    load_feeds()
    workspace = Workspace.open(data_folder(), database_of(), run_id="ui", patience=_LOOK_SECONDS)
    if workspace.warehouse.exists():
        # whoever is busy with it has opened it
        with suppress(WarehouseBusy), workspace.warehouse.read():
            pass
    home = dagster_home()
    watched = sensors_on(default=True)
    switch = {SENSORS_VARIABLE: "on" if watched else "off"}
    environment = {**os.environ, **switch, "MLS_ASSETS_DATA": str(data_folder())}
    log = None if verbose else log_path("ui")
    code: int | None = None
    with ended_by_signals(), Screen() as screen, _alone(home):
        with persistent_instance():
            pass  # made by one process, before three open it at once
        with dagster_process(environment, port=port, log=log) as (child, url):
            screen.say(f"The Dagster UI starts on {url}; Ctrl-C ends it, with all that it runs")
            screen.say(f"Data: {data_folder()}   Dagster's folder: {home}")
            screen.say(
                "Sensors are on: feeds are downloaded, updated and purged by themselves "
                f"({SENSORS_VARIABLE}=off leaves them stopped)"
                if watched
                else "Sensors are off: switch them on in the UI, under Automation"
            )
            if log:
                screen.say(f"Dagster's log: {log}")
            if _answers(child, url):
                screen.say(f"Ready: {url}")
            code = child.wait()
    if code is None:
        return 0
    raise MlsAssetsError(
        f"Dagster ended by itself with code {code}. The UI is down and no sensor runs; "
        + (f"{log} says why." if log else "what it wrote above says why.")
    )


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the body, which is then over, not failed."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    for number in ENDING:
        # as under nohup, or behind `&` in a script; nobody wants to be deaf to SIGTERM
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    with suppress(KeyboardInterrupt):
        yield


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold Dagster's folder: two daemons on it would ask everything twice."""
    lock = KernelLock(home / "ui.lock", "ui")
    if not lock.acquire(wait=0):
        raise ConfigurationError(
            f"Another `mls-assets ui` serves {home} ({lock.holder()}). Nothing was started; use "
            "that one, or end it first (Ctrl-C where it runs)."
        )
    try:
        refuse_survivors(home)
        yield
    finally:
        lock.release()


def free_port(port: int, remedy: str) -> int:
    """Return the port, or a free one for 0; ConfigurationError if somebody listens on it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((HOST, port))
        except OSError as error:
            raise ConfigurationError(
                f"The Dagster UI cannot listen on {HOST}:{port} ({error.strerror}). Nothing was "
                f"started; {remedy}"
            ) from None
        return taken.getsockname()[1]


@contextmanager
def dagster_process(
    environment: Mapping[str, str],
    *,
    port: int = PORT,
    log: Path | None = None,
    remedy: str = "name another port with --port, or 0 for a free one.",
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run webserver, daemon and code server as one group; yields it with the UI's address.

    What Dagster prints goes to `log`, else to the screen. All of them have ended afterwards, runs
    included, and soon after this process when it is killed. Raises ConfigurationError for a port in
    use, and while such are still there.
    """
    port = free_port(port, remedy)
    command = [sys.executable, "-m", "dagster", "dev", "-m", "mls_assets.definitions", "-h", HOST]
    command += ["-p", str(port), *(("--log-level", "warning") if log else ())]
    warnings = ",".join(filter(None, [environment.get("PYTHONWARNINGS", ""), _NO_ADVICE]))
    lock = _processes_lock(Path(environment["DAGSTER_HOME"]))
    if not lock.acquire(wait=0):
        raise _survivors(lock)
    try:
        with kept_process(
            command, {**environment, "PYTHONWARNINGS": warnings}, lock=lock, log=log
        ) as child:
            yield child, f"http://{HOST}:{port}"
    finally:
        lock.release()


def refuse_survivors(home: Path) -> None:
    """Raise ConfigurationError while processes of a UI, if of a killed one, use Dagster's folder.

    A second daemon there would ask everything twice.
    """
    lock = _processes_lock(home)
    if lock.holder() is not None:
        raise _survivors(lock)


def _processes_lock(home: Path) -> KernelLock:
    """Return the lock that Dagster's processes hold themselves: it outlives their starter."""
    return KernelLock(home / "ui_processes.lock", "ui")


def _survivors(lock: KernelLock) -> ConfigurationError:
    living = lock.holder()
    last = f": kill -9 -- -{living.pid}" if living is not None and living.pid else "."
    return ConfigurationError(
        f"Processes of a Dagster UI still work on {lock.path.parent} ({living or 'just ended'}). "
        f"Nothing was started. If that UI was killed, they end by themselves within "
        f"{ENDED_SECONDS:.0f} s: start again then. If they are still there, end them all{last}"
    )


def _answers(child: "subprocess.Popen[bytes]", url: str) -> bool:
    """Wait until the UI answers; false if it ended instead."""
    said, began = False, time.monotonic()
    with requests.Session() as http:
        http.trust_env = False
        while child.poll() is None:
            with suppress(requests.RequestException):
                if http.get(f"{url}/server_info", timeout=5).ok:
                    return True
            if not said and time.monotonic() - began > _SLOW_SECONDS:
                said = True
                complain(f"{url} does not answer yet after {_SLOW_SECONDS:.0f} s.", label="note")
            time.sleep(0.5)
    return False
