"""A Forge server's schema, read by introspection: how its records are asked for. Pure.

Types are graphql-core's, made of a type when it is looked at: `build_client_schema` would refuse
the server for a fault in a type that no record has. What is looked at is whole or it is no answer:
of a type that is named and not told, or of one that is told in part, nothing follows.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
    get_named_type,
    is_interface_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
    specified_scalar_types,
)

from mls_assets.errors import AnswerBroken
from mls_assets.model.declarations import Declaration, DeclaredField
from mls_assets.model.resources import KEY_FIELDS
from mls_assets.sources.forge.queries import DELETED, RECORD_KINDS, ForgeShape
from mls_assets.sources.transport.links import shown_text

_QUESTION = """
query ReadSchema {
  __schema {
    queryType { name }
    types {
      name
      kind
      fields(includeDeprecated: true) {
        name
        args { name type { ...Kind } }
        type { ...Kind }
      }
    }
  }
}
fragment Kind on __Type { %s }
"""


def _asking(wrappers: int) -> str:
    """The question for all types, each with so many lists and non-nulls around it."""
    kind = "kind name"
    for _ in range(wrappers):
        kind = f"kind name ofType {{ {kind} }}"
    return _QUESTION % kind


#: Ten levels deep, since servers limit the depth of a question.
INTROSPECTION = _asking(4)
#: As deep as the usual tools ask: for a server that has types of more lists.
DEEP_INTROSPECTION = _asking(7)

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_NAMED_KINDS = {
    "SCALAR": lambda name: specified_scalar_types.get(name) or GraphQLScalarType(name),
    "ENUM": partial(GraphQLEnumType, values={}),
    "OBJECT": partial(GraphQLObjectType, fields={}),
    "INTERFACE": partial(GraphQLInterfaceType, fields={}),
    "UNION": partial(GraphQLUnionType, types=()),
    "INPUT_OBJECT": partial(GraphQLInputObjectType, fields={}),
}
_WRAPPERS = {"LIST": GraphQLList, "NON_NULL": GraphQLNonNull}
#: What a type raises that is told in part, or is none.
_NO_TYPE = (GraphQLError, TypeError, KeyError, RecursionError)


class TypeCutOff(AnswerBroken):
    """A type has more lists and non-nulls around it than were asked for."""


@dataclass(frozen=True, slots=True)
class ForgeSchema:
    """The types of a server as told, by name, and the name of the query type."""

    query_type: str
    types: Mapping[str, Mapping[str, Any]]

    def fields(self, type_name: str) -> Mapping[str, GraphQLField]:
        """The fields of an object type by name; `extensions` of a field is what was told of it.

        A field whose name cannot be asked for is left out. Raises AnswerBroken unless all of them
        are told with their types: GraphQL knows no object without fields. It is TypeCutOff where
        a deeper question may tell more.
        """
        told = self.types.get(type_name, {})
        listed = told.get("fields") if told.get("kind") in ("OBJECT", "INTERFACE") else None
        if not isinstance(listed, list) or not listed:
            raise AnswerBroken(f"its schema tells no fields of {shown_text(type_name, 60)}")
        try:
            fields = [(field["name"], _field(field)) for field in listed]
            return {name: field for name, field in fields if _NAME.fullmatch(name)}
        except _NO_TYPE:
            raise AnswerBroken(
                f"its schema tells a field of {shown_text(type_name, 60)} whose name, type or "
                "arguments are missing, cut off, or no GraphQL"
            ) from None

    def fields_of(self, field: GraphQLField) -> Mapping[str, GraphQLField]:
        """The fields of a field's type, whatever lists and non-nulls are around it."""
        return self.fields(get_named_type(field.type).name)


def _field(told: Mapping[str, Any]) -> GraphQLField:
    # of an argument's type only the name is used, and some servers tell a wrong kind
    args = {
        each["name"]: GraphQLArgument(_type(each["type"], kind="SCALAR"))
        for each in told.get("args") or ()
    }
    return GraphQLField(_type(told["type"]), args, extensions=dict(told))


def _type(told: Mapping[str, Any], *, kind: str = "") -> Any:
    wrap = _WRAPPERS.get(told["kind"])
    if wrap and told.get("ofType") is None:
        raise TypeCutOff("its schema tells a type that is cut off")
    if wrap:
        return wrap(_type(told["ofType"], kind=kind))
    return _NAMED_KINDS[kind or told["kind"]](told["name"])


def schema_of(data: object) -> ForgeSchema:
    """Read the `data` of an introspection answer. Raises AnswerBroken if it is none."""
    schema = data.get("__schema") if isinstance(data, dict) else None
    if not isinstance(schema, dict) or not isinstance(schema.get("types"), list):
        raise AnswerBroken("it tells no schema")
    query_type = (schema.get("queryType") or {}).get("name")
    if not isinstance(query_type, str):
        raise AnswerBroken("its schema has no query type")
    types = {
        entry["name"]: entry
        for entry in schema["types"]
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    }
    return ForgeSchema(query_type, types)


def shape_of(schema: ForgeSchema, kind: str) -> ForgeShape | None:
    """How `kind` is asked for on this server; None if its MLS type has no such query.

    Every scalar, enum and list of them is asked for, and of objects one level more. Raises
    AnswerBroken for a schema that is not whole, and if the records have no `DELETED` or no key:
    removals could not be seen.
    """
    mls = schema.fields(schema.query_type).get("mls")
    if mls is None:
        raise AnswerBroken("its schema has no query for an MLS")
    queries = schema.fields_of(mls)
    for name in RECORD_KINDS[kind][1]:
        if name in queries:
            return _read_shape(schema, kind, name, queries[name], mls)
    if kind != "listings" and "listings" not in queries:
        raise AnswerBroken("its schema has not even the query for listings")
    return None


def declared_fields(schema: ForgeSchema) -> Declaration:
    """What a server's record types declare: their fields with their GraphQL types.

    Raises AnswerBroken for a schema that is not whole: what it leaves out has not gone.
    """
    found: list[DeclaredField] = []
    types: dict[str, Any] = {}
    for kind, (resource, _) in RECORD_KINDS.items():
        shape = shape_of(schema, kind)
        if shape is None:
            continue
        queries = schema.fields_of(schema.fields(schema.query_type)["mls"])
        record = _record_of(schema, queries[shape.query])[1]
        found += [DeclaredField(resource, name, str(record[name].type)) for name in sorted(record)]
        types[resource] = {name: field.extensions for name, field in record.items()}
    if not found:
        raise AnswerBroken("its schema declares no record type")
    return Declaration(tuple(found), msgspec.json.encode(types))


def _record_of(
    schema: ForgeSchema, query: GraphQLField
) -> tuple[Mapping[str, GraphQLField], Mapping[str, GraphQLField]]:
    """The fields of a query's envelope, and those of its records (none without `results`)."""
    envelope = schema.fields_of(query)
    return envelope, schema.fields_of(envelope["results"]) if "results" in envelope else {}


def _read_shape(
    schema: ForgeSchema, kind: str, name: str, query: GraphQLField, mls: GraphQLField
) -> ForgeShape:
    envelope, record = _record_of(schema, query)
    resource = RECORD_KINDS[kind][0]
    missing = [each for each in (DELETED, KEY_FIELDS[resource]) if each not in record]
    missing += [each for each in ("latest_event", "remaining") if each not in envelope]
    if missing:
        raise AnswerBroken(
            f"its schema's `{name}` has no {', '.join(missing)}, without which it cannot be "
            "replicated"
        )
    arguments = _arguments(query)
    return ForgeShape(
        kind,
        resource,
        name,
        tuple(_selections(schema, record)),
        filter_type=arguments.get("filter"),
        key_type=_arguments(mls).get("key", "String!"),
        event_type=arguments.get("last_event_id", "Int!"),
        introspected=True,
    )


def _selections(
    schema: ForgeSchema, fields: Mapping[str, GraphQLField], *, nested: bool = True
) -> Iterable[str]:
    for name, field in fields.items():
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        type_ = get_named_type(field.type)
        if is_leaf_type(type_):
            yield name
        elif nested and (is_object_type(type_) or is_interface_type(type_)):
            inner = " ".join(_selections(schema, schema.fields_of(field), nested=False))
            if inner:
                yield f"{name} {{ {inner} }}"


def _arguments(field: GraphQLField) -> dict[str, str]:
    """The arguments of a field: name to type, as GraphQL writes it."""
    return {name: str(argument.type) for name, argument in field.args.items()}
