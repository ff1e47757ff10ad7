"""The storage is a seam: what knows of files, locks and attached databases stands in one folder."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import landing
from mls_assets.warehouse.storage.addresses import absolute, storage_at
from mls_assets.warehouse.storage.protocol import Storage
from mls_assets.warehouse.storage.queries import wide_rows
from mls_assets_tests.warehouse.in_memory import SCHEME, Memory
from mls_assets_tests.warehouse.world import (
    BRIEF_COLUMNS,
    FEED,
    RESO_TABLES,
    bring,
    keys_in,
    land,
    page,
    record,
)

PACKAGE = Path(__file__).parents[2] / "mls_assets"
STORAGE = PACKAGE / "warehouse" / "storage"
OUTSIDE = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if STORAGE not in path.parents and PACKAGE / "sandbox" not in path.parents
)
#: How a statement begins, or goes on, that only some storages have.
_OF_A_FILE = re.compile(
    r"\browid\b|^\s*(attach|detach|use|pragma|vacuum|copy from database)\b|\bstorage_version\b"
    r"|pragma_database_size|duckdb_databases|using compression"
    r"|\.wal\b|warehouse\.duckdb|warehouse\.json",
    re.IGNORECASE,
)
#: What not all of DuckDB 1.5, DuckDB 2 and DuckLake understand.
_NOT_EVERYWHERE = re.compile(
    r"\bprimary key\b|\bunique\s*\(|\bforeign key\b|\bcheck\s*\(|\bcreate (unique )?index\b"
    r"|\bcreate (temp )?sequence\b|\bnextval\b|\bas enum\b|\bgenerated always\b|\breturning\b"
    r"|\bcreate trigger\b|\bon conflict\b|\binsert or \b",
    re.IGNORECASE,
)
#: Names of the operating system that only a file or a lock of one has.
_NAMES = {"fcntl", "flock", "st_ino", "st_dev", "fsync", "disk_usage"}


def _texts(path: Path) -> Iterator[str]:
    """Every text of a module but its docstrings."""
    tree = ast.parse(path.read_text())
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def _found(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(PACKAGE)}: {text.strip()[:80]}"
        for path in paths
        for text in _texts(path)
        if pattern.search(text)
    ]


def test_no_statement_outside_the_storages_folder_is_one_of_a_file():
    assert _found(_OF_A_FILE, list(STORAGE.rglob("*.py"))) != []
    assert _found(_OF_A_FILE, OUTSIDE) == []


def test_no_statement_anywhere_needs_what_not_every_storage_has():
    assert _found(_NOT_EVERYWHERE, [*OUTSIDE, *STORAGE.rglob("*.py")]) == []


def test_no_module_outside_the_storages_folder_asks_what_only_files_and_their_locks_answer():
    found = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in OUTSIDE
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [node.attr]
            if isinstance(node, ast.Attribute)
            else [each.name for each in node.names]
            if isinstance(node, ast.Import | ast.ImportFrom)
            else []
        )
        if name in _NAMES
    ]
    assert found == []


def test_a_lake_is_refused_with_what_to_do_until_it_can_be_opened():
    address = "ducklake:postgres:dbname=mls"
    assert absolute(address) == address
    with pytest.raises(ConfigurationError, match="MLS_ASSETS_DATABASE names a DuckLake"):
        storage_at(address)


def test_a_path_means_the_same_file_in_every_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    address = absolute("mine.duckdb")
    assert address == str(tmp_path / "mine.duckdb")
    assert storage_at("mine.duckdb").address == address
    assert not storage_at(address).exists()


@pytest.fixture(params=["a file", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    memory = Memory()
    if request.param == "memory":
        yield memory(f"{SCHEME}one", 0.05, "", "")
    else:
        yield storage_at(str(tmp_path / "warehouse.duckdb"), patience=0.05)
    memory.close()


def test_a_storage_keeps_the_promises_of_its_interface(storage: Storage):
    warehouse = Warehouse(storage, RESO_TABLES, BRIEF_COLUMNS)
    assert not storage.exists()
    bring(warehouse, page("a", "b"))
    assert storage.exists()
    untouched = storage.state()
    with warehouse.read() as con:
        assert keys_in(con, "listings") == ["a", "b"]
    assert storage.state() == untouched
    with pytest.raises(ZeroDivisionError), warehouse.write() as con:
        con.execute("delete from listings")
        raise ZeroDivisionError
    with warehouse.read() as con:
        assert keys_in(con, "listings") == ["a", "b"]
    with warehouse.write() as con:
        con.execute("delete from listings")
    assert storage.state() != untouched
    with warehouse.read(), pytest.raises(RuntimeError, match="open already"), warehouse.read():
        pass


def test_a_new_warehouse_is_there_whole_or_not_at_all(storage: Storage):
    def half(con):
        con.execute("create table a (b integer)")
        raise ZeroDivisionError

    with storage.turn(""), pytest.raises(ZeroDivisionError):
        storage.create(half)
    assert not storage.exists()


def test_a_rewriting_that_fails_leaves_what_was_there(storage: Storage):
    warehouse = Warehouse(storage, RESO_TABLES, BRIEF_COLUMNS)
    bring(warehouse, page("a"))

    def fail(con):
        con.execute("delete from listings")
        raise ZeroDivisionError

    with warehouse.locked(), pytest.raises(ZeroDivisionError):
        warehouse.rewrite(fail)
    with warehouse.locked():
        assert warehouse.rewrite(lambda con: len(keys_in(con, "listings"))).noted == 1
    with warehouse.read() as con:
        assert keys_in(con, "listings") == ["a"]


def test_few_wide_rows_are_the_ones_that_were_chosen(storage: Storage):
    warehouse = Warehouse(storage, RESO_TABLES, BRIEF_COLUMNS)
    with warehouse.write() as con:
        land(con, page(record("a", City="A"), "b", "c"))
    with warehouse.read() as con:
        chosen = "where feed = ? order by record_key desc limit 2"
        found = wide_rows(con, "record_key", "raw.records", chosen, [FEED])
        assert sorted(found) == [("b",), ("c",)]
        bodies = landing.bodies(con, FEED, Resource.PROPERTY, ["a", "nowhere"])
    assert bodies == {"a": b'{"key": "a", "City": "A"}'}
