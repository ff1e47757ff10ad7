"""Finding out what a Forge can be asked, and what is asked where it does not tell."""

from collections.abc import Callable

import pytest

from mls_assets.errors import AnswerBroken, SourceUnreachable, TokenRefused
from mls_assets.sources.forge import ForgeClient
from mls_assets.sources.forge_schema import LISTING_FIELDS
from mls_assets.values import Resource
from mls_assets_tests.sources.graphql_server import (
    INT,
    LISTING_QUERY,
    LISTING_TYPES,
    STRING,
    answers,
    declared,
    enum,
    events,
    field,
    many,
    named,
    query,
    record_types,
    required,
    scalar,
    schema,
)
from mls_assets_tests.sources.servers import Asked, Reply, Server, as_json, reply

Clients = Callable[..., ForgeClient]
AGENT_TYPES = record_types("Agent", field("DELETED", scalar("Boolean")), field("MemberKey", STRING))
REFUSALS = [
    pytest.param(as_json({"errors": [{"message": "introspection is off"}]}), id="errors"),
    pytest.param(as_json({"data": None, "errors": [{"message": "off"}]}), id="errors and null"),
    pytest.param(as_json({"errors": [{"message": "off"}]}, 400), id="400"),
    pytest.param(reply(404), id="404"),
    pytest.param(as_json({"data": {"__schema": None}}), id="no schema"),
    pytest.param(as_json({"data": {"__schema": {"types": [], "queryType": {}}}}), id="no query"),
]


def test_every_scalar_enum_and_list_is_asked_for_and_objects_one_level_deep(
    server: Server, forge: Clients
):
    answers(server)
    shape = forge().shape("listings")
    assert shape is not None
    assert shape.introspected
    assert shape.selection == (
        "DELETED ListingKey ListPrice StandardStatus Photos ForgeFeatures { name value }"
    )
    assert shape.filter_type == "[DataDictionaryFilterType]"


def test_the_schema_is_asked_for_once(server: Server, forge: Clients):
    answers(server)
    client = forge()
    assert client.shape("listings") is client.shape("listings")
    assert client.shape("agents") is None
    assert len(server.asked) == 1


def test_what_cannot_be_selected_is_left_out(server: Server, forge: Clients):
    types = (
        *record_types(
            "Listing",
            field("DELETED", scalar("Boolean")),
            field("ListingKey", required(STRING)),
            field("Needs", STRING, size=required(INT)),
            field("May", STRING, size=INT),
            field("Union", named("Either", "UNION")),
            field("Deep", named("Nested")),
            field("Nest", required(many(required(many(named("Nested")))))),
            field("bad name {", STRING),
            {"name": None, "args": [], "type": STRING},
        ),
        declared("Nested", field("a", enum("E")), field("inner", named("Nested"))),
    )
    answers(server, introspection=schema(LISTING_QUERY, extra=types))
    shape = forge().shape("listings")
    assert shape is not None
    assert shape.selection == "DELETED ListingKey May Deep { a } Nest { a }"


def test_types_of_arguments_are_those_of_the_server(server: Server, forge: Clients):
    listing_query = field(
        "listings", named("ListingPage"), last_event_id=scalar("BigInt"), filter=many(STRING)
    )
    answers(server, introspection=schema(listing_query, extra=LISTING_TYPES))
    shape = forge().shape("listings")
    assert shape is not None
    assert "$latest_event: BigInt $filter: [String]" in shape.page_query(filtered=True)
    assert "filter" not in shape.page_query(filtered=False)


@pytest.mark.parametrize("name", ["agents", "members"])
def test_agents_are_found_by_either_name_and_keyed_by_member(
    server: Server, forge: Clients, name: str
):
    answers(server, introspection=schema(query(name, "Agent"), extra=AGENT_TYPES))
    shape = forge().shape("agents")
    assert shape is not None
    assert (shape.query, shape.resource, shape.key_field) == (name, Resource.MEMBER, "MemberKey")
    assert shape.filter_type is None


def test_an_mls_type_without_the_query_has_no_shape(server: Server, forge: Clients):
    answers(server, introspection=schema())
    assert forge().shape("listings") is None


def test_records_without_deleted_or_key_are_refused(server: Server, forge: Clients):
    types = record_types("Listing", field("ListPrice", INT))
    answers(server, introspection=schema(LISTING_QUERY, extra=types))
    with pytest.raises(AnswerBroken, match="has no DELETED, ListingKey, without which"):
        forge().shape("listings")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_where_introspection_is_refused_the_configured_fields_are_asked_for(
    server: Server, forge: Clients, refusal: Reply
):
    answers(server, introspection=refusal)
    assumed = forge().shape("listings")
    configured = forge(fields_fallback=("ListPrice",)).shape("listings")
    assert assumed is not None
    assert configured is not None
    assert assumed.fields == LISTING_FIELDS
    assert "ForgeFeatures { name value }" in assumed.selection
    assert (configured.selection, configured.introspected) == (
        "DELETED ListingKey ListPrice",
        False,
    )


def test_a_refused_token_is_no_refused_introspection(server: Server, forge: Clients):
    answers(server, introspection=reply(401))
    with pytest.raises(TokenRefused):
        forge().shape("listings")


def test_an_unreachable_forge_is_no_refused_introspection(server: Server, forge: Clients):
    answers(server, introspection=reply(503))
    client = forge()
    with pytest.raises(SourceUnreachable):
        client.shape("listings")
    answers(server)
    shape = client.shape("listings")
    assert shape is not None
    assert shape.introspected


@pytest.mark.parametrize("name", ["agents", "members", None])
@pytest.mark.parametrize("fields", ["MemberFullName", "MemberKey"])
def test_without_introspection_agents_are_found_by_asking(
    server: Server, forge: Clients, name: str | None, fields: str
):
    def answer(asked: Asked) -> Reply:
        text = asked.payload["query"]
        if "__schema" in text:
            return reply(400)
        if "mlses" in text:
            return as_json({"data": {"mlses": [{"key": "armls", "name": "A"}]}})
        known = name is not None and f" {name}(" in text
        if known and (fields == "MemberFullName" or "MemberFullName" not in text):
            return events(1, 0, query=name or "")
        return as_json({"errors": [{"message": "no such field"}]})

    server.otherwise = answer
    shape = forge().shape("agents")
    assert (shape.query if shape else None) == name
    assert shape is None or (fields in shape.fields and not shape.introspected)


@pytest.mark.parametrize(
    "types",
    [
        [],
        [None, 1, {"name": 5}],
        [{"name": "Query"}],
        [{"name": "Query", "kind": "OBJECT", "fields": [None, {"name": "mls", "type": None}]}],
    ],
)
def test_a_schema_that_holds_nothing_usable_has_no_shape(
    server: Server, forge: Clients, types: list[object]
):
    told = {"__schema": {"queryType": {"name": "Query"}, "types": types}}
    answers(server, introspection={"data": told})
    assert forge().shape("listings") is None


def test_a_query_of_an_unknown_type_is_refused(server: Server, forge: Clients):
    unknown = {"name": "listings", "args": None, "type": named("Nowhere")}
    answers(server, introspection=schema(unknown))
    with pytest.raises(AnswerBroken, match="without which it cannot be replicated"):
        forge().shape("listings")
