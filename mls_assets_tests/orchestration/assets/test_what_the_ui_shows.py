"""Versions, verdicts and freshness as Dagster's UI reads them from the instance."""

from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import dagster as dg
import pytest

from mls_assets.orchestration.jobs import OF_PUBLICATIONS
from mls_assets.orchestration.standing import FOUND_BY
from mls_assets.reso import RESO_TABLES
from mls_assets_tests.orchestration.assets.world import ARMLS, SPARK, World, world

VERSION_TAG = "dagster/data_version"
PAGES = ("spark_listing_pages", "spark_member_pages", "forge_listing_pages")
STATUS_CHECK = dg.AssetCheckKey(dg.AssetKey("listings"), "feeds_fresh")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("ui"), listings=40, seed=7) as here:
        for job, feed in (("spark_replicate", SPARK), ("forge_replicate", ARMLS)):
            assert here.run(job, feed).exit_code == 0
        assert here.run("publish").exit_code == 0
        yield here


def newest(here: World, asset: str) -> dg.AssetMaterialization:
    with here.instance() as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records
    assert record.asset_materialization is not None
    return record.asset_materialization


def versions(here: World, *assets: str) -> dict[str, str]:
    return {asset: (newest(here, asset).tags or {})[VERSION_TAG] for asset in assets}


def verdicts_of_latest(here: World) -> dict[str, bool]:
    """Whether each check of a publication shows a verdict on what `listings` is now."""
    with here.instance() as instance:
        (table,) = instance.fetch_materializations(dg.AssetKey("listings"), limit=1).records
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            list(OF_PUBLICATIONS)
        )
    return {key.name: _is_about(found[key], table) for key in OF_PUBLICATIONS}


def _is_about(verdict: Any, table: dg.EventLogRecord) -> bool:
    about = verdict.evaluation and verdict.evaluation.target_materialization_data
    return bool(about) and about.storage_id == table.storage_id


def test_a_poll_without_news_leaves_every_data_version_as_it_was(here: World):
    assets = (*PAGES, *RESO_TABLES)
    before = versions(here, *assets)
    assert here.run("spark_replicate", SPARK).exit_code == 0
    assert here.run("forge_replicate", ARMLS).exit_code == 0
    assert versions(here, *assets) == before


def test_what_publications_found_stands_after_a_poll_without_news(here: World):
    before = newest(here, "listings")
    assert here.run("spark_replicate", SPARK).exit_code == 0
    assert newest(here, "listings") is not before
    assert verdicts_of_latest(here) == dict.fromkeys(
        ("keys_unique", "no_half_applied_batch", "rejected_share"), True
    )
    with here.instance() as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key(
            list(OF_PUBLICATIONS)
        )
        for record in found.values():
            assert record.evaluation is not None
            run = instance.get_run_by_id(str(record.evaluation.metadata[FOUND_BY].value))
            assert run is not None
            assert run.job_name == "publish"


def test_a_change_gives_new_versions_to_what_it_changed_and_no_old_verdict(here: World):
    before = versions(here, *PAGES, "listings", "offices", "published_database")
    here.act("change", "Property", count=3)
    assert here.run("spark_replicate", SPARK).exit_code == 0
    after = versions(here, *PAGES, "listings", "offices")
    changed = {asset for asset in after if after[asset] != before[asset]}
    assert changed == {"spark_listing_pages", "listings"}
    # what has changed is judged by the publication that follows, not by what was found before
    assert not any(verdicts_of_latest(here).values())
    assert here.run("publish", only_if_changed=True).exit_code == 0
    assert all(verdicts_of_latest(here).values())
    assert versions(here, "published_database") != {
        "published_database": before["published_database"]
    }


def test_a_removal_gives_new_versions_to_the_ledger_the_sweeps_and_the_tables(here: World):
    here.act("remove", "Property", count=1)
    assert here.run("spark_purge", SPARK).exit_code == 0
    first = versions(here, "deletion_ledger", "sweeps")
    here.act("remove", "Property", count=1)
    assert here.run("spark_purge", SPARK).exit_code == 0
    second = versions(here, "deletion_ledger", "sweeps")
    assert all(first[asset] != second[asset] for asset in first)


@pytest.mark.parametrize("job", ["spark_replicate", "spark_purge"])
def test_the_status_of_all_feeds_stands_in_a_check_after_whatever_ran(here: World, job: str):
    assert here.run(job, SPARK).exit_code == 0
    with here.instance() as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([STATUS_CHECK])
        (run,) = instance.get_runs(limit=1)
    record = found[STATUS_CHECK]
    assert record.run_id == run.run_id
    assert record.evaluation is not None
    table = str(record.evaluation.metadata["status"].value)
    assert f"| {SPARK} | Property | current |" in table
    assert f"| {ARMLS} | Property | current |" in table


def test_every_reso_table_is_late_after_two_hours_and_in_breach_after_twelve(
    here: World,
):
    nodes = here.defs.resolve_asset_graph()
    for table in RESO_TABLES:
        policy = nodes.get(dg.AssetKey(table)).freshness_policy
        assert policy == dg.FreshnessPolicy.time_window(
            fail_window=timedelta(hours=12), warn_window=timedelta(hours=2)
        )


def test_a_void_sweep_says_one_line_a_resource_and_where_to_sweep_again(here: World):
    here.fault("count_off", by=70, times=1000)
    try:
        outcome = here.run("spark_purge", SPARK)
    finally:
        here.sandbox.faults.clear()
    assert outcome.exit_code == 1
    key = dg.AssetCheckKey(dg.AssetKey("spark_keys"), "sweep_proven")
    with here.instance() as instance:
        found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    evaluation = found[key].evaluation
    assert evaluation is not None
    lines = (evaluation.description or "").splitlines()
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        "Property", "Member", "Office", "OpenHouse",
    ]  # fmt: skip
    assert "/locations/mls_assets/jobs" in lines[-1]


def numbers(here: World, asset: str) -> dict[str, Any]:
    return {name: each.value for name, each in newest(here, asset).metadata.items()}


def table_of(here: World, asset: str, name: str) -> list[dict[str, Any]]:
    table = newest(here, asset).metadata[name]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_the_size_of_what_came_plots_as_numbers(here: World):
    here.act("change", "Property", count=2)
    assert here.run("spark_replicate", SPARK).exit_code == 0
    some = numbers(here, "spark_listing_pages")
    assert some["pages"] > 0
    assert some["bytes"] >= some["largest_page_bytes"] > 1000


def test_removals_of_the_last_days_stand_in_a_table_beside_the_numbers_of_the_run(here: World):
    here.act("remove", "Property", count=2)
    assert here.run("spark_purge", SPARK).exit_code == 0
    assert numbers(here, "deletion_ledger")[f"removed {SPARK}"] == 2
    with here.instance() as instance:
        run = instance.get_run_records(limit=1)[0]
    (row,) = table_of(here, "deletion_ledger", "by_day")
    assert row["day"] == run.create_timestamp.astimezone(UTC).date().isoformat()
    assert row["removed"] >= 2


def test_key_sets_plot_as_numbers_and_stand_side_by_side_for_each_resource(here: World):
    here.fault("count_off", by=70, times=4)  # voids the sweep of one resource
    try:
        here.run("spark_purge", SPARK)
        unknown, table = numbers(here, "sweeps"), table_of(here, "sweeps", "key_sets")
    finally:
        here.sandbox.faults.clear()
    void = [row["resource"] for row in table if row["verdict"] == "void"]
    assert void
    assert all((row["at the source"] is None) == (row["resource"] in void) for row in table)
    assert f"source_keys {SPARK}" not in unknown, "a part of the keys would plot as a loss"
    assert unknown[f"removed {SPARK}"] == 0
    assert here.run("spark_purge", SPARK).exit_code == 0
    known, table = numbers(here, "sweeps"), table_of(here, "sweeps", "key_sets")
    assert {row["verdict"] for row in table} == {"reconciled"}
    for name, column in (("source_keys", "at the source"), ("local_keys_after", "here")):
        assert known[f"{name} {SPARK}"] == sum(row[column] for row in table)
