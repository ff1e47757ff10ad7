"""A warehouse in a folder of its own, for each test; made once and copied, which is faster."""

import shutil
from pathlib import Path

import pytest

from mls_assets.warehouse import Warehouse
from mls_assets_tests.warehouse.world import warehouse_at


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = warehouse_at(tmp_path_factory.mktemp("empty"))
    with made.write():
        pass
    return Path(made.address)


@pytest.fixture
def warehouse(empty_warehouse: Path, tmp_path: Path) -> Warehouse:
    shutil.copy(empty_warehouse, tmp_path / "warehouse.duckdb")
    return warehouse_at(tmp_path)
