"""Holding the tables of a warehouse against their declarations, and bringing them up to these.

Whatever is additive needs no step of its own: tables, columns, types and comments. What has to be
renamed, moved or computed is a step in `migrations`.
"""

from dataclasses import dataclass
from typing import NamedTuple

from mls_assets.errors import WarehouseRefused
from mls_assets.model.declarations import Column, Table
from mls_assets.warehouse.schema import ddl, versions
from mls_assets.warehouse.schema.ddl import WarehouseSchema, quoted
from mls_assets.warehouse.storage.queries import Connection, scalar, transaction


class _Place(NamedTuple):
    """A declared column of a table that is there; `before` is its type in the file, if any."""

    table: Table
    column: Column
    before: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What the tables lack: whole ones, columns, types, and comments of columns and tables.

    `unknown` names the tables and columns that are not declared; they are no lack.
    """

    unknown: tuple[str, ...]
    new: tuple[Table, ...]
    added: tuple[_Place, ...]
    retyped: tuple[_Place, ...]
    commented: tuple[_Place, ...]
    told: tuple[Table, ...]

    def __bool__(self) -> bool:
        return any((self.new, self.added, self.retyped, self.commented, self.told))


def difference(con: Connection, schema: WarehouseSchema) -> Difference:
    """Return what differs from the declarations, by reading only."""
    found, comments = ddl.columns_in(con), ddl.table_comments_in(con)
    there = [table for table in schema.tables if table.name in found]
    places = [
        (_Place(table, column), found[table.name].get(column.name))
        for table in there
        for column in table.columns
    ]
    known = [(place, is_) for place, is_ in places if is_ is not None]
    declared = {table.name: table.column_names for table in schema.tables}
    return Difference(
        (
            *sorted(found.keys() - declared.keys()),
            *(
                f"{table.name}.{name}"
                for table in there
                for name in sorted(found[table.name].keys() - set(declared[table.name]))
            ),
        ),
        tuple(table for table in schema.tables if table.name not in found),
        tuple(place for place, is_ in places if is_ is None),
        tuple(
            place._replace(before=is_.type)
            for place, is_ in known
            if is_.type != ddl.described(place.column).type
        ),
        tuple(place for place, is_ in known if is_.comment != place.column.comment),
        tuple(table for table in there if comments[table.name] != ddl.table_comment(table)),
    )


def refuse_losses(con: Connection, schema: WarehouseSchema, lacking: Difference) -> None:
    """Raise WarehouseRefused where values would not survive a new type and nothing brings them.

    What landed fills the RESO tables again, so there are no losses in these.
    """
    for place in lacking.retyped:
        changed = 0 if place.table in schema.reso.values() else _changed(con, place)
        if changed:
            table, column, before = place
            raise WarehouseRefused(
                f"{changed:,} values of {table.name}.{column.name} are {before} and would not "
                f"survive as {column.type}",
                remedy="open it with the program that wrote them",
            )


def bring_up(con: Connection, schema: WarehouseSchema) -> None:
    """Give the tables what they lack; tables and columns that are not there are added last.

    If a RESO table got a column or a type, what landed is normalised again, which fills it
    exactly; that is noted first, so that a kill forgets nothing. Raises WarehouseRefused where
    another table's values would not survive a new type.
    """
    lacking = difference(con, schema)
    if not lacking:
        return
    refuse_losses(con, schema, lacking)
    reso = schema.reso.values()
    touched = (*lacking.new, *(place.table for place in (*lacking.added, *lacking.retyped)))
    if any(table in reso for table in touched):
        con.execute("update raw.normalised set through = 0")
    with transaction(con):
        ddl.create_tables(con, lacking.new, schema.packed_column)
        for table, column, _ in lacking.added:
            told = ddl.column_definition(column, schema.packed_column)
            con.execute(f"alter table {table.name} add column {told}")
        for place in lacking.retyped:
            _retype(con, place)
        for table, column, _ in (*lacking.added, *lacking.commented):
            ddl.comment_on_column(con, table, column)
        for table in lacking.told:
            ddl.comment_on_table(con, table)
        versions.note(con, versions.AS_DECLARED)


def _retype(con: Connection, place: _Place) -> None:
    """Give a column its declared type, and keep its values only if every one survives exactly.

    DuckDB's own conversion would round without a word. Values that go come again from what landed.
    """
    table, column, _ = place
    name = quoted(column.name)
    if not _changed(con, place):
        con.execute(
            f"alter table {table.name} alter {name} set data type {column.type} "
            f"using try_cast({name} as {column.type})"
        )
    else:
        con.execute(f"alter table {table.name} drop column {name}")
        con.execute(f"alter table {table.name} add column {ddl.column_definition(column)}")
        ddl.comment_on_column(con, table, column)


def _changed(con: Connection, place: _Place) -> int:
    """Return how many values would not survive the declared type."""
    table, column, before = place
    name = quoted(column.name)
    return scalar(
        con,
        f"select count(*) from {table.name} where {name} is distinct from "
        f"try_cast(try_cast({name} as {column.type}) as {before})",
    )
