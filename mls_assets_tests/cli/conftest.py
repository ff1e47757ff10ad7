"""Runs the real console script, each test in a data folder of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mls_assets.sandbox.server import SandboxServer

CHECKOUT = Path(__file__).parents[2]
OURS = ("SPARK_", "FORGE_", "MLS_ASSETS_", "DAGSTER_")


@dataclass
class Script:
    """The console script in one data folder; `env` is what it finds in its environment."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        ours = {"MLS_ASSETS_DATA": str(self.folder), "PYTHONPATH": str(CHECKOUT)}
        return {**inherited, **ours, **self.env}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mls_assets.cli", *arguments]

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env={**self.environment(), **env},
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            timeout=400,
            stdin=subprocess.DEVNULL,
        )


@pytest.fixture
def script(tmp_path):
    """The script with nothing configured."""
    return Script(tmp_path / "data")


@pytest.fixture
def sandbox():
    with SandboxServer(listings=80) as server:
        yield server


@pytest.fixture
def configured(script, sandbox):
    """The script with both sources of a small sandbox."""
    script.env.update(sandbox.environment())
    return script


@pytest.fixture
def spark_only(script, sandbox):
    script.env.update(
        SPARK_ACCESS_TOKEN=sandbox.spark_token,
        SPARK_BASE_URL=sandbox.spark_url,
    )
    return script
