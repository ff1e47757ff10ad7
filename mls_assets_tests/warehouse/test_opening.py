"""Opening the warehouse: transactions, waiting, and files that are refused untouched."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from mls_assets.errors import WarehouseBusy, WarehouseRefused
from mls_assets.model.declarations import Column
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse, sweeps
from mls_assets.warehouse.publication.compaction import rewrite_file
from mls_assets.warehouse.schema import comparison, counters, ddl, migrations, versions
from mls_assets.warehouse.storage.files import DiskFull, WarehouseFault, ensure_space
from mls_assets.warehouse.storage.queries import Connection, scalar
from mls_assets.warehouse.tables import merging
from mls_assets_tests.warehouse.world import (
    FEED,
    RESO_TABLES,
    bring,
    keys_in,
    merge_all,
    page,
    record,
    warehouse_at,
)


def test_the_first_use_makes_every_declared_table_with_its_comments(tmp_path: Path):
    warehouse = warehouse_at(tmp_path / "new folder")
    with warehouse.read() as con:
        found = con.execute(
            "select case schema_name when 'raw' then 'raw.' else '' end || table_name, "
            "column_name, data_type, coalesce(comment, '') from duckdb_columns() "
            "where not internal"
        ).fetchall()
    full_names = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
    declared = {
        (table.name, column.name, full_names.get(column.type, column.type), column.comment)
        for table in warehouse.schema.tables
        for column in table.columns
    }
    assert set(found) == declared


def test_a_transaction_that_raises_leaves_nothing_and_lets_go(warehouse: Warehouse):
    with pytest.raises(KeyError), warehouse.write() as con:
        counters.take_numbers(con, "page_id", 5)
        raise KeyError
    with warehouse.write() as con:
        assert counters.take_numbers(con, "page_id") == 1


def test_whoever_waits_too_long_is_told_who_holds_it(warehouse: Warehouse, tmp_path: Path):
    hurried = warehouse_at(tmp_path, patience=0.05)

    def read() -> None:
        with hurried.read():
            pass

    with ThreadPoolExecutor(1) as other, warehouse.locked("run-7"):
        waiting = other.submit(read)
        with pytest.raises(WarehouseBusy, match=r"process \d+, run run-7, since"):
            waiting.result()
    with hurried.read() as con:
        assert scalar(con, "select count(*) from feeds") == 0


def test_threads_of_one_process_take_turns(warehouse: Warehouse):
    def count() -> None:
        with warehouse.write() as con:
            counters.take_numbers(con, "page_id")

    threads = [threading.Thread(target=count) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with warehouse.read() as con:
        assert counters.current(con, "page_id") == 6


def test_a_run_that_opens_batch_after_batch_lets_others_in(warehouse: Warehouse):
    stop = threading.Event()

    def hog() -> None:
        while not stop.is_set():
            with warehouse.locked():
                stop.wait(0.01)

    thread = threading.Thread(target=hog)
    thread.start()
    try:
        for _ in range(5):
            with warehouse.locked():
                pass
    finally:
        stop.set()
        thread.join()


def test_a_file_that_was_opened_by_hand_is_waited_for_and_then_named(
    warehouse: Warehouse, tmp_path: Path
):
    by_hand = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb; con = duckdb.connect({warehouse.address!r}, read_only=True); "
            "print('open', flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert by_hand.stdin is not None
    assert by_hand.stdout is not None
    assert by_hand.stdout.readline() == "open\n"
    with (
        pytest.raises(WarehouseBusy, match=f"process {by_hand.pid}, which opened it by hand"),
        warehouse_at(tmp_path, patience=0.1).write(),
    ):
        pass
    threading.Timer(0.1, by_hand.stdin.close).start()
    with warehouse.write() as con:
        counters.take_numbers(con, "page_id")
    by_hand.wait()
    by_hand.stdout.close()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _junk(path: Path) -> None:
    path.write_bytes(b"this is no database " * 1_000)


def _headless(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5_000])


def _cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _without_its_last_block(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4_096])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[20_000] ^= 0xFF
    path.write_bytes(content)


def _foreign(path: Path) -> None:
    path.unlink()
    with duckdb.connect(str(path)) as con:
        con.execute("create table listings (a integer)")


def _newer(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute(
            "update raw.meta set value = ? where name = 'schema_version'",
            [versions.NAMED + 1],
        )


def _newer_dictionary(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute('alter table listings add column "FieldOfTomorrow" varchar')


def _newer_table(path: Path) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute("create table raw.of_tomorrow (feed varchar, record_key varchar)")


@pytest.mark.parametrize(
    "spoil",
    [
        _empty,
        _junk,
        _headless,
        _cut_in_half,
        _without_its_last_block,
        _flipped,
        _foreign,
        _newer,
        _newer_dictionary,
        _newer_table,
    ],
)
def test_a_file_that_is_not_ours_or_broken_is_refused_byte_for_byte_untouched(
    warehouse: Warehouse, spoil: Callable[[Path], None]
):
    spoil(Path(warehouse.address))
    before = Path(warehouse.address).read_bytes()
    for opened in (warehouse.write, warehouse.read):
        with pytest.raises(WarehouseRefused) as refused, opened():
            pass
        message = str(refused.value)
        assert warehouse.address in message
        assert "left as it is" in message
        assert "\n" not in message
    assert Path(warehouse.address).read_bytes() == before
    assert not Path(warehouse.address).with_name("warehouse.duckdb.wal").exists()


def test_columns_that_a_newer_dictionary_brings_are_added_and_filled_again(
    warehouse: Warehouse, tmp_path: Path
):
    bring(warehouse, page("a"))
    listings = RESO_TABLES["listings"]
    wider = replace(listings, columns=(*listings.columns, Column("NewField", "VARCHAR")))
    newer = warehouse_at(tmp_path, tables={**RESO_TABLES, "listings": wider}, patience=1)
    with newer.read() as con:
        assert con.execute('select "ListingKey", "NewField" from listings').fetchall() == [
            ("a", None)
        ]
        pending = merging.pending_records(con, FEED, Resource.PROPERTY)
    assert pending is not None
    assert [record.key for record in pending.records] == ["a"]


def test_a_column_that_the_program_got_since_is_added_to_whatever_table(warehouse: Warehouse):
    with duckdb.connect(warehouse.address) as con:
        con.execute("alter table raw.approvals drop column approved_by")
        con.execute("alter table sweeps drop column spared")
    again = warehouse_at(Path(warehouse.address).parent)
    with again.write() as con:
        sweeps.use_approval(con, "s1", "s2", "somebody", released=1)
        con.execute("select spared from sweeps")
    rewrite_file(again, run_id="run-1")


def test_a_column_whose_type_changed_is_rebuilt_from_what_landed_and_never_rounded(
    warehouse: Warehouse,
):
    bring(warehouse, page(record("a", ListPrice=2.5), record("b", ListPrice=3.5)))
    older = replace(
        RESO_TABLES["listings"],
        columns=tuple(
            replace(column, type="BIGINT") if column.name == "ListPrice" else column
            for column in RESO_TABLES["listings"].columns
        ),
    )
    with duckdb.connect(warehouse.address) as con:
        con.execute("update listings set ListPrice = null")
        con.execute("alter table listings alter ListPrice set data type BIGINT")
    with warehouse_at(Path(warehouse.address).parent).write() as con:
        assert ddl.columns_in(con)["listings"]["ListPrice"].type == "DOUBLE"
        merge_all(con)
        assert con.execute("select ListPrice from listings order by all").fetchall() == [
            (2.5,),
            (3.5,),
        ]
    # the other way DuckDB would round both
    narrower = warehouse_at(
        Path(warehouse.address).parent, tables={**RESO_TABLES, "listings": older}, patience=1
    )
    with narrower.read() as con:
        assert con.execute("select ListPrice from listings").fetchall() == [(None,), (None,)]
        assert con.execute("select max(through) from raw.normalised").fetchall() == [(0,)]


def test_a_changed_type_that_every_value_survives_keeps_the_values(warehouse: Warehouse):
    with duckdb.connect(warehouse.address) as con:
        con.execute("alter table sweeps alter pages set data type INTEGER")
        con.execute("insert into sweeps (sweep_id, pages) values ('s', 7)")
    with warehouse_at(Path(warehouse.address).parent).read() as con:
        assert con.execute("select pages, typeof(pages) from sweeps").fetchall() == [(7, "BIGINT")]


def test_a_changed_type_that_would_cost_values_of_the_pipelines_own_tables_is_refused(
    warehouse: Warehouse,
):
    with duckdb.connect(warehouse.address) as con:
        con.execute("alter table sweeps alter pages set data type DOUBLE")
        con.execute("insert into sweeps (sweep_id, pages) values ('s', 7.5)")
        con.execute("insert into raw.normalised values ('f', 'Property', 7)")
        con.execute("alter table listings alter ListPrice set data type BIGINT")
    with (
        pytest.raises(WarehouseRefused, match=r"sweeps\.pages.*would not survive"),
        warehouse_at(Path(warehouse.address).parent).read(),
    ):
        pass
    with duckdb.connect(warehouse.address, read_only=True) as con:
        assert con.execute("select pages from sweeps").fetchall() == [(7.5,)]
        assert con.execute("select through from raw.normalised").fetchall() == [(7,)]


def test_a_comment_that_changed_is_brought_up_to_date(warehouse: Warehouse):
    with duckdb.connect(warehouse.address) as con:
        con.execute("comment on column listings.City is 'as it was'")
    with warehouse_at(Path(warehouse.address).parent).read() as con:
        declared = {column.name: column.comment for column in RESO_TABLES["listings"].columns}
        assert ddl.columns_in(con)["listings"]["City"].comment == declared["City"]


def test_a_table_that_the_program_got_since_is_made_when_an_older_warehouse_is_opened(
    warehouse: Warehouse,
):
    with duckdb.connect(warehouse.address) as con:
        con.execute("drop table raw.hidden")
        con.execute("drop table open_houses")
        con.execute("insert into raw.normalised values ('f', 'OpenHouse', 7)")
    with warehouse_at(Path(warehouse.address).parent).read() as con:
        assert con.execute("from raw.hidden").fetchall() == []
        assert con.execute("from open_houses").fetchall() == []
        assert con.execute("select through from raw.normalised").fetchall() == [(0,)]


def test_a_kill_while_a_resos_column_is_added_leaves_the_records_to_be_normalised_again(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    with duckdb.connect(warehouse.address) as con:
        con.execute("insert into raw.normalised values ('f', 'Property', 7)")
        con.execute('alter table listings drop column "City"')
    monkeypatch.setattr(comparison.ddl, "column_definition", _killed)
    again = warehouse_at(Path(warehouse.address).parent)
    with pytest.raises(KeyboardInterrupt), again.read():
        pass
    monkeypatch.undo()
    with again.read() as con:
        assert con.execute("select through from raw.normalised").fetchall() == [(0,)]
        con.execute('select "City" from listings')


def _names(con: Connection) -> list[str]:
    return [name for (name,) in con.execute("select name from raw.schema_versions").fetchall()]


def _killed(*_: object) -> str:
    raise KeyboardInterrupt


def test_an_older_schema_is_brought_up_step_by_step_and_a_step_is_whole_or_not_at_all(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    def m998(con: Connection, _: ddl.WarehouseSchema) -> None:
        con.execute("insert into raw.meta values ('second', 2)")

    def m999(con: Connection, _: ddl.WarehouseSchema) -> None:
        con.execute("insert into raw.meta values ('third', 3)")
        con.execute("select 1 from no_such_table")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, m998, m999))
    with pytest.raises(WarehouseFault, match="no_such_table"), warehouse.read():
        pass
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:-1])
    with warehouse.read() as con:
        assert _names(con)[-1] == "m998"
        assert scalar(con, "select count(*) from raw.meta where name = 'second'") == 1
        assert scalar(con, "select count(*) from raw.meta where name = 'third'") == 0


def test_a_folder_that_cannot_be_is_refused_with_its_name(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WarehouseRefused, match="file"),
        warehouse_at(tmp_path / "file" / "data").read(),
    ):
        pass


def test_a_folder_in_the_place_of_the_warehouse_is_named(tmp_path: Path):
    (tmp_path / "warehouse.duckdb").mkdir()
    with (
        pytest.raises(WarehouseRefused, match="is a folder, not a file"),
        warehouse_at(tmp_path).read(),
    ):
        pass


def test_an_empty_file_in_the_place_of_the_warehouse_is_said_to_be_empty(tmp_path: Path):
    (tmp_path / "warehouse.duckdb").touch()
    with (
        pytest.raises(WarehouseRefused, match=r"is empty \(0 bytes\).*restore a backup"),
        warehouse_at(tmp_path).read(),
    ):
        pass
    assert (tmp_path / "warehouse.duckdb").read_bytes() == b""


def test_errors_never_quote_a_value(warehouse: Warehouse):
    with pytest.raises(WarehouseFault) as fault, warehouse.write() as con:
        con.execute("select 'a very private remark'::integer").fetchall()
    assert "ConversionException" in str(fault.value)
    assert "private" not in str(fault.value)
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__


def test_a_full_disk_is_named_with_what_is_free(warehouse: Warehouse, tmp_path: Path):
    with pytest.raises(DiskFull, match=r"bytes free.*rolled back"), warehouse.write():
        raise duckdb.TransactionException("Failed to commit: No space left on device")
    with pytest.raises(DiskFull, match="are needed"):
        ensure_space(tmp_path, 1 << 60)


def test_what_a_killed_run_left_beside_the_file_is_deleted(warehouse: Warehouse):
    spill = Path(warehouse.address).with_name("warehouse.duckdb.tmp")
    spill.mkdir()
    (spill / "duckdb_temp_block-1.block").write_text("content")
    (spill / "a-dead-run").mkdir()
    (spill / "a-dead-run" / "duckdb_temp_block-2.block").write_text("content")
    (spill / "a-dead-run.lock").write_text("")
    unfinished = Path(warehouse.address).with_name("warehouse.duckdb.new")
    unfinished.write_text("content")
    with warehouse.read():
        assert not [file for file in spill.rglob("*") if file.name.startswith(("duckdb", "a-dead"))]
        assert not unfinished.exists()


def test_a_committed_transaction_survives_a_kill_and_the_lock_is_free_at_once(
    warehouse: Warehouse, tmp_path: Path
):
    code = f"""
import os, signal
from pathlib import Path
from mls_assets_tests.warehouse.world import *
warehouse = warehouse_at(Path({str(tmp_path)!r}))
with warehouse.locked(), warehouse.connect() as con:
    con.begin()
    land(con, page("a"))
    merge_all(con)
    con.commit()
    con.begin()
    land(con, page("b"))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False)
    assert ended.returncode == -signal.SIGKILL
    with warehouse_at(tmp_path, patience=0.5).write() as con:
        assert keys_in(con, "listings") == ["a"]
        assert scalar(con, "select count(*) from raw.records") == 1


def test_a_thread_that_has_the_file_open_does_not_wait_for_itself(warehouse: Warehouse):
    with warehouse.read(), pytest.raises(RuntimeError, match="open already"), warehouse.read():
        pass
    with warehouse.read():
        pass
