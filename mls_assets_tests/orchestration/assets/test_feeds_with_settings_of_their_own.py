"""What a feed's table sets holds for the runs that sensors start, and for no other feed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mls_assets.configuration.feeds import load_feeds
from mls_assets.definitions import build_defs
from mls_assets.orchestration import jobs
from mls_assets.orchestration.checks.removals import removals_in_time
from mls_assets.orchestration.dagster_home import persistent_instance
from mls_assets.orchestration.resources import MlsWarehouse, RemovalTimes
from mls_assets.orchestration.running import OFFENDERS
from mls_assets.orchestration.sensors import all_sensors
from mls_assets.orchestration.sensors.ticking import RUN_PAGES
from mls_assets.replication.reporting.status import status
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.registry import all_sources
from mls_assets_tests.orchestration.assets.world import World, world

CALM, WILD = "spark/calm", "spark/wild"
LISTINGS = 'resources = ["Property"]\nrelations = []\n'
#: The limit of removals in one sweep is 25 of these 100 by default.
MARKET = {"listings": 100, "seed": 5}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path / "data", **MARKET) as found:
        yield found


def configure(here: World, patch: pytest.MonkeyPatch, wild: str, calm: str = "") -> None:
    """Write the feeds file: two feeds of one source, each with lines of its own."""
    file = here.folder.parent / "feeds.toml"
    ours = f'token_env = "SPARK_ACCESS_TOKEN"\nbase_url = "{here.sandbox.spark_url}"\n{LISTINGS}'
    file.write_text(f"[spark.calm]\n{ours}{calm}\n[spark.wild]\n{ours}{wild}\n")
    patch.setenv("MLS_ASSETS_FEEDS", str(file))
    here.defs = build_defs()


def tick(here: World, sensor: str) -> dict[str, dg.RunRequest]:
    """Return the runs that a sensor requests now, by their feed."""
    (found,) = [one for one in all_sensors(all_sources(), load_feeds()) if one.name == sensor]
    with persistent_instance() as instance:
        told: Any = found(
            dg.build_sensor_context(
                instance=instance, repository_def=here.defs.get_repository_def()
            )
        )
    return {str(one.partition_key): one for one in told.run_requests or []}


def run(here: World, job: str, request: dg.RunRequest) -> jobs.RunOutcome:
    """Run what a sensor requested, as it requested it."""
    return jobs.run_job(
        here.defs,
        job,
        feed=request.partition_key,
        run_config=request.run_config,
        log_file=here.folder / "run.log",
    )


def rows(here: World, feed: str) -> int:
    with MlsWarehouse().read() as con:
        return con.execute("select count(*) from listings where feed = ?", [feed]).fetchall()[0][0]


def test_a_guard_of_its_own_lets_one_feeds_purge_through_and_blocks_the_other(
    here: World, monkeypatch: pytest.MonkeyPatch
):
    # all keys came within the last hour, so all are canaries
    calm, wild = "guard.canary_share = 1", "guard = { share = 0.5, canary_share = 1 }"
    configure(here, monkeypatch, wild, calm)
    for feed, request in tick(here, "spark_update_sensor").items():
        assert run(here, "spark_replicate", request).exit_code == 0
        assert rows(here, feed) == 100
    here.act("remove", "Property", count=30)
    requests = tick(here, "spark_purge_sensor")
    assert {CALM, WILD} == set(requests)
    outcomes = {feed: run(here, "spark_purge", one) for feed, one in requests.items()}
    assert {feed: one.exit_code for feed, one in outcomes.items()} == {CALM: 3, WILD: 0}
    assert "30 of 100 keys are absent, more than the 25" in outcomes[CALM].error
    assert (rows(here, CALM), rows(here, WILD)) == (100, 70)
    # what one run is told goes before the feed's table
    told = {**requests[WILD].run_config}
    told["resources"] = {**told["resources"], "guard": {"config": {"share": 0.0, "floor": 0}}}
    here.act("remove", "Property", count=1)
    again = jobs.run_job(
        here.defs, "spark_purge", feed=WILD, run_config=told, log_file=here.folder / "run.log"
    )
    assert (again.exit_code, rows(here, WILD)) == (3, 70)


def test_a_feeds_own_budget_and_page_size_count_in_runs_of_sensors(
    here: World, monkeypatch: pytest.MonkeyPatch
):
    configure(here, monkeypatch, wild="page_size = 10\npage_budget = 2")
    requests = tick(here, "spark_update_sensor")
    asked = {
        feed: one.run_config["resources"]["spark"]["config"].get("page_budget")
        for feed, one in requests.items()
    }
    assert asked == {CALM: RUN_PAGES, WILD: None}
    for request in requests.values():
        assert run(here, "spark_replicate", request).exit_code == 0
    assert (rows(here, CALM), rows(here, WILD)) == (100, 20)


def test_the_deadline_of_removals_is_the_feeds_own_in_status_and_check(
    here: World, monkeypatch: pytest.MonkeyPatch
):
    configure(here, monkeypatch, wild="removal_hours = 48", calm="removal_hours = 0.1")
    for request in tick(here, "spark_update_sensor").values():
        assert run(here, "spark_replicate", request).exit_code == 0
    with MlsWarehouse().write() as con:
        con.execute("update raw.pages set fetched_at = fetched_at - interval 7 hours")
    found = status(Workspace.open(here.folder, run_id="look"), load_feeds()).feeds
    left = {one.state.feed: one.hours_left or 0.0 for one in found}
    assert left[CALM] < -6
    assert 40 < left[WILD] < 41.1
    evaluate: Any = removals_in_time.node_def
    told = evaluate.compute_fn.decorated_fn(MlsWarehouse(), RemovalTimes())
    assert told.metadata[OFFENDERS].value == [f"{CALM} Property"]
    assert told.severity is dg.AssetCheckSeverity.ERROR
    in_one_run = RemovalTimes(warn_hours=8, fail_hours=9)
    assert evaluate.compute_fn.decorated_fn(MlsWarehouse(), in_one_run).passed
