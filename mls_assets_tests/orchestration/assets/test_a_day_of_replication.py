"""What the jobs do to a data folder in a day: told once, looked at from all sides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from mls_assets.orchestration.jobs import RunOutcome
from mls_assets_tests.orchestration.assets.world import ARMLS, SPARK, World, world


@dataclass(frozen=True)
class Day:
    world: World
    outcomes: Mapping[str, RunOutcome]
    removed: list[str]

    def __getitem__(self, name: str) -> RunOutcome:
        return self.outcomes[name]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with world(tmp_path_factory.mktemp("day"), listings=60, seed=5) as here:
        outcomes = {"download": here.run("spark_replicate", SPARK)}
        outcomes["events"] = here.run("forge_replicate", ARMLS)
        outcomes["first publication"] = here.run("publish")
        removed = here.act("remove", "Property", count=3)
        here.act("change", "Property", count=4)
        here.act("remove", "Property", feed=ARMLS, count=2)
        outcomes["update"] = here.run("spark_replicate", SPARK)
        outcomes["tombstones"] = here.run("forge_replicate", ARMLS)
        outcomes["dry run"] = here.run("spark_purge", SPARK, dry_run=True)
        outcomes["purge"] = here.run("spark_purge", SPARK)
        outcomes["replay"] = here.run("forge_replay", ARMLS)
        outcomes["publication"] = here.run("publish", only_if_changed=True)
        outcomes["unchanged"] = here.run("publish", only_if_changed=True)
        outcomes["compaction"] = here.run("compact")
        here.act("remove", "Property", count=40)
        outcomes["blocked"] = here.run("spark_purge", SPARK)
        yield Day(here, outcomes, removed)


def _published(day: Day, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(day.world.folder / "mls.duckdb"), read_only=True) as con:
        return con.sql(query).fetchall()


def test_every_run_but_the_blocked_one_ends_with_code_0(day: Day):
    assert {name: outcome.exit_code for name, outcome in day.outcomes.items()} == {
        **dict.fromkeys(day.outcomes, 0),
        "blocked": 3,
    }
    assert all(outcome.success for outcome in day.outcomes.values())


def test_every_check_but_those_of_the_blocked_purge_passes(day: Day):
    red = {
        (name, check)
        for name, outcome in day.outcomes.items()
        for check, passed in outcome.checks.items()
        if not passed
    }
    assert red == {
        ("blocked", "sweeps:purge_reconciles_keys"),
        ("blocked", "listings:rows_match_source"),
    }


def test_a_first_run_downloads_every_resource_and_writes_the_tables(day: Day):
    results = day["download"].results
    assert results["spark_listing_pages"]["kind"] == "download"
    assert results["spark_listing_pages"]["new"] == 60
    assert results["spark_listing_pages"]["complete"] is True
    assert results["listings"]["dagster/row_count"] == 60
    assert results["media"][f"written {SPARK}"] > 60
    assert set(results) == {
        *("spark_listing_pages", "spark_member_pages"),
        *("spark_office_pages", "spark_open_house_pages"),
        *("listings", "media", "rooms", "unit_types", "open_houses", "members", "offices"),
    }


def test_an_update_asks_for_what_changed_only(day: Day):
    facts = day["update"].results["spark_listing_pages"]
    assert facts["kind"] == "update"
    assert facts["changed"] == 4
    assert facts["new"] == 0
    assert day["update"].results["listings"][f"written {SPARK}"] == 4


def test_a_tombstone_removes_and_the_ledger_page_is_told(day: Day):
    results = day["tombstones"].results
    assert results["forge_listing_pages"]["removed"] == 2
    assert results["deletion_ledger"][f"removed {ARMLS}"] == 2


def test_a_dry_run_plans_and_makes_no_statement_about_equality(day: Day):
    outcome = day["dry run"]
    (listings,) = [s for s in outcome.results["sweeps"]["sweeps"] if s["resource"] == "Property"]
    assert (listings["verdict"], listings["absent"], listings["removed"]) == ("planned", 3, 0)
    assert "sweeps:purge_reconciles_keys" not in outcome.checks


def test_a_purge_removes_what_the_source_lists_no_more(day: Day):
    outcome = day["purge"]
    assert outcome.results["sweeps"][f"removed {SPARK}"] == 3
    assert outcome.results["deletion_ledger"][f"removed {SPARK}"] == 3
    assert outcome.checks["sweeps:purge_reconciles_keys"]
    assert outcome.checks["spark_keys:sweep_proven"]
    here = _published(day, f"select \"ListingKey\" from listings where feed = '{SPARK}'")
    assert len(here) == 57
    assert not {key for (key,) in here} & set(day.removed)


def test_a_replay_reconciles_both_kinds(day: Day):
    outcome = day["replay"]
    assert outcome.checks["forge_listing_pages:replay_reconciles_keys"]
    for asset in ("forge_listing_pages", "forge_agent_pages"):
        assert outcome.results[asset]["sweeps"][0]["verdict"] == "reconciled"
        assert outcome.results[asset]["cursor"].isdigit()


def test_a_blocked_purge_is_a_green_run_with_a_red_check_and_code_3(day: Day):
    outcome = day["blocked"]
    assert outcome.success
    assert not outcome.checks["sweeps:purge_reconciles_keys"]
    assert outcome.results["sweeps"][f"removed {SPARK}"] == 0
    (listings,) = [s for s in outcome.results["sweeps"]["sweeps"] if s["resource"] == "Property"]
    assert listings["verdict"] == "blocked"
    assert f"--approve {listings['sweep_id']}" in outcome.error


def test_publication_tells_the_ledgers_count_and_digest(day: Day):
    facts = day["publication"].results["published_database"]
    assert facts["ledger_entries"] == 5
    assert facts["removals_published"] == 5
    assert len(facts["ledger_digest"]) == 64
    assert _published(day, "select count(*) from deletion_ledger where published_at is null") == [
        (0,)
    ]


def test_an_unchanged_warehouse_is_not_published_again(day: Day):
    assert "published_database" not in day["unchanged"].results
    assert "published_database:published_equals_warehouse" not in day["unchanged"].checks
    assert day["unchanged"].checks["listings:keys_unique"]


def test_a_compaction_scrubs_what_was_removed(day: Day):
    assert day["compaction"].results["deletion_ledger"]["scrubbed"] == 5


def test_progress_of_every_stage_reaches_whoever_started_the_run(day: Day):
    stages = {progress.stage for progress in day.world.progress}
    assert {"download", "relations", "update", "events", "sweep", "replay", "normalise"} <= stages


def test_the_ui_sees_the_runs_by_partition(day: Day):
    with day.world.instance() as instance:
        runs = instance.get_runs()
        assert len(runs) == len(day.outcomes)
        assert {run.tags.get("dagster/partition") for run in runs} == {SPARK, ARMLS, None}
        assert instance.get_dynamic_partitions("forge_mls") == [ARMLS]
        newest = instance.get_latest_materialization_event(dg.AssetKey("deletion_ledger"))
        assert newest is not None


def test_no_token_and_no_content_is_in_dagsters_folder_or_log(day: Day):
    address = _published(day, 'select "UnparsedAddress" from listings limit 1')[0][0]
    remarks = _published(
        day, 'select "PublicRemarks" from listings where length("PublicRemarks") > 20 limit 1'
    )[0][0]
    forbidden = [
        *(day.world.sandbox.spark_token, day.world.sandbox.forge_token),
        *(str(address), str(remarks)),
    ]
    files = [
        day.world.folder / "run.log",
        *(path for path in (day.world.folder / "dagster_home").rglob("*") if path.is_file()),
    ]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        for text in forbidden:
            assert text.encode() not in content, path


def test_the_runs_log_is_in_the_file(day: Day):
    log = Path(day.world.folder / "run.log").read_text("utf-8")
    assert "RUN_SUCCESS" in log
    assert "ASSET_CHECK_EVALUATION" in log
