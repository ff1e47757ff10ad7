"""The code location as Dagster loads it: names of the contract, with and without configuration."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value
from msgspec import structs

from mls_assets.configuration.feeds import ForgeAccess, SparkFeed
from mls_assets.definitions import build_defs
from mls_assets.errors import ConfigurationError
from mls_assets.orchestration.dagster_home import dagster_home
from mls_assets.orchestration.jobs import run_config
from mls_assets.orchestration.resources import (
    ForgeApi,
    MlsWarehouse,
    PurgeGuard,
    RemovalTimes,
    SparkApi,
)
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.settings import ForgeSettings, SparkSettings
from mls_assets.reso import RESO_TABLES
from mls_assets.warehouse import scalar
from mls_assets_tests.orchestration.assets.world import clear_configuration

GROUPS = {
    "spark": {
        *("spark_listing_pages", "spark_member_pages", "spark_office_pages"),
        *("spark_open_house_pages", "spark_keys"),
    },
    "forge": {"forge_listing_pages", "forge_agent_pages"},
    "reso": {
        *("listings", "media", "rooms", "unit_types", "open_houses", "members", "offices"),
    },
    "compliance": {"sweeps", "deletion_ledger"},
    "published": {"published_database"},
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    clear_configuration(monkeypatch)
    monkeypatch.setenv("MLS_ASSETS_DATA", str(tmp_path))
    return monkeypatch


@pytest.fixture
def specs(environment: pytest.MonkeyPatch) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in build_defs().resolve_all_asset_specs()}


def test_they_load_with_no_configuration_at_all(environment: pytest.MonkeyPatch):
    defs = build_defs()
    dg.Definitions.validate_loadable(defs)
    partitions = defs.resolve_job_def("spark_replicate").partitions_def
    assert partitions is not None
    assert list(partitions.get_partition_keys()) == []


@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`")
def test_a_code_server_can_hand_them_to_the_ui(environment: pytest.MonkeyPatch):
    # `validate` does not try this, and a value of a wrong type only shows when the UI is up
    snapshot = RepositorySnap.from_def(build_defs().get_repository_def())
    assert "spark_listing_pages" in serialize_value(snapshot)


def test_the_assets_and_groups_are_those_of_the_contract(specs: dict[str, dg.AssetSpec]):
    found: dict[str, set[str]] = {}
    for name, spec in specs.items():
        found.setdefault(spec.group_name or "", set()).add(name)
    assert found == GROUPS


def test_every_description_begins_with_the_grain(specs: dict[str, dg.AssetSpec]):
    for name, spec in specs.items():
        assert (spec.description or "").startswith("One row per "), name
        assert spec.owners, name
        assert spec.kinds, name


def test_a_tables_column_schema_is_its_declaration(specs: dict[str, dg.AssetSpec]):
    for name, table in RESO_TABLES.items():
        schema = specs[name].metadata["dagster/column_schema"]
        shown = [(column.name, column.type) for column in schema.columns]
        assert shown == [(column.name, column.type) for column in table.columns]


def test_the_jobs_sensors_and_checks_are_those_of_the_contract(environment: pytest.MonkeyPatch):
    repository = build_defs().get_repository_def()
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {
        *("spark_replicate", "spark_purge", "forge_replicate", "forge_replay"),
        *("publish", "compact", "spark_purge_plan", "purge_approve"),
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {
        *("spark_update_sensor", "forge_event_sensor", "forge_mls_sensor"),
        *("spark_purge_sensor", "publish_sensor", "alert_sensor"),
    }
    checked = {
        (key.asset_key.to_user_string(), key.name)
        for key in repository.asset_graph.asset_check_keys
    }
    assert {asset for asset, _ in checked} == {
        *("listings", "spark_keys", "sweeps", "deletion_ledger", "published_database"),
        "forge_listing_pages",
    }
    assert ("sweeps", "purge_reconciles_keys") in checked
    assert ("forge_listing_pages", "replay_reconciles_keys") in checked


@pytest.mark.parametrize(
    ("switch", "status"),
    [
        ("", dg.DefaultSensorStatus.STOPPED),
        ("off", dg.DefaultSensorStatus.STOPPED),
        ("on", dg.DefaultSensorStatus.RUNNING),
        (" On ", dg.DefaultSensorStatus.RUNNING),
        ("OFF", dg.DefaultSensorStatus.STOPPED),
    ],
)
def test_sensors_run_where_they_are_switched_on(
    environment: pytest.MonkeyPatch, switch: str, status: dg.DefaultSensorStatus
):
    environment.setenv("MLS_ASSETS_SENSORS", switch)
    assert {sensor.default_status for sensor in build_defs().sensors or ()} == {status}


@pytest.mark.parametrize("slip", ["true", "1", "yes", "maybe", "o n"])
def test_a_mistyped_switch_is_one_line_and_not_taken_for_off(
    environment: pytest.MonkeyPatch, slip: str
):
    environment.setenv("MLS_ASSETS_SENSORS", slip)
    with pytest.raises(ConfigurationError, match=rf"^MLS_ASSETS_SENSORS is '{slip}', .* on or off"):
        build_defs()


def test_each_configured_spark_feed_is_a_partition(environment: pytest.MonkeyPatch, tmp_path: Path):
    feeds = tmp_path / "feeds.toml"
    feeds.write_text('[spark.beaches]\ntoken_env = "B"\n[spark.hills]\ntoken_env = "H"\n')
    environment.setenv("MLS_ASSETS_FEEDS", str(feeds))
    partitions = build_defs().resolve_job_def("spark_purge").partitions_def
    assert partitions is not None
    assert list(partitions.get_partition_keys()) == ["spark/beaches", "spark/hills"]


def test_a_broken_feeds_file_fails_with_its_one_line(
    environment: pytest.MonkeyPatch, tmp_path: Path
):
    feeds = tmp_path / "feeds.toml"
    feeds.write_text("[spark.beaches]\ntoken = 'x'\n")
    environment.setenv("MLS_ASSETS_FEEDS", str(feeds))
    with pytest.raises(ConfigurationError, match=r"unknown setting\(s\) `token`") as raised:
        build_defs()
    assert "\n" not in str(raised.value)


def test_dagster_validates_them_from_the_checkout_without_an_argument(tmp_path: Path):
    checkout = Path(__file__).parents[2]
    answer = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MLS_ASSETS_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert "All code locations passed validation" in answer.stdout + answer.stderr


def test_what_the_launchpad_shows_is_what_the_passes_take():
    feed, access = SparkFeed("spark/a"), ForgeAccess("https://h/g")
    assert SparkApi().settings(feed) == SparkSettings()
    assert ForgeApi().settings(access) == ForgeSettings()
    assert PurgeGuard().thresholds(feed) == Thresholds()
    assert SparkApi(page_size=7, page_budget=3).settings(feed) == SparkSettings(
        page_size=7, page_budget=3
    )
    assert ForgeApi(fields=["City"]).settings(access).fields == ("City",)
    assert PurgeGuard(share=0.5).thresholds(access).share == 0.5


def test_every_setting_of_a_run_but_its_patience_can_stand_in_the_table_of_its_feed():
    spark = {field.name for field in fields(SparkSettings)} - {"patience_seconds"}
    assert spark <= {field.name for field in structs.fields(SparkFeed)}
    assert {field.name for field in fields(SparkSettings)} == set(SparkApi.model_fields)
    assert {field.name for field in fields(ForgeSettings)} == set(ForgeApi.model_fields)
    assert {field.name for field in structs.fields(Thresholds)} == set(PurgeGuard.model_fields)


def test_a_run_goes_before_its_feeds_table_and_that_before_the_default():
    feed = SparkFeed(
        "spark/a", page_size=9, page_budget=4, overlap_minutes=60, guard=Thresholds(share=0.5)
    )
    settings = SparkApi(page_size=7, page_budget=0).settings(feed)
    assert (settings.page_size, settings.page_budget) == (7, 0)
    assert (settings.overlap_minutes, settings.relations_page_size) == (60, 250)
    assert PurgeGuard().thresholds(feed).share == 0.5
    told = PurgeGuard(share=0.0, floor=3).thresholds(feed)
    assert (told.share, told.floor, told.day_share) == (0.0, 3, 0.2)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (lambda feed: SparkApi(page_size=0).settings(feed), "`spark`: `page_size` is 0, but"),
        (
            lambda feed: SparkApi(overlap_minutes=-1).settings(feed),
            "`overlap_minutes` is -1.0",
        ),
        (
            lambda feed: PurgeGuard(share=50).thresholds(feed),
            "`guard`: `share` is 50.0",
        ),
        (lambda _: RemovalTimes(fail_hours=-1).limits(12), "`removal_times`: `fail_hours`"),
    ],
)
def test_a_run_that_is_told_what_is_out_of_bounds_is_refused_in_one_line(told: Any, words: str):
    with pytest.raises(ConfigurationError) as refusal:
        told(SparkFeed("spark/a"))
    assert words in str(refusal.value)
    assert "at least" in str(refusal.value)


def test_no_field_of_a_resource_holds_a_token(environment: pytest.MonkeyPatch):
    environment.setenv("SPARK_ACCESS_TOKEN", "S3CR3T")
    environment.setenv("FORGE_API_TOKEN", "S3CR3T")
    environment.setenv("FORGE_URL", "https://forge.example/graphql")
    defs = build_defs()
    assert "S3CR3T" not in repr(defs.resources)


def test_a_warehouse_of_ones_own_can_be_told_one_setting_too(tmp_path: Path):
    place: dict[str, Any] = {
        "database": str(tmp_path / "mine.duckdb"),
        "data_folder": str(tmp_path),
    }
    for overrides in ({}, {"warehouse": MlsWarehouse(**place)}):
        job = build_defs(overrides).resolve_job_def("compact")
        assert dg.validate_run_config(job, run_config("compact", file_patience=5.0))


def test_duckdbs_options_are_ours_but_for_memory(tmp_path: Path):
    place: dict[str, Any] = {"database": str(tmp_path / "w.duckdb"), "data_folder": str(tmp_path)}
    roomy = MlsWarehouse(connection_config={"memory_limit": "1GB"}, **place)
    with roomy.read("run") as con:
        assert scalar(con, "select current_setting('memory_limit')") == "953.6 MiB"
    with pytest.raises(ConfigurationError, match="threads"):
        MlsWarehouse(connection_config={"threads": 1}, **place).workspace("run")


def test_dagsters_folder_is_made_with_our_settings_in_the_data_folder(tmp_path: Path):
    environ = {"MLS_ASSETS_DATA": str(tmp_path)}
    home = dagster_home(environ)
    assert home == (tmp_path / "dagster_home").resolve()
    assert environ["DAGSTER_HOME"] == str(home)
    config = home / "dagster.yaml"
    assert "telemetry" in config.read_text()
    config.write_text("# mine\n")
    dagster_home({"MLS_ASSETS_DATA": str(tmp_path)})
    assert config.read_text() == "# mine\n"


def test_a_dagster_home_that_is_set_is_used_as_given(tmp_path: Path):
    mine = tmp_path / "mine"
    environ = {"MLS_ASSETS_DATA": str(tmp_path / "data"), "DAGSTER_HOME": str(mine)}
    mine.mkdir()
    (mine / "dagster.yaml").write_text("# mine\n")
    assert dagster_home(environ) == mine.resolve()
    assert (mine / "dagster.yaml").read_text() == "# mine\n"
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("made_by_hand", [[], ["."], ["history", "storage"]])
def test_a_dagster_home_without_settings_gets_ours(tmp_path: Path, made_by_hand: list[str]):
    home = tmp_path / "home"
    for folder in made_by_hand:
        (home / folder).mkdir(parents=True)
    dagster_home({"DAGSTER_HOME": str(home)})
    assert "telemetry" in (home / "dagster.yaml").read_text()


def test_a_dagster_home_that_cannot_be_made_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="DAGSTER_HOME"):
        dagster_home({"DAGSTER_HOME": str(tmp_path / "file")})


def test_dagster_takes_our_settings(tmp_path: Path):
    home = dagster_home({"MLS_ASSETS_DATA": str(tmp_path)})
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_monitoring_enabled
        concurrency = instance.get_concurrency_config()
        assert concurrency.pool_config.default_pool_limit == 3
        queue = concurrency.run_queue_config
        assert queue is not None
        limited = {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits}
        assert limited == {"dagster/partition": 1, "mls_assets/file": 1}
