"""A small scripted Forge: introspection from declared types, events from a script."""

from collections.abc import Callable
from typing import Any

from mls_assets_tests.sources.servers import Asked, Reply, Server, as_json

Type = dict[str, Any]


def scalar(name: str) -> Type:
    return {"kind": "SCALAR", "name": name, "ofType": None}


def enum(name: str) -> Type:
    return {"kind": "ENUM", "name": name, "ofType": None}


def named(name: str, kind: str = "OBJECT") -> Type:
    return {"kind": kind, "name": name, "ofType": None}


def required(of: Type) -> Type:
    return {"kind": "NON_NULL", "name": None, "ofType": of}


def many(of: Type) -> Type:
    return {"kind": "LIST", "name": None, "ofType": of}


def field(name: str, of: Type, **arguments: Type) -> dict[str, Any]:
    args = [{"name": argument, "type": type_} for argument, type_ in arguments.items()]
    return {"name": name, "args": args, "type": of}


def declared(name: str, *fields: dict[str, Any], kind: str = "OBJECT") -> dict[str, Any]:
    return {"name": name, "kind": kind, "fields": list(fields)}


STRING, INT = scalar("String"), scalar("Int")


def schema(*queries: dict[str, Any], extra: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """An introspection answer whose MLS type has these query fields."""
    types = [
        declared("Query", field("mls", named("MLS"), key=required(STRING))),
        declared("MLS", field("key", STRING), *queries),
        *extra,
    ]
    return {"data": {"__schema": {"queryType": {"name": "Query"}, "types": types}}}


def record_types(kind: str, *fields: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The envelope and record types of a query field."""
    envelope = declared(
        f"{kind}Page",
        field("latest_event", required(INT)),
        field("remaining", INT),
        field("results", many(required(named(kind)))),
    )
    return envelope, declared(kind, *fields)


def query(name: str, kind: str, **arguments: Type) -> dict[str, Any]:
    return field(name, named(f"{kind}Page"), last_event_id=required(INT), **arguments)


LISTING_QUERY = query(
    "listings", "Listing", filter=many(named("DataDictionaryFilterType", "INPUT_OBJECT"))
)
LISTING_TYPES = (
    *record_types(
        "Listing",
        field("DELETED", scalar("Boolean")),
        field("ListingKey", STRING),
        field("ListPrice", scalar("Float")),
        field("StandardStatus", enum("Status")),
        field("Photos", many(STRING)),
        field("ForgeFeatures", many(named("Feature"))),
    ),
    declared("Feature", field("name", STRING), field("value", STRING), field("of", named("MLS"))),
)
PLAIN = schema(LISTING_QUERY, extra=LISTING_TYPES)


def events(
    latest: object = 1, remaining: object = 0, *results: object, query: str = "listings"
) -> Reply:
    """One page of events."""
    envelope = {"latest_event": latest, "remaining": remaining, "results": list(results)}
    return as_json({"data": {"mls": {query: envelope}}})


def live(key: object, **fields: object) -> dict[str, object]:
    return {"DELETED": None, "ListingKey": key, "ListPrice": 1.5} | fields


def gone(key: object) -> dict[str, object]:
    return {"DELETED": True, "ListingKey": key, "ListPrice": None}


def answers(server: Server, *replies: Reply, introspection: Any = PLAIN) -> None:
    """Introspection is answered whenever it is asked for, everything else from `replies`."""
    waiting = list(replies)

    def answer(asked: Asked) -> Reply:
        if "__schema" in asked.payload["query"]:
            return introspection if callable(introspection) else as_json(introspection)
        return waiting.pop(0)

    server.otherwise = answer


def asked_pages(server: Server) -> list[dict[str, Any]]:
    """The variables of every question but introspection."""
    return [
        asked.payload["variables"]
        for asked in server.asked
        if "__schema" not in asked.payload["query"]
    ]


Answering = Callable[[Asked], Reply]
