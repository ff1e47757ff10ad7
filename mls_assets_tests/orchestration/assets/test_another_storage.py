"""A warehouse that is no file goes through everything that one in a file does."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from mls_assets.cli.overview import show_status
from mls_assets.definitions import build_defs
from mls_assets.orchestration.jobs import RunOutcome
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.replication.workspace import feed_holder
from mls_assets.warehouse import rows
from mls_assets.warehouse.storage import addresses
from mls_assets.warehouse.storage.protocol import Storage
from mls_assets_tests.orchestration.assets.world import ARMLS, SPARK, World, world
from mls_assets_tests.warehouse.in_memory import SCHEME, Memory


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Lend a data folder whose warehouse is in this process's memory, which no file shows."""
    memory = Memory()
    monkeypatch.setitem(addresses.OPENERS, SCHEME, memory)
    with world(tmp_path / "data", listings=40, seed=5) as here:
        _use(here, monkeypatch, "market")
        yield here
    memory.close()


def _use(here: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MLS_ASSETS_DATABASE", f"{SCHEME}{name}")
    here.defs = build_defs()


def _done(outcome: RunOutcome) -> RunOutcome:
    assert (outcome.exit_code, outcome.error) == (0, "")
    assert [name for name, passed in outcome.checks.items() if not passed] == []
    return outcome


def test_it_downloads_updates_purges_checks_publishes_and_compacts(
    elsewhere: World, capsys: pytest.CaptureFixture[str]
):
    _done(elsewhere.run("spark_replicate", SPARK))
    _done(elsewhere.run("forge_replicate", ARMLS))
    elsewhere.act("change", "Property", count=3)
    gone = elsewhere.act("remove", "Property", count=2)
    updated = _done(elsewhere.run("spark_replicate", SPARK))
    assert updated.results["spark_listing_pages"]["changed"] == 3
    purged = _done(elsewhere.run("spark_purge", SPARK))
    assert purged.results["sweeps"][f"removed {SPARK}"] == 2
    _done(elsewhere.run("publish"))
    compacted = _done(elsewhere.run("compact"))
    assert compacted.results["deletion_ledger"]["scrubbed"] == 2
    _done(elsewhere.run("publish"))
    with MlsWarehouse().read() as con:
        held = rows(con, "select ListingKey from listings where feed = ? order by 1", [SPARK])
        scrubbed = rows(
            con, "select record_key from deletion_ledger where raw_scrubbed_at > 'epoch'"
        )
        assert rows(con, "select current_database()") == [("elsewhere_2",)]
    assert len(held) == 38
    assert sorted(key for (key,) in scrubbed) == sorted(gone)
    with duckdb.connect(str(elsewhere.folder / "mls.duckdb"), read_only=True) as con:
        shown = rows(con, "select ListingKey from listings where feed = ? order by 1", [SPARK])
        assert rows(con, "select count(*) from deletion_ledger where published_at is null") == [
            (0,)
        ]
    assert shown == held
    assert show_status(as_json=False) == 0
    assert "current" in capsys.readouterr().out
    # nothing of it is in the data folder, nor is a lock of its feeds
    found = {path.name for path in elsewhere.folder.rglob("*")}
    assert [name for name in found if name == "locks" or name.startswith("warehouse.duckdb")] == []


def test_a_missing_one_is_missed_by_its_data_folder_too(
    elsewhere: World, monkeypatch: pytest.MonkeyPatch
):
    _done(elsewhere.run("spark_replicate", SPARK))
    _use(elsewhere, monkeypatch, "another")
    outcome = elsewhere.run("spark_replicate", SPARK)
    assert outcome.exit_code == 1
    assert f"{SCHEME}another is not there" in outcome.error
    assert f"had a warehouse at {SCHEME}market" in outcome.error


def test_a_feed_that_is_worked_on_is_busy_there_as_well(elsewhere: World):
    storage: Storage = addresses.storage_at(f"{SCHEME}market")
    with storage.feed_lock(SPARK, "run-1", 0.0):
        holder = feed_holder(SPARK)
        assert holder is not None
        assert holder.run_id == "run-1"
        assert "worked on by run run-1" in elsewhere.run("spark_replicate", SPARK).error
    assert feed_holder(SPARK) is None
