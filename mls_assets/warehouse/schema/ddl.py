"""What makes the tables from their declarations, and what tables a file has.

No column is declared here and no data written. Only SQL that DuckDB 1.5, DuckDB 2 and DuckLake
all understand: no keys, checks, indexes, sequences or defaults.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mls_assets.model.declarations import Column, Table
from mls_assets.model.resources import TABLE_OF_RESOURCE
from mls_assets.warehouse.schema.raw_tables import RAW_TABLES
from mls_assets.warehouse.schema.tables import PIPELINE_TABLES
from mls_assets.warehouse.storage.queries import Connection, rows


@dataclass(frozen=True, slots=True)
class WarehouseSchema:
    """All tables of a warehouse: the pipeline's own, and the RESO tables it was given.

    `standard_values` are, by table and field, the values that the standard has for fields with a
    lookup that it does not leave to the MLS. `packed_column` is what the storage wants after the
    type of a column whose values are packed already.
    """

    reso: Mapping[str, Table]
    brief_columns: tuple[str, ...]
    standard_values: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    packed_column: str = ""

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


def create_tables(con: Connection, tables: Sequence[Table], packed_column: str = "") -> None:
    """Make tables with their comments; `packed_column` as in `WarehouseSchema`."""
    con.execute("create schema if not exists raw")
    for table in tables:
        columns = ", ".join(column_definition(column, packed_column) for column in table.columns)
        con.execute(f"create table {table.name} ({columns})")
        comment_on_table(con, table)
        for column in table.columns:
            if column.comment:
                comment_on_column(con, table, column)


def comment_on_table(con: Connection, table: Table) -> None:
    """Write a table's declared comment."""
    con.execute(f"comment on table {table.name} is {literal(table_comment(table))}")


def table_comment(table: Table) -> str:
    """Return the sentence that stands with a table."""
    return f"One row per {table.grain}."


def comment_on_column(con: Connection, table: Table, column: Column) -> None:
    """Write a column's declared comment."""
    con.execute(
        f"comment on column {table.name}.{quoted(column.name)} is {literal(column.comment)}"
    )


def column_definition(column: Column, packed_column: str = "") -> str:
    """Return a column as CREATE and ALTER TABLE take it."""
    packed = packed_column if column.name == "body" else ""
    return f"{quoted(column.name)} {column.type}{packed}"


@dataclass(frozen=True, slots=True)
class Described:
    """A column as it stands in the file; `type` is as DuckDB spells it out."""

    type: str
    comment: str


def described(column: Column) -> Described:
    """Return what a column is to look like in the file."""
    return Described(column.type.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE"), column.comment)


def columns_in(con: Connection) -> dict[str, dict[str, Described]]:
    """Return the columns of each table, by its name as it is declared."""
    tables: dict[str, dict[str, Described]] = {}
    for schema, table, column, kind, comment in rows(
        con,
        "select schema_name, table_name, column_name, data_type, coalesce(comment, '') "
        "from duckdb_columns() "
        "semi join duckdb_tables() using (database_name, schema_name, table_name) "
        "where database_name = current_database() and not internal",
    ):
        # some versions of DuckDB quote the members of a struct
        told = Described(kind.replace('"', ""), comment)
        tables.setdefault(_declared_name(schema, table), {})[column] = told
    return tables


def table_comments_in(con: Connection) -> dict[str, str]:
    """Return the comment of each table, by its name as it is declared."""
    return {
        _declared_name(schema, table): comment
        for schema, table, comment in rows(
            con,
            "select schema_name, table_name, coalesce(comment, '') from duckdb_tables() "
            "where database_name = current_database() and not internal",
        )
    }


def _declared_name(schema: str, table: str) -> str:
    return table if schema == "main" else f"{schema}.{table}"
