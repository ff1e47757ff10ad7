"""Compaction and erasure: what was removed is gone from the bytes of both files."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from mls_assets.errors import WarehouseRefused
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse, sweeps
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.publication import compaction, publication
from mls_assets.warehouse.removals import erasure
from mls_assets.warehouse.storage import arrow, files
from mls_assets.warehouse.storage.files import WarehouseFault
from mls_assets.warehouse.storage.queries import scalar
from mls_assets_tests.warehouse.world import (
    FEED,
    NOON,
    bring,
    gone,
    keys_in,
    land,
    ledger_entries,
    page,
    photos,
    record,
    tables_that_mention,
)

CANARY = "0123456789-the-house-with-the-blue-door-9876543210"


def _unfinished(warehouse: Warehouse) -> Path:
    return Path(f"{warehouse.address}.new")


def _files_with(folder: Path, content: bytes) -> set[str]:
    return {
        path.name for path in folder.rglob("*") if path.is_file() and content in path.read_bytes()
    }


def test_removed_bytes_leave_the_published_file_and_after_compaction_the_warehouse(
    warehouse: Warehouse,
):
    folder, target = Path(warehouse.address).parent, Path(warehouse.address).with_name("mls.duckdb")
    secret = record("a", Remarks=CANARY, Bad=CANARY)
    neighbours = [record(f"b{number}", Remarks=f"quiet street {number}") for number in range(50)]
    bring(warehouse, page(secret, *neighbours, photos("a", "m1", MediaURL=CANARY)))
    publication.write_published(warehouse, target, run_id="run-1")
    assert _files_with(folder, CANARY.encode()) == {"warehouse.duckdb", "mls.duckdb"}
    assert _files_with(folder, arrow.packed(secret.body)) == {"warehouse.duckdb"}
    bring(warehouse, page(gone("a")))
    assert "warehouse.duckdb" in _files_with(folder, CANARY.encode()), "in free space"
    publication.write_published(warehouse, target, run_id="run-2")
    assert _files_with(folder, CANARY.encode()) == {"warehouse.duckdb"}
    done = compaction.rewrite_file(warehouse, run_id="run-3")
    assert done.scrubbed == 1
    assert _files_with(folder, CANARY.encode()) == set()
    assert _files_with(folder, arrow.packed(secret.body)) == set()
    assert _files_with(folder, b"quiet street 7") == {"warehouse.duckdb", "mls.duckdb"}


def test_compaction_keeps_every_row_and_sets_the_time_once(warehouse: Warehouse):
    bring(warehouse, page("a", "b", photos("a", "1")), page(gone("b")), page("b"))
    with warehouse.read() as con:
        before = {
            table.name: con.execute(f"select * from {table.name} order by all").fetchall()
            for table in warehouse.schema.tables
            if table.name not in ("deletion_ledger", "raw.meta")
        }
    done = compaction.rewrite_file(warehouse, run_id="run-1")
    assert done.scrubbed == 1
    assert done.bytes_after == Path(warehouse.address).stat().st_size
    query = "select event, raw_scrubbed_at from deletion_ledger order by entry_id"
    with warehouse.write() as con:
        for name, rows in before.items():
            assert con.execute(f"select * from {name} order by all").fetchall() == rows
        (removed, scrubbed_at), (restored, never) = con.execute(query).fetchall()
        assert (removed, restored, never) == ("removed", "restored", None)
        assert publication.changed_since_publication(
            con, Path(warehouse.address).with_name("mls.duckdb")
        )
        assert land(con, page("a", "c")).page_id == 4
    assert compaction.rewrite_file(warehouse, run_id="run-2").scrubbed == 0
    with warehouse.read() as con:
        assert con.execute(query).fetchall()[0] == (removed, scrubbed_at)
    assert not _unfinished(warehouse).exists()


def test_a_compaction_that_fails_leaves_the_warehouse_as_it_was(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    bring(warehouse, page("a"), page(gone("a")))
    with monkeypatch.context() as patched:
        numbers = itertools.count()
        patched.setattr(
            files,
            "scalar",
            lambda con, sql: next(numbers) if "count" in sql else scalar(con, sql),
        )
        with pytest.raises(WarehouseFault, match="Compaction copied"):
            compaction.rewrite_file(warehouse, run_id="run-1")
    assert not _unfinished(warehouse).exists()
    with warehouse.read() as con:
        assert con.execute("select raw_scrubbed_at from deletion_ledger").fetchall() == [(None,)]


def test_erasing_a_feed_takes_everything_of_it_and_nothing_of_others(warehouse: Warehouse):
    secret: dict[str, Any] = {"Remarks": CANARY, "Bad": CANARY}
    bring(
        warehouse,
        page(record("a", mls="armls", **secret), "b", photos("a", "m1", MediaURL=CANARY)),
        page(record("agent", **secret), resource=Resource.MEMBER),
        page(record("oh", ListingKey="a", **secret), resource=Resource.OPEN_HOUSE),
        page("a", feed="spark/other"),
    )
    with warehouse.write() as con:
        land(con, page("only landed", resource=Resource.OFFICE))
        cursors.begin_walk(con, FEED, Resource.PROPERTY, "update", started_at=NOON)
        sweeps.begin_sweep(con, "s1", FEED, Resource.PROPERTY, NOON, "run-1")
        sweeps.stage_keys(con, "s1", ["a"])
        sweeps.stage_keys(con, "s1/again", ["a"])
        sweeps.update_sweep(con, "s1", changed_keys=["a"])
        done = erasure.erase_feed(con, FEED, "run-9")
        assert done.ledger_entries == 5
        assert done.tables["listings"] == 2
        assert done.tables["raw.records"] == 5
        assert tables_that_mention(con, warehouse, CANARY) == set()
        assert erasure.left_of(con, FEED) == {}
        assert [state.feed for state in cursors.states(con)] == ["spark/other"]
        assert keys_in(con, "listings") == ["a"]
        assert keys_in(con, "raw.sweep_keys", "record_key") == []
        row = sweeps.find_sweep(con, "s1")
        assert row is not None
        assert row.changed_keys == []
        assert row.verdict == "void"
        assert row.explanation == "The feed was erased meanwhile, so nothing follows from it."
        assert set(ledger_entries(con)) == {
            (resource, key, "removed", "operator_erase")
            for resource, key in [
                ("Property", "a"),
                ("Property", "b"),
                ("Member", "agent"),
                ("Office", "only landed"),
                ("OpenHouse", "oh"),
            ]
        }
        assert ("armls",) in con.execute("select distinct mls from deletion_ledger").fetchall()
        assert erasure.erase_feed(con, FEED, "run-9").ledger_entries == 0


def test_erasing_a_feed_leaves_verdicts_and_the_sweeps_of_others_alone(warehouse: Warehouse):
    other = "spark/other"
    with warehouse.write() as con:
        sweeps.begin_sweep(con, "proven", FEED, Resource.PROPERTY, NOON, "run-1")
        sweeps.close_sweep(con, "proven", verdict="reconciled", explanation="Equal.")
        sweeps.begin_sweep(con, "others", other, Resource.PROPERTY, NOON, "run-1")
        sweeps.stage_keys(con, "others", ["a"])
        sweeps.stage_keys(con, "others/again", ["a"])
        sweeps.begin_sweep(con, "broken off", FEED, Resource.PROPERTY, NOON, "run-1")
        sweeps.begin_sweep(con, "agents", FEED, Resource.MEMBER, NOON, "run-1")
        erasure.erase_feed(con, FEED, "run-9")
        assert dict(con.execute("select sweep_id, verdict from sweeps").fetchall()) == {
            "proven": "reconciled",
            "others": "running",
            "broken off": "void",
            "agents": "void",
        }
        assert keys_in(con, "raw.sweep_keys", "sweep_id") == ["others", "others/again"]


def test_a_removal_is_unproven_until_both_files_are_without_it(warehouse: Warehouse):
    bring(warehouse, page("a"), page("b", feed="spark/other"))
    target = Path(warehouse.address).with_name("mls.duckdb")
    with warehouse.write() as con:
        assert erasure.unproven(con, FEED) == 0
        erasure.erase_feed(con, FEED, "run-9")
        assert erasure.unproven(con, FEED) == 1
        assert erasure.unproven(con, "spark/other") == 0
    publication.write_published(warehouse, target, run_id="run-9")
    with warehouse.read() as con:
        assert erasure.unproven(con, FEED) == 1
    compaction.rewrite_file(warehouse, run_id="run-9")
    with warehouse.read() as con:
        assert erasure.unproven(con, FEED) == 0


def test_a_warehouse_that_was_moved_aside_is_refused_by_name_not_made_anew_over_it(
    warehouse: Warehouse,
):
    Path(warehouse.address).write_bytes(b"")
    with pytest.raises(WarehouseRefused, match="restore a backup"):
        compaction.rewrite_file(warehouse, run_id="run-1")
