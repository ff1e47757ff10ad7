"""A real DuckDB with tables as declared, to see that frames land in them as they are."""

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import polars as pl
import pytest

from mls_assets.reso import RESO_TABLES

Stored = Callable[[str, pl.DataFrame], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """Insert a frame into its table as it is (some columns will do) and read the table."""
    path = tmp_path_factory.mktemp("reso") / "tables.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("set TimeZone = 'UTC'")

        def through(table: str, frame: pl.DataFrame) -> list[dict[str, Any]]:
            types = {column.name: column.type for column in RESO_TABLES[table].columns}
            columns = ", ".join(f'"{name}" {types[name]}' for name in frame.columns)
            con.execute(f'create or replace table "{table}" ({columns})')
            con.execute(f'insert into "{table}" select * from frame')
            return con.sql(f'from "{table}"').pl().rows(named=True)

        yield through
