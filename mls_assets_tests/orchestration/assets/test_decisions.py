"""A person plans a purge and releases a blocked one by two jobs of the UI."""

from pathlib import Path
from typing import Any

import dagster as dg

from mls_assets.orchestration import jobs
from mls_assets_tests.orchestration.assets.world import SPARK, World, world


def _decide(here: World, job: str, step: str, **config: str) -> jobs.RunOutcome:
    return jobs.run_job(here.defs, job, run_config={"ops": {step: {"config": config}}})


def _red_check(here: World) -> Any:
    with here.instance() as instance:
        record = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("sweeps"), "purge_reconciles_keys"), 1
        )[0]
        assert record.evaluation is not None
        return record.evaluation


def test_a_blocked_purge_is_planned_and_released_in_the_ui(tmp_path: Path):
    with world(tmp_path, listings=60, seed=5) as here:
        here.run("spark_replicate", SPARK)
        here.act("remove", "Property", count=40)
        assert here.run("spark_purge", SPARK).exit_code == 3
        red = _red_check(here)
        assert not red.passed
        assert "purge_approve" in red.description
        assert "/locations/mls_assets/jobs/purge_approve" in red.metadata["what_to_do"].value
        blocked = red.metadata["blocked_sweeps"].value
        for row in red.metadata["proofs"].records:
            assert len(str(row.data["source digest"])) <= 12
        plan = _decide(here, "spark_purge_plan", "plan_purge", feed=SPARK, reason="to look")
        assert plan.success
        unknown = _decide(here, "purge_approve", "approve_purge", sweep_id="none", by="ann")
        assert unknown.exit_code == 2
        assert "No sweep has the id" in unknown.error
        assert not _red_check(here).passed
        assert _decide(here, "purge_approve", "approve_purge", sweep_id=blocked, by="ann").success
        green = _red_check(here)
        assert green.passed, green.description
        again = _decide(here, "purge_approve", "approve_purge", sweep_id=blocked, by="ann")
        assert again.exit_code == 2, "an approval counts once"
