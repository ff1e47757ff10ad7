"""A data folder, a sandbox and the definitions, as an operator has them; runs go through `jobs`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from mls_assets.definitions import build_defs
from mls_assets.orchestration import jobs
from mls_assets.replication.workspace import Progress
from mls_assets.sandbox.server import SandboxServer

SPARK = "spark/default"
ARMLS = "forge/armls"

_CONFIGURATION = (
    "SPARK_ACCESS_TOKEN",
    "SPARK_BASE_URL",
    "FORGE_API_TOKEN",
    "FORGE_URL",
    "MLS_ASSETS_FEEDS",
    "MLS_ASSETS_DATA",
    "MLS_ASSETS_DATABASE",
    "MLS_ASSETS_SENSORS",
    "MLS_ASSETS_ALERT",
    "DAGSTER_HOME",
)


class World:
    """Everything of one operator; `run` is what a verb does."""

    def __init__(self, folder: Path, sandbox: SandboxServer, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.folder = folder
        self.sandbox = sandbox
        self.defs = build_defs()
        self.progress: list[Progress] = []

    def run(self, job: str, feed: str | None = None, **settings: Any) -> jobs.RunOutcome:
        """Run a job as a verb does; `settings` are those of `jobs.run_config`."""
        return jobs.run_job(
            self.defs,
            job,
            feed=feed,
            run_config=jobs.run_config(job, **settings),
            log_file=self.folder / "run.log",
            on_progress=self.progress.append,
        )

    def act(self, verb: str, resource: str, *, feed: str = SPARK, **wanted: Any) -> list[str]:
        """Change the market by the sandbox's control API; return the keys concerned."""
        answer = requests.post(
            f"{self.sandbox.control_url}/{verb}",
            json={"feed": feed, "resource": resource, **wanted},
            timeout=30,
        )
        answer.raise_for_status()
        return list(answer.json()["keys"])

    def unset(self, name: str) -> None:
        """Take a variable out of the environment, until this world ends."""
        self._patch.delenv(name)

    def fault(self, name: str, **settings: Any) -> None:
        """Switch a fault on; the ones before are switched off."""
        self.sandbox.faults.clear()
        self.sandbox.faults.add_from({"name": name, "surface": "spark", **settings})

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Open the persistent instance that the runs were made on."""
        with dg.DagsterInstance.get() as instance:
            yield instance


def clear_configuration(patch: pytest.MonkeyPatch) -> None:
    """Take everything out of the environment that configures the project."""
    for name in _CONFIGURATION:
        patch.delenv(name, raising=False)


@contextmanager
def world(folder: Path, **market: Any) -> Iterator[World]:
    """Start a sandbox and point the environment to it and to `folder`."""
    with pytest.MonkeyPatch.context() as patch, SandboxServer(**market) as sandbox:
        clear_configuration(patch)
        patch.setenv("MLS_ASSETS_DATA", str(folder))
        # jobs.run sets it for Dagster; registered here so that it is taken back
        patch.setenv("DAGSTER_HOME", "")
        for name, value in sandbox.environment().items():
            patch.setenv(name, value)
        yield World(folder, sandbox, patch)
