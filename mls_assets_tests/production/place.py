"""Code server, daemon and webserver, started by the very commands of the systemd units."""

import configparser
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import requests
from dagster import DagsterRunStatus, RunsFilter
from dagster._core.scheduler.instigation import InstigatorTick

from mls_assets.orchestration.dagster_home import PARTITION_TAG, make_dagster_home, run_in_flight
from mls_assets.replication.workspace import Workspace
from mls_assets.sandbox.server import SandboxServer
from mls_assets.warehouse.storage import locks
from mls_assets.warehouse.storage.queries import rows

CHECKOUT = Path(__file__).parents[2]
UNITS = CHECKOUT / "deploy" / "systemd"
SPARK, ARMLS, RMLS = "spark/default", "forge/armls", "forge/rmls"

_FEEDS = """
[spark.default]
base_url = "{spark_url}"
update_minutes = 1
purge_hours = 0.1

[forge]
url = "{forge_url}"
"""


def commands_of(unit: Path) -> list[list[str]]:
    """Return what a unit runs first, if anything, and the command that it starts."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(unit.read_text(encoding="utf-8"))
    service = parser["Service"]
    return [shlex.split(service[key]) for key in ("ExecStartPre", "ExecStart") if key in service]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Production:
    """One machine: its data folder, its processes, and what an operator looks at."""

    def __init__(self, folder: Path, sandbox: SandboxServer, **variables: str) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.data = folder / "data"
        self.home = make_dagster_home(self.data / "dagster_home")
        self.ports = {"4266": str(free_port()), "3000": str(free_port())}
        self.url = f"http://127.0.0.1:{self.ports['3000']}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        #: Keys that the source has dropped without a word.
        self.dropped: list[str] = []
        #: The runs that a test has killed.
        self.killed: set[str] = set()
        feeds = folder / "feeds.toml"
        feeds.write_text(_FEEDS.format(spark_url=sandbox.spark_url, forge_url=sandbox.forge_url))
        workspace = (CHECKOUT / "deploy" / "workspace.yaml").read_text(encoding="utf-8")
        self.workspace = folder / "workspace.yaml"
        self.workspace.write_text(workspace.replace("4266", self.ports["4266"]))
        self.variables: Mapping[str, str] = {
            "MLS_ASSETS_DATA": str(self.data),
            "MLS_ASSETS_FEEDS": str(feeds),
            "MLS_ASSETS_SENSORS": "on",
            "DAGSTER_HOME": str(self.home),
            "SPARK_ACCESS_TOKEN": sandbox.spark_token,
            "FORGE_API_TOKEN": sandbox.forge_token,
            "PYTHONPATH": str(CHECKOUT),
            **variables,
        }

    # -- processes

    def start(self, *names: str) -> None:
        """Start units by their names; what they print goes to a file each."""
        for name in names:
            *before, command = commands_of(UNITS / f"mls-assets-{name}.service")
            for first in before:
                assert self._started(name, first).wait(120) == 0, f"{name}: {first}"
            self.processes[name] = self._started(name, command)

    def kill(self, name: str) -> None:
        """End a unit as a power cut does: all its processes at once, without a word."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    def stop(self) -> None:
        """Stop everything, as systemd does: the whole group of each unit."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for process in self.processes.values():
                try:
                    os.killpg(process.pid, number)
                except ProcessLookupError:
                    continue
            deadline = time.monotonic() + 10
            for process in self.processes.values():
                try:
                    process.wait(max(deadline - time.monotonic(), 0.1))
                except subprocess.TimeoutExpired:
                    continue

    def _started(self, name: str, command: list[str]) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [self._here(word) for word in command],
                env={**os.environ, **self.variables},
                cwd=CHECKOUT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _here(self, word: str) -> str:
        if word.startswith("/opt/mls_assets/.venv/bin/"):
            return str(Path(sys.executable).with_name(Path(word).name))
        if word == "deploy/workspace.yaml":
            return str(self.workspace)
        return self.ports.get(word, word)

    # -- looking

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            yield instance

    def runs(
        self, job: str, feed: str | None = None, *statuses: DagsterRunStatus
    ) -> list[dg.RunRecord]:
        """Return a job's runs, newest first."""
        tags = {PARTITION_TAG: feed} if feed else None
        with self.instance() as instance:
            return list(
                instance.get_run_records(
                    RunsFilter(job_name=job, tags=tags, statuses=list(statuses) or None)
                )
            )

    def run(self, run_id: str) -> dg.DagsterRun:
        """Return one run."""
        with self.instance() as instance:
            found = instance.get_run_by_id(run_id)
        assert found is not None
        return found

    def ticks(self, sensor: str, since: float) -> list[InstigatorTick]:
        """Return the finished ticks of a sensor since a time, oldest first."""
        with self.instance() as instance:
            for state in instance.all_instigator_state():
                if state.instigator_name == sensor:
                    found = instance.get_ticks(
                        state.instigator_origin_id, state.selector_id, after=since
                    )
                    done = [tick for tick in found if tick.is_completed]
                    return sorted(done, key=lambda tick: tick.timestamp)
        return []

    def rows(self, sql: str, *params: Any) -> list[tuple[Any, ...]]:
        """Ask the warehouse, between the batches of whoever works on it."""
        with Workspace.open(self.data, run_id="test").warehouse.read() as con:
            return rows(con, sql, list(params))

    def at_rest(self, feed: str) -> bool:
        """Tell whether no run works on a feed, or waits to."""
        with self.instance() as instance:
            return not run_in_flight(instance, feed=feed) and not self.holder(feed)

    def holder(self, feed: str) -> locks.Holder | None:
        """Return which process works on a feed."""
        return locks.holder(self.data / "locks", feed)

    # -- acting

    def control(self, verb: str, **body: Any) -> Any:
        answer = requests.post(f"{self.sandbox.control_url}/{verb}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json()


def until(seconds: float, what: str, is_so: Callable[[], Any]) -> Any:
    """Wait until something is so and return what was found; fail with its name otherwise."""
    deadline = time.monotonic() + seconds
    while True:
        found = is_so()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)


__all__ = ["ARMLS", "RMLS", "SPARK", "Production", "commands_of", "until"]
