"""A source that only these tests know goes the whole way: assets, checks, sensors, command line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from mls_assets.definitions import build_defs
from mls_assets.sources.registry import register, unregister
from mls_assets_tests.cli.conftest import Script
from mls_assets_tests.third_source.server import TOKEN, Meridian, serving
from mls_assets_tests.third_source.source import MERIDIAN

FEED = "meridian/north"


class MeridianScript(Script):
    """The console script in a process in which the source is registered."""

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mls_assets_tests.third_source", *arguments]


@pytest.fixture
def meridian() -> Iterator[Meridian]:
    with serving() as running:
        for number in range(40):
            running.put(
                "Property",
                ListingKey=f"K{number:03}",
                ListingId=f"N-{number}",
                AskingPrice=100_000 + number,
                StandardStatus="Active",
                mx_shore_line="lake",
                ModificationTimestamp=_ago(hours=5),
            )
        for number in range(3):
            running.put("Office", OfficeKey=f"O{number}", ModificationTimestamp=_ago(hours=5))
        yield running


@pytest.fixture
def script(meridian: Meridian, tmp_path: Path) -> MeridianScript:
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(
        f'[meridian.north]\ntoken_env = "MERIDIAN_TOKEN"\nbase_url = "{meridian.url}"\n'
    )
    env = {"MLS_ASSETS_FEEDS": str(feeds), "MERIDIAN_TOKEN": TOKEN}
    return MeridianScript(tmp_path / "data", env)


def _ago(**parts: float) -> str:
    moment = datetime.now(UTC) - timedelta(**parts)
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def _rows(script: Script, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(script.folder / "mls.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def _state(script: Script, resource: str) -> dict[str, object]:
    told = script("status", "--json")
    assert told.returncode == 0, told.stderr
    (entry,) = [e for e in json.loads(told.stdout)["feeds"] if e["resource"] == resource]
    return entry


def _succeeded(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(900)  # a dozen processes one after the other
def test_it_is_downloaded_updated_purged_and_erased(meridian: Meridian, script: MeridianScript):
    _succeeded(script("replicate"))
    assert _rows(
        script,
        'select feed, source, mls, count(*), min("ListPrice"), max("ListPrice") from listings '
        "group by all",
    ) == [(FEED, "meridian", "north", 40, 100_000.0, 100_039.0)]
    assert _rows(script, "select local_fields ->> 'mx_shore_line', count(*) from listings "
                 "group by all") == [("lake", 40)]  # fmt: skip
    assert _state(script, "Property")["state"] == "current"
    assert any("$skip" in path for path in meridian.asked), "it is paged by offset"

    listing = meridian.records["Property"]["K007"]
    meridian.put("Property", **{**listing, "AskingPrice": 9, "ModificationTimestamp": _ago()})
    del meridian.records["Property"]["K011"]
    _succeeded(script("replicate"))
    assert _rows(script, 'select "ListPrice" from listings where "ListingKey" = \'K007\'') == [
        (9.0,)
    ]
    assert _rows(script, "select count(*) from listings") == [(40,)], "silence removes nothing"

    planned = script("purge", "--dry-run", "--no-publish")
    _succeeded(planned)
    _succeeded(script("purge"))
    assert _rows(script, "select count(*) from listings") == [(39,)]
    assert _rows(script, "select source, mls, record_key, event, reason from deletion_ledger") == [
        ("meridian", "north", "K011", "removed", "absent_from_sweep")
    ]
    assert _rows(
        script, "select resource, verdict from sweeps where verdict <> 'planned' order by all"
    ) == [("Office", "reconciled"), ("Property", "reconciled")]

    for number in range(20):
        del meridian.records["Property"][f"K{number + 15:03}"]
    blocked = script("purge", "--no-publish")
    assert blocked.returncode == 3, blocked.stdout + blocked.stderr
    assert _state(script, "Property")["blocked"]

    refused = script("erase", FEED, "--yes")
    assert refused.returncode == 2
    assert "take the table [meridian.north] out of" in refused.stderr
    Path(script.env["MLS_ASSETS_FEEDS"]).write_text("")
    _succeeded(script("erase", FEED, "--yes"))
    assert _rows(script, "select count(*) from listings") == [(0,)]


def test_what_it_does_not_serve_stays_and_is_loud(meridian: Meridian, script: MeridianScript):
    _succeeded(script("replicate"))
    meridian.broken = "Office"
    done = script("replicate", "--patience", "0.5")
    assert done.returncode == 1
    assert f"{FEED}: " in done.stderr
    assert "/reso/Office gave no proper answer" in done.stderr
    assert _rows(script, "select count(*) from offices") == [(3,)]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, script: MeridianScript) -> Iterator[None]:
    for name, value in script.environment().items():
        monkeypatch.setenv(name, value)
    register(MERIDIAN)
    yield
    unregister(MERIDIAN)


@pytest.mark.usefixtures("registered")
def test_it_has_assets_jobs_sensors_and_checks_like_any_other():
    repository = build_defs().get_repository_def()
    graph = repository.asset_graph
    names = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert {"meridian_listing_pages", "meridian_office_pages", "meridian_keys"} <= names
    assert graph.get(dg.AssetKey("sweeps")).parent_keys == {
        dg.AssetKey("spark_keys"),
        dg.AssetKey("meridian_keys"),
    }
    assert dg.AssetKey("meridian_listing_pages") in graph.get(dg.AssetKey("listings")).parent_keys
    assert dg.AssetKey("meridian_listing_pages") not in graph.get(dg.AssetKey("media")).parent_keys
    assert {"meridian_replicate", "meridian_purge", "meridian_purge_plan"} <= {
        job.name for job in repository.get_all_jobs()
    }
    assert {"meridian_update_sensor", "meridian_purge_sensor"} <= {
        sensor.name for sensor in repository.sensor_defs
    }
