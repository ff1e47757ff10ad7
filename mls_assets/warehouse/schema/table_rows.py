"""Rows as values: read into a class whose fields are its table's columns, and written from one."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_type_hints

from mls_assets.model.declarations import Table
from mls_assets.warehouse.schema.ddl import column_list
from mls_assets.warehouse.storage.queries import Connection, rows

_Row = TypeVar("_Row")


def stored_rows(
    con: Connection, table: Table, shape: type[_Row], where: str, params: Sequence[object] = ()
) -> list[_Row]:
    """Return the rows of a table for which a condition holds; what follows it may order them.

    `shape` is a class with a field for each column; a field that is an enumeration gets its member.
    """
    words = _enumerations(shape)
    sql = f"select {column_list(table)} from {table.name} where {where}"
    return [
        shape(
            **{
                name: words[name](value) if name in words and value is not None else value
                for name, value in zip(table.column_names, found, strict=True)
            }
        )
        for found in rows(con, sql, params)
    ]


def insert_row(con: Connection, table: Table, row: object) -> None:
    """Store a row, whose fields are the table's columns."""
    marks = ", ".join("?" * len(table.columns))
    con.execute(
        f"insert into {table.name} ({column_list(table)}) values ({marks})",
        [getattr(row, name) for name in table.column_names],
    )


@cache
def _enumerations(shape: type) -> Mapping[str, type[StrEnum]]:
    """Return the fields of a class that are words of an enumeration (or None)."""
    found: dict[str, type[StrEnum]] = {}
    for name, hint in get_type_hints(shape).items():
        kinds: tuple[Any, ...] = get_args(hint) or (hint,)
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, StrEnum):
                found[name] = kind
    return MappingProxyType(found)
