"""Runs a query: graphql-core for everything but the records, which are copied field by name.

Completing 500 records of 240 fields one value at a time takes seconds; values of the world always
fit their types, so only records with values set by hand go the long, checking way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    execute_sync,
    get_named_type,
    parse,
    validate,
)
from graphql.pyutils import Path

from mls_assets.sandbox.forge.rows import Row
from mls_assets.sandbox.forge.schema import Visible, build_schema


class _Column(NamedTuple):
    """One asked-for field: its name in the answer, its own name, what of a nested object."""

    response: str
    name: str
    nested: tuple[tuple[str, str], ...] | None


class RecordContext(ExecutionContext):
    """graphql-core's execution with a short cut for records."""

    def complete_object_value(
        self,
        return_type: GraphQLObjectType,
        field_nodes: list[FieldNode],
        info: GraphQLResolveInfo,
        path: Path,
        result: Any,
    ) -> Any:
        """As graphql-core, but that records are copied by name."""
        if not isinstance(result, Row) or not result.plain:
            source = result.fields if isinstance(result, Row) else result
            return super().complete_object_value(return_type, field_nodes, info, path, source)
        values = result.fields
        return {
            column.response: _value(column, values.get(column.name), return_type.name)
            for column in self._columns(return_type, field_nodes)
        }

    def _columns(
        self, record: GraphQLObjectType, field_nodes: list[FieldNode]
    ) -> tuple[_Column, ...]:
        """What is asked of each record; worked out once per results list of an execution."""
        plans: dict[tuple[str, int], tuple[_Column, ...]] = self.__dict__.setdefault("_plans", {})
        place = (record.name, id(field_nodes[0]))
        if place not in plans:
            plans[place] = tuple(self._make_columns(record, field_nodes))
        return plans[place]

    def _make_columns(
        self, record: GraphQLObjectType, field_nodes: list[FieldNode]
    ) -> list[_Column]:
        columns = []
        for response, nodes in self.collect_subfields(record, field_nodes).items():
            name = nodes[0].name.value
            field = record.fields.get(name)
            kind = get_named_type(field.type) if field else None
            nested = None
            if isinstance(kind, GraphQLObjectType):
                selected = self.collect_subfields(kind, nodes)
                nested = tuple((key, sub[0].name.value) for key, sub in selected.items())
            columns.append(_Column(response, name, nested))
        return columns


def _value(column: _Column, value: Any, type_name: str) -> Any:
    if column.name == "__typename":
        return type_name
    if column.nested is None or value is None:
        return value
    return [
        {
            key: "ForgeFeature" if name == "__typename" else item.get(name)
            for key, name in column.nested
        }
        for item in value
    ]


@lru_cache(maxsize=64)
def _document(query: str) -> DocumentNode | tuple[GraphQLError, ...]:
    try:
        document = parse(query)
    except GraphQLError as error:
        return (error,)
    return tuple(validate(build_schema(), document)) or document


def execute(
    query: str, variables: dict[str, Any] | None, operation: str | None, visible: Visible
) -> ExecutionResult:
    """Executes one operation; a query that does not fit the schema has errors and no data."""
    document = _document(query)
    if isinstance(document, tuple):
        return ExecutionResult(None, list(document))
    return execute_sync(
        build_schema(),
        document,
        context_value=visible,
        variable_values=variables,
        operation_name=operation,
        execution_context_class=RecordContext,
    )
