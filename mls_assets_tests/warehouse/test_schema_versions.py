"""Warehouses of other programs: older ones are brought up, newer ones refused untouched."""

import json
import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mls_assets.errors import WarehouseRefused
from mls_assets.model.resources import CHILD_RESOURCES, TABLE_OF_RESOURCE
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.publication.publication import ledger_digest
from mls_assets.warehouse.schema import ddl, migrations, versions
from mls_assets.warehouse.schema.ddl import Described
from mls_assets.warehouse.storage.queries import Connection, rows, scalar
from mls_assets_tests.warehouse.world import warehouse_at

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.duckdb.xz"))
STEPS = [step.__name__ for step in migrations.MIGRATIONS]


@dataclass(frozen=True)
class Older:
    """The warehouse of an older program, brought up once; `told` is what was in it."""

    name: str
    workspace: Workspace
    told: dict[str, Any]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.workspace.warehouse.read() as con:
            return rows(con, sql)


@pytest.fixture(scope="module", params=FIXTURES, ids=lambda path: path.name.split(".duckdb")[0])
def older(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Older:
    name = request.param.name.removesuffix(".duckdb.xz")
    folder = tmp_path_factory.mktemp("older")
    (folder / "warehouse.duckdb").write_bytes(lzma.decompress(request.param.read_bytes()))
    told = json.loads((request.param.parent / f"{name}.json").read_text())
    return Older(name, Workspace.open(folder, run_id="now"), told)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.open(tmp_path_factory.mktemp("fresh"), run_id="now")


def test_there_is_a_small_warehouse_of_each_release():
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
    released = [
        line.partition("]")[0].removeprefix("## [")
        for line in changelog.splitlines()
        if line.startswith("## [") and "Unreleased" not in line
    ]
    there = {path.name.removesuffix(".duckdb.xz"): path.stat().st_size for path in FIXTURES}
    assert there.keys() >= set(released)
    assert max(there.values()) < 300_000


def test_an_older_warehouse_gets_the_tables_columns_types_and_comments_of_a_new_one(
    older: Older, fresh: Workspace
):
    with fresh.warehouse.read() as con:
        expected = ddl.columns_in(con), ddl.table_comments_in(con)
    with older.workspace.warehouse.read() as con:
        assert (ddl.columns_in(con), ddl.table_comments_in(con)) == expected
        assert not migrations.is_outdated(con, older.workspace.warehouse.schema)


def test_an_older_warehouse_keeps_all_its_rows(older: Older):
    found = {
        table: older.rows(f"select count(*) from {table}")[0][0] for table in older.told["rows"]
    }
    assert found == older.told["rows"]
    assert older.told["rows"]["rejected_values"] == 1
    ledger = older.rows(
        "select entry_id, feed, resource, record_key, event, reason from deletion_ledger "
        "order by entry_id"
    )
    assert [list(entry) for entry in ledger] == older.told["ledger"]


def test_an_older_warehouse_stays_in_the_format_that_all_supported_duckdbs_read(older: Older):
    tags = older.rows(
        "select tags from duckdb_databases() where database_name = current_database()"
    )
    assert tags == [({"storage_version": "v1.5.0+"},)]


def test_an_older_warehouse_says_what_it_had_and_what_this_program_did(older: Older):
    noted = older.rows(
        "select name, applied_at is null, program from raw.schema_versions "
        "order by applied_at nulls first, name"
    )
    names = [name for name, _, _ in noted]
    assert names[: len(STEPS)] == STEPS
    assert set(names[len(STEPS) :]) <= {versions.AS_DECLARED}
    ours = versions.program_version()
    counted = {"0.1.0": 1, "before-0.2.0": 2}.get(older.name, 0)
    assert noted[:counted] == [(name, True, None) for name in STEPS[:counted]]
    assert noted[counted:] == [(name, False, ours) for name, _, _ in noted[counted:]]


def test_the_digest_that_an_older_program_printed_can_still_be_checked(older: Older):
    warehouse = older.workspace.warehouse
    with warehouse.read():
        pass  # it is brought up
    with duckdb.connect() as con:
        con.execute(f"attach {ddl.literal(warehouse.address)} as kept (read_only)")
        con.execute("set timezone = 'UTC'")
        (last,) = older.told["ledger"][-1:]
        # the last entry came after that publication
        con.execute(
            "create table deletion_ledger as from kept.deletion_ledger where entry_id < ?",
            [last[0]],
        )
        assert ledger_digest(con, version=1) == older.told["published_digest"]


def test_what_an_older_program_landed_is_normalised_again_and_published(older: Older):
    workspace = older.workspace
    normalise_landed(workspace)
    published = publish(workspace)
    assert published is not None
    kept = {name: count for name, count in older.told["rows"].items() if "raw." not in name}
    with duckdb.connect(str(workspace.published), read_only=True) as con:
        assert {name: scalar(con, f"select count(*) from {name}") for name in kept} == kept
        for table in {TABLE_OF_RESOURCE[child] for child in CHILD_RESOURCES}:
            assert scalar(con, f"select count(*) from {table} where landed_at is null") == 0
        gone = older.told["unpublished"]
        assert scalar(con, f"select count(*) from listings where \"ListingKey\" = '{gone}'") == 0
        assert scalar(con, "select count(*) from deletion_ledger where published_at is null") == 0
        found = rows(con, "select record_key, field, value from rejected_values")
        assert found == [(older.told["rejected"], "BedroomsTotal", "several")]


def test_a_new_warehouse_notes_every_step_with_its_time_and_program(warehouse: Warehouse):
    with warehouse.read() as con:
        noted = rows(con, "select name, program, applied_at from raw.schema_versions")
    assert [(name, program) for name, program, _ in noted] == [
        (name, versions.program_version()) for name in STEPS
    ]
    assert all(at is not None for _, _, at in noted)
    assert len(set(STEPS)) == len(STEPS)


def test_what_has_no_step_is_noted_once_with_the_program_that_did_it(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    with duckdb.connect(warehouse.address) as con:
        con.execute("comment on table listings is 'as it was'")
    monkeypatch.setattr(versions, "program_version", lambda: "7.1.0")
    for _ in range(2):
        with warehouse_at(Path(warehouse.address).parent).read() as con:
            noted = rows(
                con, "select name, program from raw.schema_versions where program = ?", ["7.1.0"]
            )
            assert noted == [(versions.AS_DECLARED, "7.1.0")]
            assert ddl.table_comments_in(con)["listings"] != "as it was"


def _step(con: Connection) -> None:
    con.execute("insert into raw.schema_versions values ('m900_split', ?, '9.2.0')", [_AT])


def _step_of_nobody(con: Connection) -> None:
    con.execute("insert into raw.schema_versions (name) values ('m900_split')")


def _count(con: Connection) -> None:
    con.execute("update raw.meta set value = 4 where name = 'schema_version'")


def _count_without_names(con: Connection) -> None:
    con.execute("drop table raw.schema_versions")


def _other_names(con: Connection) -> None:
    con.execute("alter table raw.schema_versions rename column program to made_by")


def _as_declared(con: Connection) -> None:
    con.execute("insert into raw.schema_versions values ('tables_as_declared', ?, '9.2.0')", [_AT])


def _table(con: Connection) -> None:
    _as_declared(con)
    con.execute("create table raw.of_tomorrow (feed varchar)")


def _column(con: Connection) -> None:
    _as_declared(con)
    con.execute("alter table raw.walks add column of_tomorrow varchar")


def _type(con: Connection) -> None:
    _as_declared(con)
    con.execute("alter table sweeps alter pages set data type HUGEINT")


def _comment(con: Connection) -> None:
    _as_declared(con)
    con.execute("comment on column sweeps.pages is 'How many answers.'")


_AT = "2027-01-02 03:04:05+00"
_BY = ["mls_assets 9.2.0 changed it at 2027-01-02 03:04 UTC", "install mls_assets 9.2.0 or newer"]
_UNKNOWN = ["install the newest mls_assets"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_step, ["1 step(s)", "m900_split", *_BY]),
        (_step_of_nobody, ["m900_split", versions.program_version()]),
        (_count, ["version 4", "up to 3"]),
        (_count_without_names, ["without names", *_UNKNOWN]),
        (_other_names, _UNKNOWN),
        (_table, ["raw.of_tomorrow", *_BY]),
        (_column, ["raw.walks.of_tomorrow", *_BY]),
        (_type, ["tables differ", *_BY]),
        (_comment, ["tables differ", *_BY]),
    ],
)
def test_a_warehouse_of_a_newer_program_is_refused_with_who_made_it_and_what_to_do(
    warehouse: Warehouse, spoil: Callable[[Connection], None], told: list[str]
):
    with duckdb.connect(warehouse.address) as con:
        con.execute("set timezone = 'UTC'")
        spoil(con)
    before = Path(warehouse.address).read_bytes()
    for opened in (warehouse.write, warehouse.read):
        with pytest.raises(WarehouseRefused) as refused, opened():
            pass
        message = str(refused.value)
        for text in (warehouse.address, "newer program", "left as it is", *told):
            assert text in message
        assert "restore a backup" not in message
        assert "\n" not in message
    assert Path(warehouse.address).read_bytes() == before


def test_a_file_that_a_newer_duckdb_wrote_is_refused_with_what_to_install(warehouse: Warehouse):
    content = bytearray(Path(warehouse.address).read_bytes())
    struct.pack_into("<Q", content, 12, 100)  # the format's number, in the first header
    struct.pack_into("<Q", content, 0, _checksum(content[8:4096]))
    Path(warehouse.address).write_bytes(content)
    told = r"number 100.*left as it is.*newer DuckDB.*install"
    with pytest.raises(WarehouseRefused, match=told), warehouse.read():
        pass
    assert Path(warehouse.address).read_bytes() == content


def _checksum(block: bytes) -> int:
    """DuckDB's checksum of a block."""
    found = 5381
    for (word,) in struct.iter_unpack("<Q", block):
        found ^= word * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return found


def test_a_newer_program_that_changed_nothing_here_is_no_reason_to_refuse(warehouse: Warehouse):
    with duckdb.connect(warehouse.address) as con:
        _as_declared(con)
    with warehouse.read() as con:
        assert scalar(con, "select count(*) from feeds") == 0


def test_a_program_that_was_never_installed_does_not_take_any_for_newer(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(versions, "program_version", str)
    with duckdb.connect(warehouse.address) as con:
        _comment(con)
    with warehouse_at(Path(warehouse.address).parent).read() as con:
        declared = ddl.columns_in(con)["sweeps"]["pages"]
        assert declared == Described("BIGINT", "How many answers the walk over the keys took.")
