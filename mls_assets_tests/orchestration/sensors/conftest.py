"""A sandbox, its configuration, and an instance with a memory: what a tick sees."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRun, DagsterRunStatus

from mls_assets.configuration.feeds import load_feeds
from mls_assets.definitions import build_defs
from mls_assets.orchestration.dagster_home import PARTITION_TAG
from mls_assets.orchestration.sensors import all_sensors
from mls_assets.sandbox.server import SandboxServer
from mls_assets.sources.registry import all_sources
from mls_assets_tests.orchestration.assets.world import clear_configuration

SPARK = "spark/default"
SPARK_PAGES = (
    *("spark_listing_pages", "spark_member_pages"),
    *("spark_office_pages", "spark_open_house_pages"),
)
FORGE_PAGES = ("forge_listing_pages", "forge_agent_pages")


class Memory:
    """Dagster's instance, and what a test makes it remember."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """The definitions as the code server has them."""
        return build_defs().get_repository_def()

    def tick(self, sensor: str, cursor: str | None = None) -> Any:
        """Evaluate a sensor as the daemon does; returns its SensorResult (or SkipReason)."""
        (found,) = [one for one in all_sensors(all_sources(), load_feeds()) if one.name == sensor]
        context = dg.build_sensor_context(
            instance=self.instance, cursor=cursor, repository_def=self.repository
        )
        return found(context)

    def asked_for(self, sensor: str) -> list[str]:
        """Return the partitions for which a tick requests runs."""
        requests = getattr(self.tick(sensor), "run_requests", None) or []
        return [str(request.partition_key) for request in requests]

    def why_not(self, sensor: str, cursor: str | None = None) -> str:
        """Return the reason of a tick that requests nothing."""
        result = self.tick(sensor, cursor)
        if isinstance(result, dg.SkipReason):
            return result.skip_message or ""
        assert not result.run_requests
        return result.skip_reason.skip_message

    def materialised(self, asset: str, feed: str | None = None, /, **metadata: Any) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(asset, partition=feed, metadata=metadata)
        )

    def checked(self, asset: str, check: str, passed: bool, text: str, **metadata: Any) -> None:
        """Remember what a check found."""
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(asset),
                check_name=check,
                passed=passed,
                description=text,
                metadata=metadata,
            )
        )

    def landed(self, feed: str, only: tuple[str, ...] = (), **metadata: Any) -> None:
        """Remember that a feed (or some of its assets) was brought to current just now."""
        told = {
            "kind": "update",
            "complete": True,
            "cursor": "179",
            "newest_modification": datetime.now(UTC).isoformat(),
            **metadata,
        }
        for asset in only or (SPARK_PAGES if feed == SPARK else FORGE_PAGES):
            self.materialised(asset, feed, **told)

    def run(self, job: str, status: DagsterRunStatus, feed: str | None = None, **told: Any) -> str:
        """Remember a run that has this status; it counts as having ended just now."""
        tags = {PARTITION_TAG: feed} if feed else {}
        run = DagsterRun(job_name=job, run_id=str(uuid4()), status=status, tags=tags, **told)
        self.instance.add_run(run)
        return run.run_id


@pytest.fixture(scope="session")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(listings=10, seed=2) as running:
        yield running


@pytest.fixture
def memory(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Memory]:
    clear_configuration(monkeypatch)
    monkeypatch.setenv("MLS_ASSETS_DATA", str(tmp_path))
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    sandbox.faults.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Memory(instance)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that moves the sensors' clock on by so many seconds."""

    def move(seconds: float) -> None:
        real = time.time
        monkeypatch.setattr("time.time", lambda: real() + seconds)

    return move
