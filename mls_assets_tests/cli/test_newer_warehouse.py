"""A warehouse of a newer program: every verb refuses it in one line and writes nothing to it."""

import shutil
from pathlib import Path

import duckdb
import pytest

from mls_assets.replication.workspace import Workspace
from mls_assets_tests.cli.conftest import Script

_LINE = "mls_assets 9.2.0 changed it at 2027-01-02 03:04 UTC"
_NEXT = "install mls_assets 9.2.0 or newer"


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warehouse = Workspace.open(tmp_path_factory.mktemp("newer"), run_id="now").warehouse
    with warehouse.read():
        pass
    with duckdb.connect(warehouse.address) as con:
        con.execute(
            "insert into raw.schema_versions "
            "values ('m900_split', '2027-01-02 03:04:05+00', '9.2.0')"
        )
    return Path(warehouse.address)


@pytest.mark.parametrize(
    "verb",
    [
        "status",
        "publish",
        *(
            pytest.param(verb, marks=pytest.mark.long)
            for verb in (
                "status --json",
                "replicate",
                "purge spark/default",
                "compact",
                "erase forge/armls --yes",
                "ui --port 0",
            )
        ),
    ],
)
def test_a_verb_refuses_a_newer_warehouse_and_says_what_to_install(
    verb: str, spark_only: Script, newer: Path
):
    spark_only.folder.mkdir()
    warehouse = spark_only.folder / "warehouse.duckdb"
    shutil.copy(newer, warehouse)
    ended = spark_only(*verb.split())
    assert ended.returncode == 1
    told = [line for line in ended.stderr.splitlines() if _LINE in line]
    assert len(told) == 1
    assert _NEXT in told[0]
    assert "Traceback" not in ended.stderr + ended.stdout
    assert warehouse.read_bytes() == newer.read_bytes()
    assert not (spark_only.folder / "warehouse.duckdb.wal").exists()
    assert not (spark_only.folder / "mls.duckdb").exists()
