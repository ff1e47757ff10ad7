"""What a Forge server can be asked: its schema read by introspection, and queries as text.

Pure. Published are `mlses`, `mls(key).listings(last_event_id, filter)` and the fields of one
example; everything else is found here, or assumed and named as an assumption:

- agents come from a query field `agents` of an MLS (or `members`), with the arguments and the
  envelope of `listings`, and are keyed by `MemberKey`;
- where introspection is refused, the fields of the guide's example are asked for.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mls_assets.errors import AnswerBroken
from mls_assets.values import KEY_FIELDS, Declaration, DeclaredField, Resource

DELETED = "DELETED"

#: The fields that the vendor's guide shows; asked for where introspection is refused.
LISTING_FIELDS = (
    DELETED,
    "ListingId",
    "ListingKey",
    "UnparsedAddress",
    "City",
    "StateOrProvince",
    "PostalCode",
    "StandardStatus",
    "ListDate",
    "ListPrice",
    "CloseDate",
    "BedroomsTotal",
    "BathroomsTotalInteger",
    "Remarks",
    "Latitude",
    "Longitude",
    "Photos",
    "ForgeFeatures { name value }",
)

#: Assumed where introspection is refused: dictionary names that any agent record should have.
AGENT_FIELDS = (DELETED, "MemberKey", "MemberMlsId", "MemberFullName", "ModificationTimestamp")

#: The kinds of records Forge replicates: their RESO resource and the query fields they may have.
KINDS: Mapping[str, tuple[Resource, tuple[str, ...]]] = {
    "listings": (Resource.PROPERTY, ("listings",)),
    "agents": (Resource.MEMBER, ("agents", "members")),
}

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
class Mls:
    """One MLS that the token has access to."""

    key: str
    name: str
    address: str | None
    states: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForgeShape:
    """How one kind of record is asked for.

    `query` is the field of an MLS, `fields` the selection (nested objects with their own),
    `filter_type` the GraphQL type of its `filter` argument, None if it has none. `introspected`
    says whether the server told this or it is assumed.
    """

    kind: str
    resource: Resource
    query: str
    fields: tuple[str, ...]
    filter_type: str | None = "[DataDictionaryFilterType]"
    key_type: str = "String!"
    event_type: str = "Int!"
    introspected: bool = False

    @property
    def key_field(self) -> str:
        """The RESO key of these records."""
        return KEY_FIELDS[self.resource]

    @property
    def selection(self) -> str:
        """The fields as GraphQL text; `DELETED` and the key are always among them."""
        return " ".join(dict.fromkeys((DELETED, self.key_field, *self.fields)))

    def page_query(self, *, filtered: bool) -> str:
        """The query for one page, like the guide's; variables mls_key, latest_event, filter."""
        variable = f" $filter: {self.filter_type}" if filtered else ""
        argument = " filter: $filter" if filtered else ""
        return (
            f"query Replicate($mls_key: {self.key_type} $latest_event: {self.event_type}{variable})"
            " { mls(key: $mls_key) {"
            f" {self.query}(last_event_id: $latest_event{argument})"
            f" {{ latest_event remaining results {{ {self.selection} }} }} }} }}"
        )

    def positions_query(self, number: int) -> str:
        """The query for the positions of several MLSs: aliases m0.., variables k0.., e0.."""
        declared = " ".join(
            f"$k{n}: {self.key_type} $e{n}: {self.event_type}" for n in range(number)
        )
        asked = " ".join(
            f"m{n}: mls(key: $k{n}) {{ {self.query}(last_event_id: $e{n})"
            " { latest_event remaining } }"
            for n in range(number)
        )
        return f"query Positions({declared}) {{ {asked} }}"


MLSES_QUERY = "query GetMLSList { mlses { key name address state } }"


def assumed_shape(kind: str, query: str, fields: Sequence[str]) -> ForgeShape:
    """The shape to ask with where the server tells nothing of its schema."""
    return ForgeShape(kind, KINDS[kind][0], query, tuple(fields))


@dataclass(frozen=True, slots=True)
class Schema:
    """The types of a server: name to kind and fields, and the name of the query type."""

    query_type: str
    types: Mapping[str, Mapping[str, Any]]

    def fields(self, type_name: str | None) -> Mapping[str, Mapping[str, Any]]:
        """The fields of an object type by name; none for anything else."""
        found = self.types.get(type_name or "", {})
        listed = found.get("fields") if found.get("kind") in _OBJECTS else None
        return {
            field["name"]: field
            for field in listed or ()
            if isinstance(field, dict)
            and isinstance(field.get("name"), str)
            and _NAME.fullmatch(field["name"])
            and isinstance(field.get("type"), dict)
        }


def schema_of(data: object) -> Schema:
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
    return Schema(query_type, types)


def shape_of(schema: Schema, kind: str) -> ForgeShape | None:
    """How `kind` is asked for on this server; None if its MLS type has no such query.

    Every scalar, enum and list of them is asked for, and of objects one level more. Raises
    AnswerBroken if the records have no `DELETED` or no key: removals could not be seen.
    """
    mls = schema.fields(schema.query_type).get("mls")
    if mls is None:
        return None
    queries = schema.fields(_named(mls["type"])[1])
    resource, names = KINDS[kind]
    for name in names:
        if name in queries:
            return _read_shape(schema, kind, resource, queries[name], mls)
    return None


def declaration_of(schema: Schema) -> Declaration:
    """What a server's record types declare: their fields with their GraphQL types."""
    mls = schema.fields(schema.query_type).get("mls")
    queries = schema.fields(_named(mls["type"])[1]) if mls else {}
    found: list[DeclaredField] = []
    types: dict[str, Any] = {}
    for resource, names in KINDS.values():
        query = next((queries[name] for name in names if name in queries), None)
        envelope = schema.fields(_named(query["type"])[1]) if query else {}
        results = envelope.get("results")
        record = schema.fields(_named(results["type"])[1]) if results else {}
        found += [
            DeclaredField(resource, name, _written(record[name]["type"])) for name in sorted(record)
        ]
        types |= {resource: record} if record else {}
    if not found:
        raise AnswerBroken("its schema declares no record type")
    return Declaration(tuple(found), msgspec.json.encode(types))


def _read_shape(
    schema: Schema,
    kind: str,
    resource: Resource,
    query: Mapping[str, Any],
    mls: Mapping[str, Any],
) -> ForgeShape:
    envelope = schema.fields(_named(query["type"])[1])
    results = envelope.get("results")
    record = schema.fields(_named(results["type"])[1]) if results else {}
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
    schema: Schema, fields: Iterable[Mapping[str, Any]], *, nested: bool = True
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
