"""A warehouse that is not there is never taken for an empty one."""

import shutil
from pathlib import Path

import duckdb
import pytest

from mls_assets.errors import ConfigurationError, WarehouseRefused
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.workspace import Workspace, memory_of
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.storage.belonging import WAREHOUSE_MARKER


def _used(folder: Path) -> Workspace:
    """Return a place that has published once."""
    workspace = Workspace.open(folder, run_id="first")
    publish(workspace)
    return workspace


def test_a_new_data_folder_gets_a_warehouse_and_remembers_it(tmp_path: Path):
    workspace = Workspace.open(tmp_path / "data", run_id="first")
    with workspace.warehouse.read():
        pass
    assert workspace.warehouse.address in (tmp_path / "data" / WAREHOUSE_MARKER).read_text()


def test_a_warehouse_that_was_moved_away_is_not_made_anew(tmp_path: Path):
    workspace = _used(tmp_path)
    before = workspace.published.read_bytes()
    Path(workspace.warehouse.address).rename(tmp_path / "elsewhere.duckdb")
    with pytest.raises(WarehouseRefused, match=r"is not there.*no empty one.*warehouse\.json"):
        publish(Workspace.open(tmp_path, run_id="second"))
    assert not Path(workspace.warehouse.address).exists()
    assert workspace.published.read_bytes() == before
    (tmp_path / "elsewhere.duckdb").rename(Path(workspace.warehouse.address))
    assert publish(Workspace.open(tmp_path, run_id="third"))


def test_a_mistyped_database_is_not_made_beside_the_folders_own(tmp_path: Path):
    workspace = _used(tmp_path)
    mistyped = tmp_path / "warehouse.dukdb"
    with pytest.raises(WarehouseRefused, match="MLS_ASSETS_DATABASE"):
        publish(Workspace.open(tmp_path, mistyped, run_id="second"))
    assert not mistyped.exists()
    assert publish(workspace)


def test_the_published_file_alone_tells_that_there_was_a_warehouse(tmp_path: Path):
    workspace = _used(tmp_path)
    Path(workspace.warehouse.address).unlink()
    (tmp_path / WAREHOUSE_MARKER).unlink()
    with pytest.raises(WarehouseRefused, match=r"mls\.duckdb"):
        publish(Workspace.open(tmp_path, run_id="second"))


def test_moving_the_evidence_away_is_a_persons_word_to_begin_anew(tmp_path: Path):
    workspace = _used(tmp_path)
    for file in (
        Path(workspace.warehouse.address),
        workspace.published,
        tmp_path / WAREHOUSE_MARKER,
    ):
        file.unlink()
    assert publish(Workspace.open(tmp_path, run_id="second"))


def test_another_warehouse_in_the_place_of_the_folders_own_is_refused(tmp_path: Path):
    ours, other = _used(tmp_path / "ours"), _used(tmp_path / "other")
    shutil.copy(Path(other.warehouse.address), Path(ours.warehouse.address))
    with pytest.raises(WarehouseRefused, match=r"another warehouse.*MLS_ASSETS_DATA"):
        publish(Workspace.open(tmp_path / "ours", run_id="second"))
    (tmp_path / "ours" / WAREHOUSE_MARKER).unlink()
    assert publish(Workspace.open(tmp_path / "ours", run_id="third"), accept_loss=True)


def test_a_backup_of_the_folders_own_warehouse_is_welcome(tmp_path: Path):
    workspace = _used(tmp_path)
    shutil.copy(Path(workspace.warehouse.address), tmp_path / "backup")
    publish(workspace)
    shutil.copy(tmp_path / "backup", Path(workspace.warehouse.address))
    assert publish(Workspace.open(tmp_path, run_id="second"))


def test_a_data_folder_may_move_as_a_whole(tmp_path: Path):
    _used(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    assert publish(Workspace.open(tmp_path / "after", run_id="second"))


def test_a_file_that_is_deleted_while_it_is_open_is_told(tmp_path: Path):
    workspace = _used(tmp_path)
    with (
        pytest.raises(WarehouseRefused, match="deleted or replaced"),
        workspace.warehouse.write() as con,
    ):
        counters.changed(con)
        Path(workspace.warehouse.address).unlink()
    with pytest.raises(WarehouseRefused, match="is not there"), workspace.warehouse.read():
        pass
    assert not Path(workspace.warehouse.address).exists()


def test_a_warehouse_of_the_version_before_gets_its_number_once(tmp_path: Path):
    workspace = _used(tmp_path)
    _of_the_version_before(Path(workspace.warehouse.address))
    (tmp_path / WAREHOUSE_MARKER).unlink()
    numbers = set()
    for run in ("second", "third"):
        with Workspace.open(tmp_path, run_id=run).warehouse.read() as con:
            numbers.add(counters.current(con, "warehouse_number"))
    assert len(numbers) == 1
    assert numbers != {0}


def _of_the_version_before(file: Path) -> None:
    with duckdb.connect(str(file)) as con:
        con.execute("delete from raw.meta where name = 'warehouse_number'")
        con.execute("update raw.meta set value = 1 where name = 'schema_version'")
        con.execute("drop table raw.schema_versions")


def test_a_backup_of_the_version_before_is_known_by_its_place(tmp_path: Path):
    workspace = _used(tmp_path)
    _of_the_version_before(Path(workspace.warehouse.address))
    assert publish(Workspace.open(tmp_path, run_id="second"))


def test_a_foreign_warehouse_of_the_version_before_is_refused_untouched(tmp_path: Path):
    _used(tmp_path)
    foreign = Path(_used(tmp_path / "other").warehouse.address)
    _of_the_version_before(foreign)
    before = foreign.read_bytes()
    with pytest.raises(WarehouseRefused, match="another warehouse"):
        publish(Workspace.open(tmp_path, foreign, run_id="second"))
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("size", ["lots", "0GB", "-1GB", "2", "2 bananas", "1e9GB"])
def test_a_memory_limit_that_is_no_size_is_refused(size: str):
    with pytest.raises(ConfigurationError, match="MLS_ASSETS_MEMORY"):
        memory_of({"MLS_ASSETS_MEMORY": size})
    assert memory_of({"MLS_ASSETS_MEMORY": "512MB"}) == "512MB"
