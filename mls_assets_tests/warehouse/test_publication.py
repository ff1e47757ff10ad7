"""The published file: whole, atomic, readable by old clients, free of what was removed."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mls_assets.errors import WarehouseRefused
from mls_assets.model.records import RawRecord
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.publication import losses, publication
from mls_assets.warehouse.publication.publication import Published
from mls_assets.warehouse.removals import hiding
from mls_assets.warehouse.schema.tables import PIPELINE_TABLES
from mls_assets.warehouse.storage import readers_file
from mls_assets.warehouse.storage.belonging import DataFolder
from mls_assets.warehouse.storage.files import DiskFull, OutOfMemory
from mls_assets_tests.warehouse.world import (
    FEED,
    MINUTE,
    NOON,
    RESO_TABLES,
    bring,
    gone,
    page,
    photos,
    record,
    warehouse_at,
)


@pytest.fixture
def target(warehouse: Warehouse) -> Path:
    return Path(warehouse.address).with_name("mls.duckdb")


def _publish(warehouse: Warehouse, target: Path) -> Published:
    return publication.write_published(warehouse, target, run_id="run-1")


def test_readers_get_all_public_tables_with_comments_and_the_brief_view(
    warehouse: Warehouse, target: Path
):
    bring(warehouse, page(record("a", City="Mesa"), photos("a", "1")))
    done = _publish(warehouse, target)
    assert done.bytes == target.stat().st_size
    assert (done.rows["listings"], done.rows["media"], done.ledger_entries) == (1, 1, 0)
    with duckdb.connect(str(target), read_only=True) as con:
        tables = con.execute("select table_name, comment from duckdb_tables()").fetchall()
        assert {name for name, _ in tables} == {*RESO_TABLES, *(t.name for t in PIPELINE_TABLES)}
        assert all(comment.startswith("One row per ") for _, comment in tables)
        assert con.execute("select * from listings_brief").fetchall() == [
            ("spark/default", "a", "Mesa")
        ]
        version = con.execute("select tags['storage_version'] from duckdb_databases()").fetchall()
        assert "v1.5.0" in version[0][0] or "v1.5.0" in str(version)
    assert sorted(path.name for path in target.parent.glob("mls*")) == ["mls.duckdb"]


def test_a_notebook_neither_blocks_nor_is_blocked(warehouse: Warehouse, target: Path):
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    # read-write by mistake, as notebooks do, and with a log of its own
    notebook = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; con = duckdb.connect({str(target)!r})\n"
            "con.execute('create table scratch (a integer)'); print('open', flush=True); input()\n"
            "print(con.execute('select count(*) from listings').fetchall(), flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert notebook.stdin is not None
    assert notebook.stdout is not None
    assert notebook.stdout.readline() == "open\n"
    bring(warehouse, page("b"), page(gone("a")))
    done = _publish(warehouse, target)
    assert (done.rows["listings"], done.published_entries) == (1, 1)
    print(file=notebook.stdin, flush=True)
    assert notebook.stdout.readline() == "[(1,)]\n", "it still reads what it opened"
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.execute('select "ListingKey" from listings').fetchall() == [("b",)]
    notebook.kill()
    notebook.communicate()


def test_published_at_is_set_once_in_both_files_when_the_key_is_out(
    warehouse: Warehouse, target: Path
):
    query = "select record_key, event, published_at from deletion_ledger order by entry_id"
    bring(warehouse, page("a", "b"), page(gone("a"), gone("b")), page("b"))
    assert _publish(warehouse, target).published_entries == 1
    with warehouse.read() as con, duckdb.connect(str(target), read_only=True) as published:
        here, there = con.execute(query).fetchall(), published.execute(query).fetchall()
        moment = publication.last_published(con)
    assert here == there
    assert here[0] == ("a", "removed", moment)
    assert [at for _, _, at in here[1:]] == [None, None], "b came back, so the file holds it"
    assert _publish(warehouse, target).published_entries == 0
    with warehouse.read() as con:
        assert con.execute(query).fetchall() == here
        assert publication.last_published(con) != moment


def test_a_crash_before_the_file_is_in_place_claims_nothing(
    warehouse: Warehouse, target: Path, monkeypatch: pytest.MonkeyPatch
):
    bring(warehouse, page("a"), page("b"))
    _publish(warehouse, target)
    bring(warehouse, page(gone("a")))

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as crash:
        crash.setattr(readers_file, "replace", fail)
        with pytest.raises(OSError, match="Input/output"):
            _publish(warehouse, target)
    assert sorted(path.name for path in target.parent.glob("mls*")) == ["mls.duckdb"]
    with warehouse.read() as con:
        assert publication.changed_since_publication(con, target)
        assert con.execute("select published_at from deletion_ledger").fetchall() == [(None,)]
    assert _publish(warehouse, target).published_entries == 1


def test_the_ledgers_digest_sees_every_edit_but_not_the_times_set_later(
    warehouse: Warehouse, target: Path
):
    bring(warehouse, page("a", "b"), page(gone("a"), gone("b")))
    first = _publish(warehouse, target)
    assert _publish(warehouse, target).ledger_digest == first.ledger_digest
    with warehouse.write() as con:
        con.execute("update deletion_ledger set reason = 'tombstone!' where record_key = 'a'")
        assert publication.ledger_digest(con) != first.ledger_digest


def test_the_ledgers_digest_stays_the_same_when_the_ledger_gets_a_column(
    warehouse: Warehouse, target: Path
):
    bring(warehouse, page("a"), page(gone("a")))
    first = _publish(warehouse, target).ledger_digest
    with warehouse.write() as con:
        con.execute("alter table deletion_ledger add column later varchar default 'new'")
        assert publication.ledger_digest(con, version=1) == first
    assert publication.DIGEST_COLUMNS[1] == (
        *("entry_id", "feed", "source", "mls", "resource", "record_key", "event", "reason"),
        *("evidence_id", "first_evidence_at", "removed_at", "run_id"),
    ), "a version that was used once never changes"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"no database at all",
        lambda data: data[:9000] + bytes([data[9000] ^ 1]) + data[9001:],
    ],
    ids=["cut", "emptied", "junk", "one bit"],
)
def test_a_published_file_that_was_damaged_in_place_is_written_anew(
    tmp_path: Path, target: Path, damage: Callable[[bytes], bytes]
):
    warehouse = warehouse_at(tmp_path, home=DataFolder(tmp_path, target))
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    before, facts = target.read_bytes(), target.stat()
    with target.open("r+b") as file:
        data = damage(before)
        file.write(data)
        file.truncate(len(data))
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with warehouse.read() as con:
        assert publication.changed_since_publication(con, target)
    publication.write_published(warehouse, target, run_id="run-2", may_lose=lambda _: 0)
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.execute('select "ListingKey" from listings').fetchall() == [("a",)]


def test_an_older_copy_that_was_put_over_the_published_file_is_noticed(
    warehouse: Warehouse, target: Path, tmp_path: Path
):
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    older = shutil.copy(target, tmp_path / "older.duckdb")
    bring(warehouse, page("b"))
    _publish(warehouse, target)
    # in place, so that the inode stays
    target.write_bytes(Path(older).read_bytes())
    with warehouse.read() as con:
        assert publication.changed_since_publication(con, target)


def test_readers_never_lose_keys_that_no_entry_explains(warehouse: Warehouse, target: Path):
    keys = [f"k{number:03}" for number in range(60)]
    bring(warehouse, page(*keys))
    _publish(warehouse, target)
    before = target.read_bytes()
    with warehouse.write() as con:
        con.execute("delete from listings")
    with pytest.raises(publication.PublicationRefused, match=r"Property: 60 of 60.*accept-loss"):
        publication.write_published(
            warehouse, target, run_id="run-2", may_lose=lambda had: had // 10
        )
    assert target.read_bytes() == before
    assert publication.write_published(warehouse, target, run_id="run-3").rows["listings"] == 0


def test_what_the_ledger_explains_may_leave_the_published_file(warehouse: Warehouse, target: Path):
    keys = [f"k{number:03}" for number in range(60)]
    bring(warehouse, page(*keys))
    _publish(warehouse, target)
    bring(warehouse, page(*map(gone, keys)))
    done = publication.write_published(warehouse, target, run_id="run-2", may_lose=lambda _: 0)
    assert (done.rows["listings"], done.published_entries) == (0, 60)


def test_an_entry_of_an_earlier_absence_explains_no_later_loss(warehouse: Warehouse, target: Path):
    bring(warehouse, page("a", "b"))
    bring(warehouse, page(gone("a")))
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    with warehouse.write() as con:
        con.execute("""delete from listings where "ListingKey" = 'a'""")
    with pytest.raises(publication.PublicationRefused, match="Property: 1 of 2"):
        publication.write_published(warehouse, target, run_id="run-2", may_lose=lambda _: 0)


def test_readers_never_lose_entries_of_the_ledger(warehouse: Warehouse, target: Path):
    bring(warehouse, page("a", "b"))
    _publish(warehouse, target)
    older = Path(warehouse.address).with_name("backup")
    shutil.copy(Path(warehouse.address), older)
    bring(warehouse, page(gone("a")))
    _publish(warehouse, target)
    before = target.read_bytes()
    shutil.copy(older, Path(warehouse.address))
    # the number of the entry that the copy lacks is given out again
    bring(warehouse, page(gone("b")))
    with pytest.raises(publication.PublicationRefused, match=r"deletion_ledger: 1 of 1"):
        publication.write_published(warehouse, target, run_id="run-2", may_lose=lambda had: had)
    assert target.read_bytes() == before
    assert publication.write_published(warehouse, target, run_id="run-3").ledger_entries == 1


def test_a_comparison_that_memory_is_too_small_for_is_no_agreement(
    warehouse: Warehouse, target: Path, monkeypatch: pytest.MonkeyPatch
):
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    before = target.read_bytes()

    def too_small(*_: object) -> None:
        raise duckdb.OutOfMemoryException("could not allocate block")

    monkeypatch.setattr(losses, "_losses", too_small)
    with pytest.raises(OutOfMemory, match="MLS_ASSETS_MEMORY"):
        publication.write_published(warehouse, target, run_id="run-2", may_lose=lambda had: had)
    assert target.read_bytes() == before


def test_without_room_the_old_file_stays(
    warehouse: Warehouse, target: Path, monkeypatch: pytest.MonkeyPatch
):
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    before = target.read_bytes()

    def refuse(folder: Path, needed: int) -> None:
        raise DiskFull(f"{folder} has no room for {needed:,} bytes")

    monkeypatch.setattr(readers_file, "ensure_space", refuse)
    with pytest.raises(DiskFull):
        _publish(warehouse, target)
    assert target.read_bytes() == before


@pytest.mark.parametrize("at", ["mls.duckdb", "mls.duckdb.new"])
def test_a_folder_in_the_place_of_the_published_file_is_named(
    warehouse: Warehouse, target: Path, at: str
):
    bring(warehouse, page("a"))
    folder = target.with_name(at)
    folder.mkdir()
    with pytest.raises(WarehouseRefused, match=rf"{at}.*Is a directory.*move it away"):
        _publish(warehouse, target)
    assert folder.is_dir()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_at_the_last_step_leaves_the_old_file(
    warehouse: Warehouse, target: Path, monkeypatch: pytest.MonkeyPatch, code: int
):
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    before = target.read_bytes()
    bring(warehouse, page("b"))

    def full(*_: object) -> None:
        raise OSError(code, os.strerror(code), str(target))

    monkeypatch.setattr(readers_file, "replace", full)
    with pytest.raises(DiskFull, match=r"is full.*bytes free.*make room"):
        _publish(warehouse, target)
    assert target.read_bytes() == before
    assert not target.with_name("mls.duckdb.new").exists()


def test_a_published_file_that_may_not_be_read_is_named(
    warehouse: Warehouse, target: Path, monkeypatch: pytest.MonkeyPatch
):
    bring(warehouse, page("a"))

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))

    monkeypatch.setattr(readers_file, "_fingerprint", forbidden)
    with pytest.raises(WarehouseRefused, match=r"mls\.duckdb.*Permission denied"):
        _publish(warehouse, target)


def test_a_changed_resource_is_published_only_when_something_changed(
    warehouse: Warehouse, target: Path
):
    with warehouse.read() as con:
        assert publication.last_published(con) is None
    bring(warehouse, page("a", resource=Resource.MEMBER))
    with warehouse.read() as con:
        assert publication.changed_since_publication(con, target)
    _publish(warehouse, target)
    with warehouse.read() as con:
        assert not publication.changed_since_publication(con, target)


def test_a_file_that_is_not_the_one_last_published_wants_a_publication(
    warehouse: Warehouse, target: Path
):
    bring(warehouse, page("a"))
    _publish(warehouse, target)
    other = target.with_name("other.duckdb")
    with warehouse.read() as con:
        assert not publication.changed_since_publication(con, target)
        assert publication.changed_since_publication(con, other)
    target.unlink()
    with warehouse.read() as con:
        assert publication.changed_since_publication(con, target)


def test_what_was_rejected_of_a_hidden_listings_open_houses_is_hidden_too(
    warehouse: Warehouse, target: Path
):
    bring(
        warehouse,
        page("a", "b"),
        page(
            record("house-a", ListingKey="a", Bad="secret"),
            record("house-b", ListingKey="b", Bad="known"),
            resource=Resource.OPEN_HOUSE,
        ),
    )
    with warehouse.write() as con:
        hiding.hide_keys(con, FEED, Resource.PROPERTY, ["a"])
    _publish(warehouse, target)
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.execute("select value from rejected_values").fetchall() == [("known",)]


def test_a_real_listing_that_several_feeds_carry_is_shown_once_as_told_last(
    warehouse: Warehouse, target: Path
):
    def listing(key: str, minutes: int, **fields: Any) -> RawRecord:
        modified = (NOON + minutes * MINUTE).isoformat()
        return record(key, ModificationTimestamp=modified, **fields)

    bring(
        warehouse,
        page(
            listing("s1", 1, ListingId="100", OriginatingSystemName="AR MLS", City="old"),
            listing("s2", 1, ListingId="100", OriginatingSystemName="Beaches", City="another"),
            listing("s3", 1, ListingId="200"),
            listing("s4", 1, City="nameless"),
            listing("s5", 1, City="nameless too"),
            listing("j1", 1, ListingId="7", OriginatingSystemName="日本"),
            listing("j2", 1, ListingId="7", OriginatingSystemName="Ελλάδα"),
        ),
        page(
            listing("f1", 2, ListingId="100", mls="armls", City="new"),
            listing("f2", 2, ListingId="300", mls="armls"),
            feed="forge/armls",
        ),
    )
    _publish(warehouse, target)
    with duckdb.connect(str(target), read_only=True) as con:
        found = con.execute('select "ListingKey", feeds from listings_once order by all').fetchall()
    assert [row for row in found if not row[0].startswith("j")] == [
        ("f1", ["forge/armls", FEED]),
        ("f2", ["forge/armls"]),
        *((key, [FEED]) for key in ("s2", "s3", "s4", "s5")),
    ]
    assert [row[0] for row in found if row[0].startswith("j")] == ["j1", "j2"]


def test_values_beyond_the_standards_are_counted_by_field(warehouse: Warehouse, target: Path):
    warehouse = warehouse_at(
        Path(warehouse.address).parent,
        standard_values={
            "listings": {
                "StandardStatus": frozenset({"Active"}),
                "Appliances": frozenset({"Oven"}),
            }
        },
    )
    bring(
        warehouse,
        page(
            record("a", StandardStatus="Active", Appliances=["Oven", "Robot"]),
            record("b", StandardStatus="Ours", Appliances=["Robot", "Fridge's"]),
            record("c", StandardStatus="Ours"),
        ),
    )
    _publish(warehouse, target)
    with duckdb.connect(str(target), read_only=True) as con:
        found = con.execute("from local_values order by all").fetchall()
    assert found == [
        (FEED, "Property", "Appliances", "Fridge's", 1),
        (FEED, "Property", "Appliances", "Robot", 2),
        (FEED, "Property", "StandardStatus", "Ours", 2),
    ]


def test_open_houses_that_are_over_are_marked_and_stay(warehouse: Warehouse, target: Path):
    soon = datetime.now(UTC) + timedelta(days=1)
    bring(warehouse, page(record("past"), record("soon"), resource=Resource.OPEN_HOUSE))
    with warehouse.write() as con:
        for key, end in (("past", NOON), ("soon", soon)):
            con.execute(
                'update open_houses set "OpenHouseEndTime" = ? where "OpenHouseKey" = ?', [end, key]
            )
    _publish(warehouse, target)
    with duckdb.connect(str(target), read_only=True) as con:
        found = con.execute('select "OpenHouseKey", is_past from open_houses order by all')
        assert found.fetchall() == [("past", True), ("soon", False)]
