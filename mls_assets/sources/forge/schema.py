"""A Forge server's schema, read by introspection: how its records are asked for. Pure.

A schema is whole or it is no answer: of a type that is named and not told, or a field without a
name or type, nothing follows.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from mls_assets.errors import AnswerBroken
from mls_assets.model.declarations import Declaration, DeclaredField
from mls_assets.model.resources import KEY_FIELDS, Resource
from mls_assets.sources.forge.queries import DELETED, RECORD_KINDS, ForgeShape
from mls_assets.sources.transport.links import shown_text

INTROSPECTION = """
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
fragment Kind on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
}
"""

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*")
_LEAVES = ("SCALAR", "ENUM")
_OBJECTS = ("OBJECT", "INTERFACE")


@dataclass(frozen=True, slots=True)
class ForgeSchema:
    """The types of a server: name to kind and fields, and the name of the query type."""

    query_type: str
    types: Mapping[str, Mapping[str, Any]]

    def fields(self, type_name: str | None) -> Mapping[str, Mapping[str, Any]]:
        """The fields of an object type by name.

        Raises AnswerBroken unless all of them are told: GraphQL knows no object without fields.
        """
        found = self.types.get(type_name or "", {})
        listed = found.get("fields")
        if found.get("kind") not in _OBJECTS or not isinstance(listed, list) or not listed:
            raise AnswerBroken(f"its schema tells no fields of {shown_text(str(type_name), 60)}")
        for field in listed:
            if not _is_whole(field):
                raise AnswerBroken(
                    f"its schema tells a field of {shown_text(str(type_name), 60)} without name or "
                    "type"
                )
        return {field["name"]: field for field in listed if _NAME.fullmatch(field["name"])}


def _is_whole(field: object) -> bool:
    if not isinstance(field, dict) or not isinstance(field.get("name"), str):
        return False
    return _named(field.get("type"))[0] is not None


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
    queries = schema.fields(_named(mls["type"])[1])
    resource, names = RECORD_KINDS[kind]
    for name in names:
        if name in queries:
            return _read_shape(schema, kind, resource, queries[name], mls)
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
        queries = schema.fields(_named(schema.fields(schema.query_type)["mls"]["type"])[1])
        record = _record_of(schema, queries[shape.query])[1]
        found += [
            DeclaredField(resource, name, _written(record[name]["type"])) for name in sorted(record)
        ]
        types[resource] = record
    if not found:
        raise AnswerBroken("its schema declares no record type")
    return Declaration(tuple(found), msgspec.json.encode(types))


def _record_of(
    schema: ForgeSchema, query: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The fields of a query's envelope, and those of its records (none without `results`)."""
    envelope = schema.fields(_named(query["type"])[1])
    results = envelope.get("results")
    return envelope, schema.fields(_named(results["type"])[1]) if results else {}


def _read_shape(
    schema: ForgeSchema,
    kind: str,
    resource: Resource,
    query: Mapping[str, Any],
    mls: Mapping[str, Any],
) -> ForgeShape:
    envelope, record = _record_of(schema, query)
    key_field = KEY_FIELDS[resource]
    missing = [name for name in (DELETED, key_field) if name not in record]
    missing += [name for name in ("latest_event", "remaining") if name not in envelope]
    if missing:
        raise AnswerBroken(
            f"its schema's `{query['name']}` has no {', '.join(missing)}, without which it "
            "cannot be replicated"
        )
    arguments = _arguments(query)
    return ForgeShape(
        kind,
        resource,
        query["name"],
        tuple(_selections(schema, record.values())),
        filter_type=arguments.get("filter"),
        key_type=_arguments(mls).get("key", "String!"),
        event_type=arguments.get("last_event_id", "Int!"),
        introspected=True,
    )


def _selections(
    schema: ForgeSchema, fields: Iterable[Mapping[str, Any]], *, nested: bool = True
) -> Iterable[str]:
    for field in fields:
        if any(kind.endswith("!") for kind in _arguments(field).values()):
            continue
        kind, name = _named(field["type"])
        if kind in _LEAVES:
            yield field["name"]
        elif kind in _OBJECTS and nested:
            inner = " ".join(_selections(schema, schema.fields(name).values(), nested=False))
            if inner:
                yield f"{field['name']} {{ {inner} }}"


def _arguments(field: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of a field: name to type, as GraphQL writes it."""
    return {
        argument["name"]: _written(argument.get("type"))
        for argument in field.get("args") or ()
        if isinstance(argument, dict) and isinstance(argument.get("name"), str)
    }


def _named(type_: object) -> tuple[str | None, str | None]:
    """Kind and name of a type, whatever lists and non-nulls are around it."""
    while isinstance(type_, dict) and isinstance(type_.get("ofType"), dict):
        type_ = type_["ofType"]
    return (type_.get("kind"), type_.get("name")) if isinstance(type_, dict) else (None, None)


def _written(type_: object) -> str:
    """A type as GraphQL writes it, such as `[String!]!`."""
    if not isinstance(type_, dict):
        return "String"
    if type_.get("kind") == "NON_NULL":
        return f"{_written(type_.get('ofType'))}!"
    if type_.get("kind") == "LIST":
        return f"[{_written(type_.get('ofType'))}]"
    name = str(type_.get("name"))
    return name if _NAME.fullmatch(name) else "String"
