"""Versions and verdicts that Dagster shows after runs that broke off, or overlapped."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.definitions.freshness_evaluator import TimeWindowFreshnessPolicyEvaluator
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecord

from mls_assets.orchestration import jobs
from mls_assets.orchestration.jobs import OF_PUBLICATIONS
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.workspace import Workspace
from mls_assets.reso import RESO_TABLES
from mls_assets_tests.orchestration.assets.world import ARMLS, SPARK, World, world

VERSION_TAG = "dagster/data_version"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, listings=40, seed=7) as here:
        assert here.run("spark_replicate", SPARK).exit_code == 0
        assert here.run("forge_replicate", ARMLS).exit_code == 0
        yield here


def versions(here: World, *assets: str) -> dict[str, str | None]:
    """The newest data version of each asset; None where its materialisation has none."""
    found: dict[str, str | None] = {}
    with here.instance() as instance:
        for asset in assets:
            (record,) = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
            assert record.asset_materialization is not None
            found[asset] = (record.asset_materialization.tags or {}).get(VERSION_TAG)
    return found


def shown(here: World, *checks: dg.AssetCheckKey) -> set[str]:
    """The checks of which the UI shows a verdict, and not that none was given."""

    async def all_of(instance: dg.DagsterInstance) -> set[str]:
        context, seen = LoadingContextForTest(instance), set[str]()
        for key in checks:
            record = await AssetCheckExecutionRecord.gen(context, key)
            if record and await record.targets_latest_materialization(context):
                seen.add(key.name)
        return seen

    with here.instance() as instance:
        return asyncio.run(all_of(instance))


def test_pages_for_which_nothing_was_asked_keep_their_version(
    here: World, monkeypatch: pytest.MonkeyPatch
):
    feeds = here.folder / "feeds.toml"
    feeds.write_text(f'[forge]\nurl = "{here.sandbox.forge_url}"\nresources = ["Property"]\n')
    monkeypatch.setenv("MLS_ASSETS_FEEDS", str(feeds))
    before = versions(here, "forge_agent_pages")
    assert here.run("forge_replicate", ARMLS).results["forge_agent_pages"]["pages"] == 0
    assert versions(here, "forge_agent_pages") == before


def test_tables_that_a_broken_run_normalised_have_their_version(here: World):
    before = versions(here, "listings")
    here.act("change", "Property", count=3)
    here.fault("status_404", resource="Member", times=0)
    assert here.run("spark_replicate", SPARK).exit_code == 1
    here.sandbox.faults.clear()
    after = versions(here, "listings")
    assert after["listings"] not in (None, before["listings"])
    assert here.run("spark_replicate", SPARK).exit_code == 0
    assert versions(here, "listings") == after


def test_an_approval_leaves_the_sweeps_with_their_version(here: World):
    here.act("remove", "Property", count=30)
    assert here.run("spark_purge", SPARK).exit_code == 3
    before = versions(here, "sweeps")
    with Workspace.open(here.folder, run_id="test").warehouse.read() as con:
        ((blocked,),) = con.execute(
            "select sweep_id from sweeps where verdict = 'blocked' and resource = 'Property'"
        ).fetchall()
    config = {"ops": {"approve_purge": {"config": {"sweep_id": blocked, "by": "ann"}}}}
    assert jobs.run_job(here.defs, "purge_approve", run_config=config).success
    assert versions(here, "sweeps")["sweeps"] not in (None, before["sweeps"])
    # and what the compaction tells of the ledger has one too
    assert here.run("publish").exit_code == 0
    assert here.run("compact").exit_code == 0
    assert versions(here, "deletion_ledger")["deletion_ledger"] is not None


def test_normalising_all_anew_gives_the_tables_new_versions(here: World):
    before = versions(here, "listings", "media")
    with here.instance() as instance:
        done = here.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey("listings"), dg.AssetKey("media")],
            run_config={"ops": {"reso": {"config": {"from_raw": True}}}},
        )
    assert done.success
    after = versions(here, "listings", "media")
    assert all(after[table] not in (None, before[table]) for table in before)


def test_a_verdict_older_than_what_was_published_is_not_repeated(here: World):
    assert here.run("publish").exit_code == 0
    # another feed's rows come between the checks of a publication and its writing
    here.act("change", "Property", count=3)
    assert here.run("spark_replicate", SPARK).exit_code == 0
    assert publish(Workspace.open(here.folder, run_id="test")) is not None
    assert here.run("forge_replicate", ARMLS).exit_code == 0
    assert shown(here, *OF_PUBLICATIONS) == set()
    assert here.run("publish").exit_code == 0
    assert here.run("forge_replicate", ARMLS).exit_code == 0
    assert shown(here, *OF_PUBLICATIONS) == {key.name for key in OF_PUBLICATIONS}


def test_a_repeated_verdict_is_dropped_with_the_run_that_told_it(here: World):
    assert here.run("publish").exit_code == 0
    told = here.run("spark_replicate", SPARK)
    assert here.run("spark_replicate", SPARK).exit_code == 0
    with here.instance() as instance:
        for key in OF_PUBLICATIONS:
            history = instance.event_log_storage.get_asset_check_execution_history(key, 9)
            assert "" not in {record.run_id for record in history}, "nothing is left of no run"
            assert told.run_id in {record.run_id for record in history}
        instance.delete_run(told.run_id)
        left = instance.fetch_materializations(dg.AssetKey("listings"), limit=9).records
    assert told.run_id not in {record.run_id for record in left}
    assert "listings:keys_unique" not in told.checks, "the run itself did not check it"


def freshness(here: World) -> set[FreshnessState]:
    """What Dagster's daemon finds of the RESO tables."""
    graph, evaluator = here.defs.resolve_asset_graph(), TimeWindowFreshnessPolicyEvaluator()

    async def of_all(instance: dg.DagsterInstance) -> set[FreshnessState]:
        context = LoadingContextForTest(instance)
        nodes = [graph.get(dg.AssetKey(table)) for table in RESO_TABLES]
        return {await evaluator.evaluate_freshness(context, node) for node in nodes}

    with here.instance() as instance:
        return asyncio.run(of_all(instance))


def test_a_table_is_fresh_once_written_and_unknown_before_there_is_any_run(tmp_path: Path):
    with world(tmp_path, listings=5, seed=7) as here:
        with jobs.persistent_instance():
            assert freshness(here) == {FreshnessState.UNKNOWN}
        assert here.run("spark_replicate", SPARK).exit_code == 0
        assert freshness(here) == {FreshnessState.PASS}
