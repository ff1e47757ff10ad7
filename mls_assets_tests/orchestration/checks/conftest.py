"""A warehouse with the real tables in a folder of its own, filled by hand to break promises."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets_tests.orchestration.assets.world import clear_configuration


class Filled:
    """What a test writes into; `resource` is what a check is handed.

    What is written is kept until then and stored in one transaction, which is quicker.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: list[tuple[str, list[Any]]] = []
        self._resource = MlsWarehouse(
            database=str(folder / "warehouse.duckdb"), data_folder=str(folder)
        )

    @property
    def resource(self) -> MlsWarehouse:
        if self._waiting:
            with self._resource.write() as con:
                for sql, params in self._waiting:
                    con.execute(sql, params)
            self._waiting.clear()
        return self._resource

    def asks(self, check: dg.AssetChecksDefinition) -> dg.AssetCheckResult:
        """Evaluate a check without Dagster around it, which takes most of a second each time."""
        evaluate: Any = check.node_def
        return evaluate.compute_fn.decorated_fn(self.resource)

    def insert(self, table: str, **columns: Any) -> None:
        """Insert one row; columns that are not named stay NULL."""
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        self.execute(f"insert into {table} ({names}) values ({marks})", list(columns.values()))

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        self._waiting.append((sql, list(params)))

    def listing(self, key: str, feed: str = "spark/default") -> None:
        """Insert a listing as one clean run leaves it: its record, its row, nothing pending."""
        record = {"feed": feed, "resource": "Property", "record_key": key, "page_id": 1}
        self.insert("raw.records", **record)
        self.insert("listings", feed=feed, ListingKey=key, landed_at="2026-05-01 12:00:00+00")
        self.execute("delete from raw.normalised")
        self.insert("raw.normalised", feed=feed, resource="Property", through=1)

    def entry(self, number: int, key: str, event: str = "removed", **columns: Any) -> None:
        """Insert a complete ledger entry about a listing."""
        told = {
            "feed": "spark/default",
            "resource": "Property",
            "reason": "absent_from_sweep",
            "evidence_id": "sweep-1",
            "first_evidence_at": "2026-05-01 12:00:00+00",
            "removed_at": "2026-05-01 12:01:00+00" if event == "removed" else None,
            "run_id": "run-1",
            **columns,
        }
        self.insert("deletion_ledger", entry_id=number, record_key=key, event=event, **told)


@pytest.fixture(scope="session")
def empty_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the tables once; each test works on a copy."""
    folder = tmp_path_factory.mktemp("empty")
    with Filled(folder).resource.write():
        pass
    return folder / "warehouse.duckdb"


@pytest.fixture
def filled(tmp_path: Path, empty_warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> Filled:
    clear_configuration(monkeypatch)
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", "a-token")
    shutil.copy(empty_warehouse, tmp_path)
    return Filled(tmp_path)
