"""Finding out what a Forge can be asked, and what is asked where it does not tell."""

from collections.abc import Callable

import pytest
from graphql import build_schema, graphql_sync, parse, validate

from mls_assets.errors import (
    AnswerBroken,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    TokenRefused,
)
from mls_assets.model.declarations import Selection
from mls_assets.model.resources import Resource
from mls_assets.sandbox.forge.schema import build_schema as sandbox_schema
from mls_assets.sources.forge.client import ForgeClient
from mls_assets.sources.forge.queries import DEFAULT_LISTING_FIELDS, MLSES_QUERY, ForgeShape
from mls_assets.sources.forge.schema import (
    DEEP_INTROSPECTION,
    INTROSPECTION,
    schema_of,
    shape_of,
)
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
    live,
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
SELECTION = Selection(
    "listings",
    ("DELETED", "ListingKey", "City", "ForgeFeatures { name value }"),
    None,
    "String!",
    "Int!",
    introspected=True,
)
AGENT_TYPES = record_types("Agent", field("DELETED", scalar("Boolean")), field("MemberKey", STRING))


def lacks(name: str) -> str:
    return f"Cannot query field '{name}' on type 'T'."


REFUSALS = [
    pytest.param(as_json({"errors": [{"message": "introspection is off"}]}), id="errors"),
    pytest.param(
        as_json({"data": None, "errors": [{"message": "introspection is off"}]}),
        id="errors and null",
    ),
    pytest.param(as_json({"errors": [{"message": "introspection is off"}]}, 400), id="400"),
    pytest.param(
        as_json({"errors": [{"message": "complexity of 220 exceeds 217"}]}), id="complexity"
    ),
    pytest.param(as_json({"errors": [{"message": lacks("__schema")}]}, 422), id="422"),
]
NO_CITY = as_json({"errors": [{"message": "Cannot query field 'City' on type 'Listing'."}]})
LISTED = as_json({"data": {"mlses": [{"key": "armls", "name": "A"}]}})
#: No answer, or none that is a schema: nothing follows from it.
NO_ANSWERS = [
    pytest.param(reply(200, b"<html>maintenance</html>", Content_Type="text/html"), id="html"),
    pytest.param(as_json("<html>maintenance</html>"), id="a text"),
    pytest.param(as_json({"data": {"__schema": None}}), id="no schema"),
    pytest.param(as_json({"data": {"__schema": {"types": [], "queryType": {}}}}), id="no query"),
    pytest.param(as_json({"data": {"__schema": None}, "errors": [{"message": "x"}]}), id="partial"),
    pytest.param(reply(500, b"<html>"), id="500"),
    pytest.param(reply(400, b"<html>"), id="400 in html, as is everything"),
    pytest.param(
        as_json({"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}),
        id="an error of the server's own",
    ),
    pytest.param(as_json({"errors": [{"message": "We are closed."}]}), id="closed, for everything"),
]


def test_every_scalar_enum_and_list_is_asked_for_and_objects_one_level_deep(
    server: Server, forge: Clients
):
    answers(server)
    shape = forge().shapes.shape("listings")
    assert shape is not None
    assert shape.introspected
    assert shape.selection == (
        "DELETED ListingKey ListPrice StandardStatus Photos ForgeFeatures { name value }"
    )
    assert shape.filter_type == "[DataDictionaryFilterType]"


def test_the_schema_is_asked_for_once(server: Server, forge: Clients):
    answers(server)
    client = forge()
    assert client.shapes.shape("listings") is client.shapes.shape("listings")
    assert client.shapes.shape("agents") is None
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
        ),
        declared("Nested", field("a", enum("E")), field("inner", named("Nested"))),
    )
    answers(server, introspection=schema(LISTING_QUERY, extra=types))
    shape = forge().shapes.shape("listings")
    assert shape is not None
    assert shape.selection == "DELETED ListingKey May Deep { a } Nest { a }"


def test_types_of_arguments_are_those_of_the_server(server: Server, forge: Clients):
    listing_query = field(
        "listings", named("ListingPage"), last_event_id=scalar("BigInt"), filter=many(STRING)
    )
    answers(server, introspection=schema(listing_query, extra=LISTING_TYPES))
    shape = forge().shapes.shape("listings")
    assert shape is not None
    assert "$latest_event: BigInt $filter: [String]" in shape.page_query(filtered=True)
    assert "filter" not in shape.page_query(filtered=False)


@pytest.mark.parametrize("name", ["agents", "members"])
def test_agents_are_found_by_either_name_and_keyed_by_member(
    server: Server, forge: Clients, name: str
):
    answers(server, introspection=schema(query(name, "Agent"), extra=AGENT_TYPES))
    shape = forge().shapes.shape("agents")
    assert shape is not None
    assert (shape.query, shape.resource, shape.key_field) == (name, Resource.MEMBER, "MemberKey")
    assert shape.filter_type is None


def test_an_mls_type_without_the_query_has_no_shape(server: Server, forge: Clients):
    answers(server, introspection=schema())
    assert forge().shapes.shape("listings") is None


def test_records_without_deleted_or_key_are_refused(server: Server, forge: Clients):
    types = record_types("Listing", field("ListPrice", INT))
    answers(server, introspection=schema(LISTING_QUERY, extra=types))
    with pytest.raises(AnswerBroken, match="has no DELETED, ListingKey, without which"):
        forge().shapes.shape("listings")


@pytest.mark.parametrize("refusal", REFUSALS)
def test_where_introspection_is_refused_the_configured_fields_are_asked_for(
    server: Server, forge: Clients, refusal: Reply
):
    answers(server, introspection=refusal)
    assumed = forge().shapes.shape("listings")
    configured = forge(fields_fallback=("ListPrice",)).shapes.shape("listings")
    assert assumed is not None
    assert configured is not None
    assert assumed.fields == DEFAULT_LISTING_FIELDS
    assert "ForgeFeatures { name value }" in assumed.selection
    assert (configured.selection, configured.introspected) == (
        "DELETED ListingKey ListPrice",
        False,
    )


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_no_proper_answer_is_no_refused_introspection(
    server: Server, forge: Clients, answer: Reply
):
    server.otherwise = lambda asked: answer
    client = forge()
    for kind in ("listings", "agents"):
        with pytest.raises(SourceError):
            client.shapes.shape(kind)


@pytest.mark.parametrize(
    "refusal",
    [
        reply(403, b"<html>"),
        reply(404, b"<html>"),
        reply(405, b"<html>"),
        as_json({"errors": [{"message": "This operation is not allowed."}]}),
    ],
)
def test_who_refuses_introspection_alone_refuses_it(server: Server, forge: Clients, refusal: Reply):
    answers(server, LISTED, introspection=refusal)
    assert not forge().shapes.tells_schema()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_no_refused_introspection(server: Server, forge: Clients, status: int):
    server.otherwise = lambda asked: reply(status)
    with pytest.raises(TokenRefused):
        forge().shapes.shape("listings")


def test_an_unreachable_forge_is_no_refused_introspection(server: Server, forge: Clients):
    answers(server, introspection=reply(503))
    client = forge()
    with pytest.raises(SourceUnreachable):
        client.shapes.shape("listings")
    answers(server)
    shape = client.shapes.shape("listings")
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
        lacking = "MemberFullName" if known else "agents" if " agents(" in text else "members"
        return as_json({"errors": [{"message": f'Cannot query field "{lacking}" on type "T".'}]})

    server.otherwise = answer
    shape = forge().shapes.shape("agents")
    assert (shape.query if shape else None) == name
    assert shape is None or (fields in shape.fields and not shape.introspected)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(500, b"<html>"), id="500"),
        pytest.param(reply(200, b"<html>"), id="html"),
        pytest.param(reply(404, b"<html>"), id="404"),
        pytest.param(as_json({"errors": [{"message": "complexity of 9 exceeds 8"}]}), id="limit"),
        pytest.param(as_json({"errors": [{"message": "Something went wrong"}]}), id="unclear"),
        pytest.param(
            as_json({"data": {"mls": None}, "errors": [{"message": lacks("agents")}]}),
            id="a resolver",
        ),
        *(
            pytest.param(as_json({"errors": [{"message": said}]}), id=said)
            for said in (
                "Not authorized to access field 'agents'",
                "Field 'agents' is temporarily disabled",
                "Field agents timed out",
                "Unknown error",
                "Resource not found",
                "Cannot query field 'agents' on type 'MLS' without the agents package.",
                "Cannot query field 'agents' on type 'MLS'. Ask for access to it.",
                "You may not query: field 'agents' on type 'MLS' is undefined for this token",
                'Unknown argument "last_event_id" on field "agents" of type "MLS".',
                lacks("latest_event"),
                lacks("mls"),
                lacks("MemberKey"),
            )
        ),
    ],
)
def test_a_question_for_agents_without_a_proper_answer_decides_nothing(
    server: Server, forge: Clients, answer: Reply
):
    def answered(asked: Asked) -> Reply:
        text = asked.payload["query"]
        if "__schema" in text:
            return as_json({"errors": [{"message": "introspection is off"}]})
        return LISTED if "mlses" in text else answer

    server.otherwise = answered
    client = forge()
    with pytest.raises(SourceError):
        client.shapes.shape("agents")
    server.otherwise = lambda asked: (
        answered(asked) if "mls(" not in asked.payload["query"] else events(1, 0, query="agents")
    )
    assert client.shapes.shape("agents") is not None


@pytest.mark.parametrize(
    "said",
    [
        "Cannot query field 'agents' on type 'MLS'.",
        'Cannot query field "agents" on type "MLS". Did you mean "agent"?',
        "input:1: Cannot query field `agents' on type `MLS'.",
        "Query does not pass validation. Violations: Cannot query field 'agents' on type 'MLS'. "
        "(line 1, column 60): query Replicate",
        "Field 'agents' doesn't exist on type 'MLS'",
        "The field `agents` does not exist on the type `MLS`.",
        "Field agents doesn't exist on MLS",
        "Validation error (FieldUndefined@[mls/agents]) : Field 'agents' in type 'MLS' is "
        "undefined",
        "Validation error of type FieldUndefined: Field 'agents' in type 'MLS' is undefined "
        "@ 'mls/agents'",
        "field 'agents' not found in type: 'MLS'",
        'Unknown field "agents" on type "MLS". Did you mean "agent"?',
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_what_engines_say_of_a_query_that_they_lack_means_that_there_is_none(
    server: Server, forge: Clients, said: str, status: int
):
    def answered(asked: Asked) -> Reply:
        text = asked.payload["query"]
        if "__schema" in text:
            return as_json({"errors": [{"message": "introspection is off"}]})
        name = "agents" if " agents(" in text else "members"
        error = as_json({"errors": [{"message": said.replace("agents", name)}]}, status)
        return LISTED if "mlses" in text else error

    server.otherwise = answered
    assert forge().shapes.shape("agents") is None


QUERY = {"name": "Query", "kind": "OBJECT", "fields": [field("mls", named("MLS"))]}
MLS = declared("MLS", LISTING_QUERY, query("agents", "Agent"))
WHOLE = [QUERY, MLS, *LISTING_TYPES, *AGENT_TYPES]


CUT: dict[str, object] = {"kind": "LIST", "name": None, "ofType": None}
A_CUT = {"type": required(CUT)}


def lacking(name: str, **changed: object) -> list[object]:
    """The whole schema, but for one type."""
    return [each | changed if each["name"] == name else each for each in WHOLE]


@pytest.mark.parametrize(
    "types",
    [
        pytest.param([], id="none"),
        pytest.param([None, 1, {"name": 5}], id="no types"),
        pytest.param([{"name": "Query"}], id="no kind"),
        pytest.param(lacking("Query", fields=[None, {"name": "mls", "type": None}]), id="null"),
        pytest.param(lacking("Query", fields=[field("mlses", STRING)]), id="no mls"),
        pytest.param(lacking("MLS", fields=[]), id="an MLS without fields"),
        pytest.param(lacking("MLS", fields=[field("key", STRING)]), id="an MLS without queries"),
        pytest.param(lacking("Listing", fields=None), id="fields null"),
        pytest.param(lacking("Listing", fields=[]), id="no fields"),
        pytest.param(lacking("Feature", fields=None), id="a nested type without fields"),
        pytest.param(WHOLE[:3], id="a type that is named and not told"),
        pytest.param(
            lacking("Listing", fields=[*LISTING_TYPES[1]["fields"], {"name": "City"}]),
            id="a field without type",
        ),
        *(
            pytest.param(
                lacking("Listing", fields=[*LISTING_TYPES[1]["fields"], {"name": "X", **told}]),
                id=f"a field with {problem}",
            )
            for problem, told in {
                "a type that is cut off": {"type": many(required(CUT))},
                "a type of no kind": {"type": named("City", "THING")},
                "a type that is an argument's": {"type": named("City", "INPUT_OBJECT")},
                "a type without name": {"type": {"kind": "ENUM", "name": None}},
                "an argument that is cut off": {"type": STRING, "args": [{"name": "a", **A_CUT}]},
                "an argument without type": {"type": STRING, "args": [{"name": "size"}]},
            }.items()
        ),
        pytest.param(
            lacking("MLS", fields=[query("listings", "Listing", filter=many(required(CUT)))]),
            id="a filter whose type is cut off",
        ),
    ],
)
def test_a_schema_that_is_not_whole_is_no_answer(
    server: Server, forge: Clients, types: list[object]
):
    told = {"__schema": {"queryType": {"name": "Query"}, "types": types}}
    answers(server, introspection={"data": told})
    with pytest.raises(AnswerBroken):
        for kind in ("agents", "listings"):
            assert forge().shapes.shape(kind) is not None
    with pytest.raises(AnswerBroken):
        forge().declared()


def test_what_was_asked_before_is_asked_without_a_schema(server: Server, forge: Clients):
    answers(server, events(5, 0, live("1")), NO_CITY)
    client = forge()
    client.shapes.ask_as("listings", SELECTION, "Do this.")
    pages = client.pages("forge/armls", "armls", Resource.PROPERTY, after=0)
    assert [page.position for page in pages] == [5]
    assert (
        "results { DELETED ListingKey City ForgeFeatures { name value } }"
        in (server.asked[-1].payload["query"])
    )
    with pytest.raises(SourceRefused, match=r"field 'City' on type.* Do this\."):
        list(client.pages("forge/armls", "armls", Resource.PROPERTY, after=5))


def test_a_selection_counts_every_value_of_an_object_alone():
    assert SELECTION.paths == {
        "DELETED",
        "ListingKey",
        "City",
        "ForgeFeatures.name",
        "ForgeFeatures.value",
    }
    assert ForgeShape.of("listings", SELECTION).asked == SELECTION


def test_a_query_of_an_unknown_type_is_refused(server: Server, forge: Clients):
    unknown = {"name": "listings", "args": None, "type": named("Nowhere")}
    answers(server, introspection=schema(unknown))
    with pytest.raises(AnswerBroken, match="tells no fields of Nowhere"):
        forge().shapes.shape("listings")


SDL = """
type Query { mls(key: ID!): Mls }
type Mls { listings(last_event_id: BigInt! = 0, filter: [F!]!): Page! other(x: [F!]!): Odd }
type Page { latest_event: Int remaining: Int results: [Listing] }
scalar BigInt
enum E { A }
union Either = Room | Page
input F { field: String }
interface Place { city: String }
type Odd { a: Odd }
type Room { size: [[[Float!]!]!]! needs(unit: E!): Int by(unit: E! = A): Int }
type Listing {
  DELETED: Boolean ListingKey: ID! Points: [[[Float!]!]!]! Status: E Place: Place Either: Either
  Rooms: [Room!]! Page: Page
}
"""


def test_a_whole_schema_is_read_as_its_server_means_it():
    told = graphql_sync(build_schema(SDL), DEEP_INTROSPECTION)
    assert told.errors is None
    shape = shape_of(schema_of(told.data), "listings")
    assert shape is not None
    assert shape.selection == (
        "DELETED ListingKey Points Status Place { city } Rooms { size } "
        "Page { latest_event remaining }"
    )
    assert (shape.key_type, shape.event_type, shape.filter_type) == ("ID!", "BigInt!", "[F!]!")
    assert validate(build_schema(SDL), parse(shape.page_query(filtered=True))) == []


@pytest.mark.parametrize("kind", ["listings", "agents"])
def test_every_question_fits_the_schema_that_it_was_made_for(kind: str):
    server = sandbox_schema()
    shape = shape_of(schema_of(graphql_sync(server, INTROSPECTION).data), kind)
    assert shape is not None
    for question in (
        MLSES_QUERY,
        shape.page_query(filtered=True),
        shape.page_query(filtered=False),
        shape.positions_query(3),
    ):
        assert validate(server, parse(question)) == []


def test_of_an_argument_a_wrong_kind_does_no_harm(server: Server, forge: Clients):
    listing_query = query("listings", "Listing", filter=many(named("F", "OBJECT")))
    answers(server, introspection=schema(listing_query, extra=LISTING_TYPES))
    shape = forge().shapes.shape("listings")
    assert shape is not None
    assert shape.filter_type == "[F]"


def answering(sdl: str, *, deepest: int) -> Callable[[Asked], Reply]:
    """A GraphQL server that refuses questions with more wrappers than this."""

    def answer(asked: Asked) -> Reply:
        text = asked.payload["query"]
        if text.count("ofType") > deepest:
            return as_json({"errors": [{"message": "introspection exceeds max depth"}]})
        return as_json({"data": graphql_sync(build_schema(sdl), text).data})

    return answer


def test_types_of_many_lists_are_asked_for_once_more_and_deeper(server: Server, forge: Clients):
    server.otherwise = answering(SDL, deepest=7)
    client = forge()
    shape = client.shapes.shape("listings")
    assert shape is not None
    assert " Points " in shape.selection
    assert client.declared() is not None
    assert len(server.asked) == 2


def test_a_server_that_refuses_deep_questions_is_not_asked_any(server: Server, forge: Clients):
    server.otherwise = answering(SDL.replace("[[[Float!]!]!]!", "[Float!]!"), deepest=4)
    shape = forge(patience=0).shapes.shape("listings")
    assert shape is not None
    assert shape.introspected
    assert len(server.asked) == 1


def test_where_the_deeper_question_is_refused_nothing_follows(server: Server, forge: Clients):
    server.otherwise = answering(SDL, deepest=4)
    client = forge()
    for _ in range(2):
        with pytest.raises(SourceRefused, match="max depth"):
            client.shapes.shape("listings")
