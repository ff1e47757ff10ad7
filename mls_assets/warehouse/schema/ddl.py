"""What makes the tables from their declarations, and the versions of the schema.

No column is declared here and no data written. Only SQL that DuckDB 1.5, DuckDB 2 and DuckLake
all understand: no keys, checks, indexes, sequences or defaults.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import duckdb

from mls_assets.errors import WarehouseRefused
from mls_assets.model.declarations import Column, Table
from mls_assets.model.resources import TABLE_OF_RESOURCE
from mls_assets.warehouse.schema.raw_tables import RAW_TABLES
from mls_assets.warehouse.schema.tables import PIPELINE_TABLES
from mls_assets.warehouse.storage.queries import Connection, transaction

#: Written by DuckDB 1.5 and later, read by 1.5 and later.
STORAGE_VERSION = "v1.5.0"
#: Where a warehouse keeps the number that tells it from all others.
NUMBER = "warehouse_number"


@dataclass(frozen=True, slots=True)
class WarehouseSchema:
    """All tables of a warehouse: the pipeline's own, and the RESO tables it was given.

    `standard_values` are, by table and field, the values that the standard has for fields with a
    lookup that it does not leave to the MLS.
    """

    reso: Mapping[str, Table]
    brief_columns: tuple[str, ...]
    standard_values: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = set(TABLE_OF_RESOURCE.values()) - set(self.reso)
        if missing:
            raise ValueError(f"no declaration of the RESO tables {', '.join(sorted(missing))}")
        object.__setattr__(self, "reso", MappingProxyType(dict(self.reso)))

    @property
    def published(self) -> tuple[Table, ...]:
        """The tables that readers get."""
        return (*self.reso.values(), *PIPELINE_TABLES)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, those of schema `raw` with their schema in the name."""
        return (*self.published, *RAW_TABLES)


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL that takes no parameters (COMMENT, ATTACH)."""
    return "'" + text.replace("'", "''") + "'"


def column_list(table: Table) -> str:
    """Return the table's columns, quoted and joined, in declared order."""
    return ", ".join(map(quoted, table.column_names))


def create_tables(con: Connection, tables: Sequence[Table]) -> None:
    """Make tables with their comments."""
    con.execute("create schema if not exists raw")
    for table in tables:
        columns = ", ".join(map(_column, table.columns))
        con.execute(f"create table {table.name} ({columns})")
        con.execute(f"comment on table {table.name} is {literal(f'One row per {table.grain}.')}")
        for column in table.columns:
            if column.comment:
                _comment(con, table, column)


def copy_tables(con: Connection, catalog: str, *, raw: bool) -> None:
    """Make the same tables, empty, in an attached database; those of `raw` if asked for.

    A hundred times as fast as making them one comment after the other.
    """
    here = con.execute("select current_database()").fetchall()[0][0]
    con.execute(f"copy from database {quoted(here)} to {quoted(catalog)} (schema)")
    if not raw:
        con.execute(f"drop schema {quoted(catalog)}.raw cascade")


def _column(column: Column) -> str:
    # a packed body must be readable by itself, without its neighbours
    storage = " using compression uncompressed" if column.name == "body" else ""
    return f"{quoted(column.name)} {column.type}{storage}"


def m001_create_all(con: Connection, schema: WarehouseSchema) -> None:
    """Make all tables as they are declared now, so a new warehouse needs no other step."""
    create_tables(con, schema.tables)
    con.execute("insert into raw.meta values ('schema_version', 0)")
    m002_number(con, schema)


def m002_number(con: Connection, schema: WarehouseSchema) -> None:
    """Give the warehouse a number of its own, by which its data folder knows it again."""
    con.execute("insert into raw.meta values (?, ?)", [NUMBER, secrets.randbits(62) + 1])


#: What brings a warehouse from version n-1 to n, in order; only ever appended to.
MIGRATIONS: tuple[Callable[[Connection, WarehouseSchema], None], ...] = (
    m001_create_all,
    m002_number,
)


def newest_version() -> int:
    """Return the version of the schema that this program writes."""
    return len(MIGRATIONS)


def migrate(con: Connection, schema: WarehouseSchema, version: int) -> None:
    """Bring the schema from `version` to the newest, each step in a transaction of its own.

    Tables and columns that are declared and not there are added last, and columns of another type
    or comment are brought to the declared one. If a RESO table got a column or a type, what landed
    is normalised again, which fills it exactly; that is noted first, so that a kill forgets
    nothing. Raises WarehouseRefused where another table's values would not survive a new type.
    """
    if version == 0:
        with transaction(con):
            m001_create_all(con, schema)
            _set_version(con, newest_version())
        return
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        with transaction(con):
            step(con, schema)
            _set_version(con, number)
    found = columns_in(con)
    new = [table for table in schema.tables if table.name not in found]
    added = [
        (table, column)
        for table in schema.tables
        for column in table.columns
        if table not in new and column.name not in found[table.name]
    ]
    there = [
        (table, column, found[table.name][column.name])
        for table in schema.tables
        for column in table.columns
        if column.name in found.get(table.name, {})
    ]
    retyped = [each for each in there if each[2].type != _full_type(each[1])]
    for table, column, before in retyped:
        if table not in schema.reso.values():
            _refuse_losses(con, table, column, before.type)
    touched = (*new, *(table for table, _ in added), *(table for table, _, _ in retyped))
    if any(table in schema.reso.values() for table in touched):
        con.execute("update raw.normalised set through = 0")
    with transaction(con):
        create_tables(con, new)
        for table, column in added:
            con.execute(f"alter table {table.name} add column {_column(column)}")
        for table, column, before in retyped:
            _retype(con, table, column, before.type)
        for table, column in (*added, *((t, c) for t, c, is_ in there if is_.comment != c.comment)):
            _comment(con, table, column)
    con.execute("checkpoint")


def _retype(con: Connection, table: Table, column: Column, before: str) -> None:
    """Give a column its declared type, and keep its values only if every one survives exactly.

    DuckDB's own conversion would round without a word. Values that go come again from what landed.
    """
    name = quoted(column.name)
    new = f"try_cast({name} as {column.type})"
    if not _changed(con, table, column, before):
        con.execute(
            f"alter table {table.name} alter {name} set data type {column.type} using {new}"
        )
    else:
        con.execute(f"alter table {table.name} drop column {name}")
        con.execute(f"alter table {table.name} add column {_column(column)}")
        _comment(con, table, column)


def _changed(con: Connection, table: Table, column: Column, before: str) -> int:
    """Return how many values would not survive the declared type."""
    name = quoted(column.name)
    return con.execute(
        f"select count(*) from {table.name} where {name} is distinct from "
        f"try_cast(try_cast({name} as {column.type}) as {before})"
    ).fetchall()[0][0]


def _refuse_losses(con: Connection, table: Table, column: Column, before: str) -> None:
    changed = _changed(con, table, column, before)
    if changed:
        raise WarehouseRefused(
            f"{changed:,} values of {table.name}.{column.name} are {before} and would not survive "
            f"as {column.type}; use the program that wrote them"
        )


def _comment(con: Connection, table: Table, column: Column) -> None:
    con.execute(
        f"comment on column {table.name}.{quoted(column.name)} is {literal(column.comment)}"
    )


def _full_type(column: Column) -> str:
    """Return a column's type as DuckDB spells it out."""
    return column.type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE")


def _set_version(con: Connection, version: int) -> None:
    con.execute("update raw.meta set value = ? where name = 'schema_version'", [version])


def is_outdated(con: Connection, schema: WarehouseSchema) -> bool:
    """Tell whether `migrate` has something to do, by reading only.

    Raises WarehouseRefused for a database that is not ours or from a newer version.
    """
    version = version_of(con)
    if version > newest_version():
        raise WarehouseRefused(
            f"its schema is version {version}, this program knows up to {newest_version()}; "
            "use the newer program"
        )
    if version < newest_version():
        return True
    found = columns_in(con)
    outdated = False
    others = sorted(found.keys() - {table.name for table in schema.tables})
    if others:
        raise WarehouseRefused(
            f"it has {len(others):,} tables that this program does not know "
            f"({', '.join(others[:3])}); use the newer program"
        )
    for table in schema.tables:
        declared = {column.name: column for column in table.columns}
        columns = found.get(table.name, {})
        unknown = sorted(columns.keys() - declared.keys())
        if unknown:
            raise WarehouseRefused(
                f"its table {table.name} has {len(unknown):,} columns that this program does not "
                f"know ({', '.join(unknown[:3])}); use the newer program"
            )
        outdated = outdated or any(
            name not in columns or columns[name] != Described(_full_type(column), column.comment)
            for name, column in declared.items()
        )
    return outdated


def version_of(con: Connection) -> int:
    """Return the schema's version; raises WarehouseRefused for a database that has none."""
    try:
        found = con.execute("select value from raw.meta where name = 'schema_version'").fetchall()
    except duckdb.CatalogException:
        raise WarehouseRefused(
            "it is a DuckDB database, but not a warehouse of mls_assets"
        ) from None
    if len(found) != 1:
        raise WarehouseRefused("its schema's version cannot be told")
    return found[0][0]


@dataclass(frozen=True, slots=True)
class Described:
    """A column as it stands in the file."""

    type: str
    comment: str


def columns_in(con: Connection) -> dict[str, dict[str, Described]]:
    """Return the columns of each table, by its name as it is declared."""
    tables: dict[str, dict[str, Described]] = {}
    for schema, table, column, kind, comment in con.execute(
        "select schema_name, table_name, column_name, data_type, coalesce(comment, '') "
        "from duckdb_columns() "
        "semi join duckdb_tables() using (database_name, schema_name, table_name) "
        "where database_name = current_database() and not internal"
    ).fetchall():
        name = table if schema == "main" else f"{schema}.{table}"
        # some versions of DuckDB quote the members of a struct
        tables.setdefault(name, {})[column] = Described(kind.replace('"', ""), comment)
    return tables
