"""What does not fit into memory: any number of batches may spill, and none of it stays behind."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from mls_assets.errors import MlsAssetsError
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse, sweeps
from mls_assets.warehouse.publication import audit, invariants
from mls_assets.warehouse.publication.compaction import rewrite_file
from mls_assets.warehouse.publication.publication import write_published
from mls_assets.warehouse.removals import erasure
from mls_assets.warehouse.storage.locks import KernelLock
from mls_assets.warehouse.storage.readers_file import published_attached
from mls_assets_tests.warehouse.world import FEED, NOON, bring, gone, page, warehouse_at

_MEMORY = "90MB"
_LISTINGS = 400_000
#: Sorts some 100 MB, which does not fit.
_SORT = (
    "select count(*) from (select hash(i) h, i::varchar || repeat('x', 60) s "
    "from range(900000) t(i) order by h, s limit 890000 offset 5)"
)


def _spilling_batch(warehouse: Warehouse) -> bool:
    """Sort more than fits, in a batch of its own; tell whether it spilled."""
    with warehouse.read() as con:
        con.execute("set threads = 1")
        assert con.execute(_SORT).fetchall() == [(890_000,)]
        spilled = con.execute("select count(*) from duckdb_temporary_files()").fetchall()[0][0]
        return bool(spilled or _files(warehouse))


def _files(warehouse: Warehouse) -> list[Path]:
    folder = Path(warehouse.address).with_name(f"{Path(warehouse.address).name}.tmp")
    return [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock"]


def test_batch_after_batch_of_one_process_may_spill(tmp_path: Path):
    warehouse = warehouse_at(tmp_path, memory=_MEMORY)
    with warehouse.write():
        pass
    for _ in range(3):
        _spilling_batch(warehouse)


def test_another_process_that_opens_the_file_in_between_deletes_nothing_of_a_living_one(
    tmp_path: Path,
):
    warehouse = warehouse_at(tmp_path, memory=_MEMORY)
    with warehouse.write():
        pass
    for _ in range(2):
        _spilling_batch(warehouse)
        other = (
            "from pathlib import Path\n"
            "from mls_assets_tests.warehouse.world import warehouse_at\n"
            f"with warehouse_at(Path({str(tmp_path)!r})).read(): pass"
        )
        subprocess.run([sys.executable, "-c", other], check=True)


def test_a_cleaner_that_takes_the_lock_file_away_meanwhile_costs_no_living_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    acquire, taken = KernelLock.acquire, []

    def robbed(lock: KernelLock, wait: float) -> bool:
        got = acquire(lock, wait)
        if lock.path.parent.suffix == ".tmp" and not taken:
            taken.append(lock.path)
            lock.path.unlink()
        return got

    monkeypatch.setattr(KernelLock, "acquire", robbed)
    warehouse = warehouse_at(tmp_path, memory="91MB")
    for _ in range(3):
        with warehouse.read():
            pass
        folders = [each for each in (tmp_path / "warehouse.duckdb.tmp").iterdir() if each.is_dir()]
        assert len(folders) == 1
        assert folders[0].with_name(f"{folders[0].name}.lock").exists()
    assert taken
    assert folders[0].name not in taken[0].name


def test_a_process_that_ends_leaves_nothing_that_it_spilled(tmp_path: Path):
    code = (
        "from pathlib import Path\n"
        "from mls_assets_tests.warehouse.test_spilling import _MEMORY, _spilling_batch\n"
        "from mls_assets_tests.warehouse.world import warehouse_at\n"
        f"warehouse = warehouse_at(Path({str(tmp_path)!r}), memory=_MEMORY)\n"
        "_spilling_batch(warehouse)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert not (tmp_path / "warehouse.duckdb.tmp").exists()


@pytest.mark.parametrize(
    "error",
    [
        duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate 16.0 MiB"),
        duckdb.TransactionException("Failed to commit: failed to pin block of size 256.0 KiB"),
    ],
)
def test_too_little_memory_names_the_limit_and_where_to_set_it(tmp_path: Path, error: duckdb.Error):
    warehouse = warehouse_at(tmp_path, memory="90MB")
    with (
        pytest.raises(MlsAssetsError, match=r"90MB.*MLS_ASSETS_MEMORY.*memory_limit"),
        warehouse.write(),
    ):
        raise error


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_warehouse_several_times_the_memory_goes_through_everything(tmp_path: Path):
    warehouse = warehouse_at(tmp_path, memory="100MB")
    target = tmp_path / "mls.duckdb"
    random = " || ".join(f"sha256((i * {factor})::varchar)" for factor in (3, 5, 7, 11, 13, 17))
    key = "lpad(i::varchar, 26, '0')"
    for start in range(0, _LISTINGS, 50_000):
        some = f"range({start}, {start + 50_000}) t(i)"
        with warehouse.write() as con:
            con.execute(
                'insert into listings (feed, source, mls, "ListingKey", "City", landed_at) '
                f"select '{FEED}', 'spark', 'm', {key}, {random}, now() from {some}"
            )
            con.execute(
                "insert into raw.records (feed, resource, record_key, body, landed_at, page_id, "
                f"seen_page_id) select '{FEED}', 'Property', {key}, encode({random}), now(), 1, 1 "
                f"from {some}"
            )
            con.execute(
                'insert into media (feed, source, mls, "ListingKey", "MediaKey", landed_at) '
                f"select '{FEED}', 'spark', 'm', {key}, {random}, now() from {some}"
            )
    with warehouse.write() as con:
        con.execute(f"insert into raw.normalised values ('{FEED}', 'Property', 1)")
    assert Path(warehouse.address).stat().st_size > 3 * 100_000_000
    keys = [f"{number:026}" for number in range(_LISTINGS)]
    assert (
        write_published(warehouse, target, run_id="one", may_lose=lambda _: 0).rows["media"]
        == _LISTINGS
    )
    with warehouse.write() as con:
        sweeps.begin_sweep(con, "sweep", FEED, Resource.PROPERTY, NOON, "one")
        sweeps.stage_keys(con, "sweep", keys[10:])
        assert sweeps.count_staged(con, "sweep") == _LISTINGS - 10
        assert sweeps.unknown_locally(con, "sweep") == 0
    bring(warehouse, page(*map(gone, keys[:10])))
    for _ in range(2):
        with warehouse.read() as con:
            assert invariants.duplicate_keys(con) == {}
            assert audit.half_applied(con) == {}
    assert (
        write_published(warehouse, target, run_id="two", may_lose=lambda _: 0).published_entries
        == 10
    )
    with warehouse.read() as con, published_attached(con, target) as readable:
        assert readable
        assert audit.differing_tables(con) == {}
        assert audit.lingering(con, published=True) == {}
    assert rewrite_file(warehouse, run_id="two").scrubbed == 10
    with warehouse.write() as con:
        assert erasure.erase_feed(con, FEED, "two").tables["listings"] == _LISTINGS - 10
    assert rewrite_file(warehouse, run_id="three").bytes_after < 100_000_000
    assert (
        write_published(warehouse, target, run_id="three", may_lose=lambda _: 0).rows["listings"]
        == 0
    )
