"""A run that meets a refused token says so in every place, until a run is served again."""

from pathlib import Path

import duckdb

from mls_assets.configuration.feeds import load_feeds
from mls_assets.replication.reporting.findings import Findings
from mls_assets.replication.reporting.status import status
from mls_assets.replication.workspace import Workspace
from mls_assets_tests.orchestration.assets.world import SPARK, World, world


def _states(here: World) -> set[str]:
    workspace = Workspace.open(here.folder, run_id="test")
    return {entry.state.state for entry in status(workspace, load_feeds()).feeds}


def _published(here: World) -> set[str]:
    with duckdb.connect(str(here.folder / "mls.duckdb"), read_only=True) as con:
        return {state for (state,) in con.sql("select state from feeds").fetchall()}


def test_a_refused_token_is_a_state_until_a_run_is_served(tmp_path: Path):
    with world(tmp_path, listings=8, seed=3) as here:
        for name in ("FORGE_API_TOKEN", "FORGE_URL"):
            here.unset(name)
        here.run("spark_replicate", SPARK)
        here.run("publish")
        assert _states(here) == _published(here) == {"current"}
        here.fault("status_401", times=0)
        refused = here.run("spark_replicate", SPARK)
        assert refused.exit_code == 2
        assert _states(here) == {"refused"}
        red = here.run("publish", only_if_changed=True)
        assert red.checks["listings:sources_answer"] is False
        assert _published(here) == {"refused"}
        here.sandbox.faults.clear()
        served = here.run("spark_replicate", SPARK)
        assert served.checks["listings:sources_answer"] is True
        assert _states(here) == {"current"}
        here.run("publish", only_if_changed=True)
        assert _published(here) == {"current"}


def test_what_one_resource_is_refused_is_not_said_of_the_others(tmp_path: Path):
    with world(tmp_path, listings=8, seed=3) as here:
        here.run("spark_replicate", SPARK)
        here.fault("status_403_1021", times=0, resource="OpenHouse")
        here.run("spark_replicate", SPARK)
        (finding,) = Findings(tmp_path).all()
        assert finding.resources == ("OpenHouse",)
        assert not finding.casts_doubt
        assert _states(here) >= {"current", "refused"}
