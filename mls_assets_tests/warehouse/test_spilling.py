"""What does not fit into memory: any number of batches may spill, and none of it stays behind."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from mls_assets.errors import MlsAssetsError
from mls_assets.warehouse import Warehouse
from mls_assets_tests.warehouse.world import warehouse_at

_MEMORY = "90MB"
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
    folder = warehouse.path.with_name(f"{warehouse.path.name}.tmp")
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


def test_too_little_memory_names_the_limit_and_where_to_set_it(tmp_path: Path):
    warehouse = warehouse_at(tmp_path, memory="20MB")
    with (
        pytest.raises(MlsAssetsError, match=r"20MB.*memory_limit"),
        warehouse.write(),
    ):
        raise duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate 16.0 MiB")
