"""Catalogue F: events page by page, tombstones, errors beside data, and positions of many MLSs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mls_assets.errors import (
    AccessLost,
    AnswerBroken,
    ConfigurationError,
    CursorWentBack,
    MlsAssetsError,
    PagingLoop,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    TokenRefused,
)
from mls_assets.model.records import Page, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.sources.forge.answers import Position
from mls_assets.sources.forge.client import ForgeClient
from mls_assets.sources.forge.queries import Mls
from mls_assets.sources.transport.deadline import Limits
from mls_assets_tests.sources.graphql_server import (
    PLAIN,
    STRING,
    answers,
    asked_pages,
    events,
    field,
    gone,
    live,
    query,
    record_types,
    scalar,
    schema,
)
from mls_assets_tests.sources.servers import (
    TOKEN,
    FakeTime,
    Reply,
    Server,
    as_json,
    gzipped,
    raw,
    reply,
)

Clients = Callable[..., ForgeClient]


def follow(client: ForgeClient, after: int = 0, **how: Any) -> list[Page]:
    return list(client.pages("forge/armls", "armls", Resource.PROPERTY, after=after, **how))


def failed(*errors: object, data: object = None, status: int = 200) -> Reply:
    return as_json({"data": data, "errors": list(errors)}, status)


def part(**extension: object) -> dict[str, object]:
    return {"message": "resolver failed", "path": ["mls", "listings"], "extensions": extension}


ENVELOPE = {"latest_event": 9, "remaining": 0, "results": [live("1"), None]}


# The guide's loop --------------------------------------------------------------------------


def test_the_question_is_the_guides(server: Server, forge: Clients):
    answers(server, events(5, 0))
    follow(forge(), after=3)
    asked = server.asked[-1]
    assert asked.payload["query"] == (
        "query Replicate($mls_key: String! $latest_event: Int!) { mls(key: $mls_key) {"
        " listings(last_event_id: $latest_event) { latest_event remaining results {"
        " DELETED ListingKey ListPrice StandardStatus Photos ForgeFeatures { name value }"
        " } } } }"
    )
    assert asked.payload["variables"] == {"mls_key": "armls", "latest_event": 3}
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert (asked.method, asked.path) == ("POST", "/graphql")


def test_events_are_followed_until_none_remain(server: Server, forge: Clients):
    answers(server, events(10, 7, live("1")), events(500, 1), events(501, 0, gone("1")))
    pages = follow(forge())
    assert [asked["latest_event"] for asked in asked_pages(server)] == [0, 10, 500]
    assert [(page.position, page.remaining) for page in pages] == [(10, 7), (500, 1), (501, 0)]
    assert [record.key for page in pages for record in page.records] == ["1"]
    assert pages[2].removals == (Removal("1", Reason.TOMBSTONE),)
    assert all(page.next is None for page in pages)


def test_a_page_says_of_which_mls_its_records_are(server: Server, forge: Clients):
    answers(server, events(5, 0))
    (page,) = follow(forge())
    assert (page.feed, page.feed.source, page.feed.mls) == ("forge/armls", "forge", "armls")
    assert page.in_event_order


def test_a_page_carries_its_facts_and_the_records_verbatim(server: Server, forge: Clients):
    body = (
        b'{"data":{"mls":{"listings":{"latest_event":7,"remaining":0,"results":['
        b'{ "DELETED":null, "ListingKey":"1","ListPrice": 1.10,'
        b'"ModificationTimestamp":"2026-08-01T10:00:00" }]}}}}'
    )
    answers(server, gzipped(body))
    (page,) = follow(forge())
    assert page.records[0].body.startswith(b'{ "DELETED":null, "ListingKey":"1","ListPrice": 1.10')
    assert page.records[0].modified_at == datetime(2026, 8, 1, 10, tzinfo=UTC)
    assert (page.feed, page.resource, page.size) == ("forge/armls", Resource.PROPERTY, len(body))


def test_an_answer_without_news_is_a_page_without_records(server: Server, forge: Clients):
    answers(server, events(7, 0))
    (page,) = follow(forge(), after=7)
    assert (page.position, page.records, page.removals) == (7, (), ())


def test_full_and_overfull_pages_are_legal(server: Server, forge: Clients):
    answers(server, events(9, 0, *(live(str(n)) for n in range(700))))
    (page,) = follow(forge())
    assert len(page.records) == 700


def test_an_event_id_that_comes_as_text_is_that_number(server: Server, forge: Clients):
    answers(server, events("8589934592", 1, live("1")), events("8589934593", 0))
    assert [page.position for page in follow(forge())] == [8589934592, 8589934593]


def test_remaining_may_grow_and_an_empty_page_may_get_on(server: Server, forge: Clients):
    answers(server, events(2, 5, live("1")), events(3, 900), events(4, 0, live("2")))
    assert [page.remaining for page in follow(forge())] == [5, 900, 0]


@pytest.mark.parametrize("remaining", [-1, None, "many", "", 1.5, True, []])
def test_an_unusable_remaining_goes_on_until_nothing_new_comes_and_never_says_that_none_remain(
    server: Server, forge: Clients, time: FakeTime, remaining: object
):
    standing = [events(3, remaining)] * 3
    answers(server, events(2, remaining, live("1")), events(3, remaining), *standing)
    pages = follow(forge())
    assert [(page.position, page.remaining) for page in pages] == [(2, None), (3, None), (3, None)]
    assert time.slept == [5, 10]


def test_an_unusable_remaining_at_a_standstill_may_be_told_better(server: Server, forge: Clients):
    answers(server, events(3, None), events(9, 1, live("1")), events(9, None), events(9, 0))
    pages = follow(forge(), after=3)
    assert [(page.position, page.remaining) for page in pages] == [(9, 1), (9, 0)]


def test_a_remaining_that_comes_as_text_is_that_number(server: Server, forge: Clients):
    answers(server, events(2, "1", live("1")), *[events(2, "3")] * 3)
    with pytest.raises(PagingLoop, match="3 events remain after event 2"):
        follow(forge())


@pytest.mark.parametrize("remaining", [1, None])
def test_a_log_of_empty_pages_without_end_is_given_up(
    server: Server, forge: Clients, remaining: object
):
    answers(server, *[events(number, remaining) for number in range(1, 200)])
    with pytest.raises(PagingLoop, match="pages in a row were empty"):
        follow(forge())
    assert len(asked_pages(server)) in (101, 102)


def test_empty_pages_are_followed_while_fewer_events_remain(server: Server, forge: Clients):
    answers(server, *[events(500 * page, 300 - page) for page in range(1, 301)])
    assert len(follow(forge())) == 300


def test_a_log_longer_than_the_limit_of_pages_is_given_up(server: Server, forge: Clients):
    answers(server, *[events(number, 99, live(str(number))) for number in range(1, 50)])
    client = forge(limits=Limits(pages=10))
    got = []
    with pytest.raises(PagingLoop, match="10 pages are the limit of one walk"):
        got.extend(
            page.position
            for page in client.pages("forge/armls", "armls", Resource.PROPERTY, after=0)
        )
    assert len(asked_pages(server)) == 10


def test_a_filter_is_passed_on(server: Server, forge: Clients):
    answers(server, events(1, 0))
    wanted = ({"field": "StandardStatus", "value": "Active"},)
    follow(forge(), filter=wanted)
    assert "filter: $filter" in server.asked[-1].payload["query"]
    assert asked_pages(server)[0]["filter"] == list(wanted)


def test_a_filter_that_the_source_does_not_take_is_a_configuration_error(
    server: Server, forge: Clients
):
    types = record_types(
        "Listing", field("DELETED", scalar("Boolean")), field("ListingKey", STRING)
    )
    answers(server, introspection=schema(query("listings", "Listing"), extra=types))
    with pytest.raises(ConfigurationError, match="takes no filter"):
        follow(forge(), filter=["x"])


def test_agents_are_members(server: Server, forge: Clients):
    types = record_types("Agent", field("DELETED", scalar("Boolean")), field("MemberKey", STRING))
    answers(
        server,
        events(
            4,
            0,
            {"DELETED": None, "MemberKey": "m1", "MemberFullName": "A"},
            {"DELETED": True, "MemberKey": "m2"},
            query="agents",
        ),
        introspection=schema(query("agents", "Agent"), extra=types),
    )
    (page,) = forge().pages("forge/armls", "armls", Resource.MEMBER, after=0)
    assert [record.key for record in page.records] == ["m1"]
    assert page.removals == (Removal("m2", Reason.TOMBSTONE),)


@pytest.mark.parametrize("resource", [Resource.MEMBER, Resource.OFFICE])
def test_what_the_source_has_no_query_for_is_refused(
    server: Server, forge: Clients, resource: Resource
):
    answers(server)
    with pytest.raises(SourceRefused, match=f"no query for {resource} records"):
        list(forge().pages("forge/armls", "armls", resource, after=0))


# Results -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (live("2", DELETED="true"), 'DELETED is "true", neither true nor null'),
        (live("2", DELETED=1), "DELETED is 1, neither true nor null"),
        (live("2", DELETED=[]), "DELETED is [], neither true nor null"),
        (
            {"DELETED": None, "ListingKey": "2", "ListPrice": None, "Photos": []},
            "all its fields are null, yet it is not deleted",
        ),
    ],
)
def test_a_result_that_is_neither_alive_nor_deleted_is_rejected_with_its_key(
    server: Server, forge: Clients, result: object, problem: str
):
    answers(server, events(1, 0, live("1"), result))
    (page,) = follow(forge())
    assert [record.key for record in page.records] == ["1"]
    assert page.removals == ()
    assert [(reject.key, reject.problem) for reject in page.rejects] == [("2", problem)]


@pytest.mark.parametrize("result", [None, [], "x", live(""), live(5), {"DELETED": None}])
def test_a_result_without_a_usable_key_is_rejected(server: Server, forge: Clients, result: object):
    answers(server, events(1, 0, live("1"), result))
    (page,) = follow(forge())
    assert [record.key for record in page.records] == ["1"]
    assert [reject.key for reject in page.rejects] == [None]


def test_a_result_that_is_no_json_does_not_take_its_page_along(server: Server, forge: Clients):
    body = (
        b'{"data":{"mls":{"listings":{"latest_event":7,"remaining":0,"results":['
        b'{"DELETED":null,"ListingKey":"1","ListPrice":NaN},'
        b'{"DELETED":true,"ListingKey":"2"}]}}}}'
    )
    answers(server, reply(200, body))
    (page,) = follow(forge())
    assert page.removals == (Removal("2", Reason.TOMBSTONE),)
    assert [reject.key for reject in page.rejects] == ["1"]


@pytest.mark.parametrize(
    ("results", "refused"),
    [
        (b'{"ListingKey":"1","ListPrice":NaN},{"ListingKey":"1","ListPrice":5}', []),
        (b'{"ListingKey":"1","ListPrice":5},{"ListingKey":"1","ListPrice":NaN}', ["1"]),
        (b'{"ListingKey":"2","ListPrice":NaN},{"ListingKey":"1","ListPrice":5}', ["2"]),
        (b'{"ListPrice":5},{"ListingKey":"1","ListPrice":5}', [None]),
    ],
)
def test_a_refusal_lasts_until_the_record_comes_well(
    server: Server, forge: Clients, results: bytes, refused: list[str | None]
):
    start = b'{"data":{"mls":{"listings":{"latest_event":7,"remaining":0,"results":['
    answers(server, reply(200, start + results + b"]}}}}"))
    (page,) = follow(forge())
    assert [record.key for record in page.records] == ["1"]
    assert [reject.key for reject in page.rejects] == refused


def results(*elements: bytes) -> Reply:
    """One page whose results are these bytes, proper JSON or not."""
    start = b'{"data":{"mls":{"listings":{"latest_event":7,"remaining":0,"results":['
    return reply(200, start + b",".join(elements) + b"]}}}}")


UNREADABLE = [b"NaN", b"1e", b'"a\tb"', rb'"cut \ud83c"', rb'"\q"', b"[1,]", b'{"a"}', b"", b"1 2"]


@pytest.mark.parametrize("value", UNREADABLE)
def test_a_tombstone_removes_although_a_value_beside_it_cannot_be_read(
    server: Server, forge: Clients, value: bytes
):
    answers(
        server,
        results(
            b'{"ListingKey":"1","ListPrice":1}',
            b'{"DELETED":true,"ListingKey":"1","ListPrice":%b}' % value,
            b'{"ListPrice":%b,"ListingKey":"2","StandardStatus":"Delete","DELETED":null}' % value,
        ),
    )
    (page,) = follow(forge())
    assert page.removals == (Removal("1", Reason.TOMBSTONE), Removal("2", Reason.STATUS_DELETE))
    assert (page.records, page.rejects) == ((), ())


def test_a_tombstone_removes_however_large_it_is(server: Server, forge: Clients):
    remarks = b"x" * (16 * 1024 * 1024)
    gone_and_large = b'{"DELETED":true,"ListingKey":"1","Remarks":"%b"}' % remarks
    answers(server, results(gone_and_large, b'{"ListingKey":"2","Remarks":"%b"}' % remarks))
    (page,) = follow(forge())
    assert page.removals == (Removal("1", Reason.TOMBSTONE),)
    assert [reject.key for reject in page.rejects] == ["2"]


@pytest.mark.parametrize("key", [b"null", b"5", b'"K\t3"', rb'"\ud83c"', b"NaN"])
def test_a_broken_tombstone_without_a_usable_key_breaks_the_page(
    server: Server, forge: Clients, key: bytes
):
    broken = results(b'{"DELETED":true,"ListingKey":%b,"ListPrice":NaN}' % key)
    answers(server, *[broken] * 40)
    with pytest.raises(AnswerBroken, match="tombstone whose"):
        follow(forge())


@pytest.mark.parametrize(
    ("result", "unsure"),
    [
        (b'{"DELETED":null,"ListingKey":"1","ListPrice":NaN}', False),
        (b'{"DELETED":false,"ListingKey":"1","ListPrice":NaN}', False),
        (b'{"DELETED":tru,"ListingKey":"1","ListPrice":1}', True),
        (b'{"DELETED":"true","ListingKey":"1","ListPrice":1}', True),
        (b'{"DELETED" true,"ListingKey":"1","ListPrice":1}', True),
        (b'{"ListingKey":"1","ListPrice":NaN}', True),
        (b'{"DELETED":null,"ListingKey":"1","ListPrice":null}', True),
    ],
)
def test_a_refused_record_says_whether_it_may_be_a_removal(
    server: Server, forge: Clients, result: bytes, unsure: bool
):
    answers(server, results(result))
    (page,) = follow(forge())
    assert [(reject.key, reject.maybe_removed) for reject in page.rejects] == [("1", unsure)]
    assert (page.records, page.removals) == ((), ())


def test_an_unreadable_record_behind_a_tombstone_is_the_last_word_on_its_key(
    server: Server, forge: Clients
):
    dead = b'{"DELETED":true,"ListingKey":"%b"}'
    alive = b'{"DELETED":null,"ListingKey":"1","ListPrice":NaN}'
    unsure = b'{"DELETED":tru,"ListingKey":"2"}'
    answers(server, results(dead % b"1", dead % b"2", alive, unsure))
    (page,) = follow(forge())
    assert page.removals == (Removal("2", Reason.TOMBSTONE),)
    assert [(reject.key, reject.maybe_removed) for reject in page.rejects] == [
        ("1", False),
        ("2", True),
    ]


@pytest.mark.parametrize("deleted", [None, False])
def test_a_record_is_alive_unless_deleted_is_true(server: Server, forge: Clients, deleted: object):
    answers(server, events(1, 0, live("1", DELETED=deleted)))
    assert [record.key for record in follow(forge())[0].records] == ["1"]


def test_a_tombstone_removes_even_with_other_fields_filled(server: Server, forge: Clients):
    answers(server, events(1, 0, live("1", DELETED=True)))
    assert follow(forge())[0].removals == (Removal("1", Reason.TOMBSTONE),)


@pytest.mark.parametrize("key", [None, "", 7])
def test_a_tombstone_without_a_usable_key_breaks_the_page(
    server: Server, forge: Clients, key: object
):
    server_answers = [events(1, 0, live("1"), gone(key))] * 2
    answers(server, *server_answers)
    with pytest.raises(AnswerBroken, match="tombstone whose ListingKey"):
        follow(forge())


def test_the_last_word_on_a_key_in_a_page_counts(server: Server, forge: Clients):
    answers(
        server,
        events(
            9,
            0,
            live("1", ListPrice=1),
            gone("2"),
            gone("3"),
            gone("1"),
            live("2"),
            live("4", ListPrice=1),
            live("4", ListPrice=2),
            gone("3"),
        ),
    )
    (page,) = follow(forge())
    assert [record.key for record in page.records] == ["2", "4"]
    assert b'"ListPrice": 2' in page.records[1].body
    assert [removal.key for removal in page.removals] == ["3", "1"]


# Answers that are none ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (failed({"message": "Field 'Foo' doesn't exist"}), SourceRefused, "'Foo' doesn't exist"),
        (failed({"message": "no Foo"}, status=400), SourceRefused, "400: .*no Foo"),
        (failed({}), SourceRefused, "refused the query"),
        (failed("text"), SourceRefused, "refused the query"),
        (as_json({"errors": "broken"}), SourceRefused, "unreadable errors"),
        (
            failed({"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}),
            TokenRefused,
            "token",
        ),
        (failed(part(code="FORBIDDEN"), data={"mls": None}), TokenRefused, "no access"),
        (as_json({"error": "Not authorized"}, 401), TokenRefused, "Not authorized"),
        (reply(401, "<html>", Content_Type="text/html"), TokenRefused, "401"),
        (as_json({"error": {"code": 403, "message": "x"}}), TokenRefused, "403"),
    ],
)
def test_a_refusal_is_raised_at_once(
    server: Server,
    forge: Clients,
    time: FakeTime,
    answer: Reply,
    error: type[MlsAssetsError],
    text: str,
):
    answers(server, answer)
    with pytest.raises(error, match=text):
        follow(forge())
    assert time.slept == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(failed(part(), data={"mls": {"listings": ENVELOPE}}), id="errors with data"),
        pytest.param(failed(part(), data={"mls": None}), id="errors with mls null"),
        pytest.param(as_json({"data": None}), id="no data"),
        pytest.param(as_json({}), id="nothing"),
        pytest.param(as_json([]), id="a list"),
        pytest.param(as_json({"data": {}}), id="no mls"),
        pytest.param(as_json({"data": {"mls": 5}}), id="mls a number"),
        pytest.param(as_json({"data": {"mls": {"listings": None}}}), id="listings null"),
        pytest.param(as_json({"data": {"mls": {"listings": {}}}}), id="no envelope"),
        pytest.param(
            as_json({"data": {"mls": {"listings": ENVELOPE | {"results": None}}}}), id="no results"
        ),
        pytest.param(events(None, 0), id="latest_event null"),
        pytest.param(events("7.5", 0), id="latest_event a text that is no number"),
        pytest.param(events(7.0, 0), id="latest_event a float"),
        pytest.param(events(-1, 0), id="latest_event negative"),
        pytest.param(events(True, 0), id="latest_event a boolean"),
        pytest.param(reply(200, "<html>Login</html>", Content_Type="text/html"), id="html"),
        pytest.param(reply(200, b'{"data":{"mls":{"listings":'), id="cut"),
        pytest.param(reply(204), id="no content"),
    ],
)
def test_of_an_answer_that_is_none_nothing_is_given_out(
    server: Server, forge: Clients, answer: Reply
):
    answers(server, events(5, 1, live("0")), answer, answer)
    pages = forge().pages("forge/armls", "armls", Resource.PROPERTY, after=0)
    assert next(pages).position == 5
    with pytest.raises(
        AnswerBroken, match="That answer was not applied; what landed before it stays"
    ):
        next(pages)


@pytest.mark.parametrize(
    "passing",
    [
        pytest.param(failed(part(), data={"mls": None}), id="a resolver that failed"),
        pytest.param(failed(part(code="TIMEOUT")), id="a timeout"),
        pytest.param(failed(part(code="rate_limited")), id="a rate limit"),
        pytest.param(reply(500, "<html>", Content_Type="text/html"), id="500 in html"),
        pytest.param(reply(429), id="429"),
        pytest.param(raw(), id="a dropped connection"),
        pytest.param(reply(200, b'{"data":{"mls"'), id="a body cut"),
    ],
)
def test_a_query_is_asked_again_although_it_is_a_post(
    server: Server, forge: Clients, passing: Reply
):
    answers(server, passing, events(5, 0, live("1")))
    assert [page.position for page in follow(forge())] == [5]


def test_access_that_ended_is_told_with_the_mlss_that_are_left(server: Server, forge: Clients):
    mlses = as_json({"data": {"mlses": [{"key": "rmls", "name": "R"}, {"key": "x", "name": "X"}]}})
    answers(server, as_json({"data": {"mls": None}}), mlses)
    with pytest.raises(AccessLost, match=r"armls is unknown .* \(MLSs it lists: rmls, x\)"):
        follow(forge())


def test_access_that_ended_is_told_even_if_the_mlss_cannot_be_listed(
    server: Server, forge: Clients
):
    answers(server, as_json({"data": {"mls": None}}), reply(404))
    with pytest.raises(AccessLost, match="not to be had"):
        follow(forge())


def test_a_cursor_that_goes_back_is_never_followed(server: Server, forge: Clients):
    answers(server, events(10, 0, live("1")))
    with pytest.raises(CursorWentBack, match=r"latest event is 10, but 1,000 was already"):
        follow(forge(), after=1000)


def test_a_log_that_stands_still_is_given_up(server: Server, forge: Clients, time: FakeTime):
    answers(server, *[events(7, 12, live("1"))] * 3)
    with pytest.raises(PagingLoop, match="12 events remain after event 7, but 3 answers"):
        follow(forge(), after=7)
    assert time.slept == [5, 10]


def test_a_log_that_gets_on_again_is_followed(server: Server, forge: Clients):
    answers(server, events(7, 12), events(9, 0, live("1")))
    assert [page.position for page in follow(forge(), after=7)] == [9]


@pytest.mark.parametrize(
    "answer", [failed({"message": "Int cannot represent"}), reply(500, "<html>")]
)
def test_an_event_id_near_the_limit_of_int_is_named(server: Server, forge: Clients, answer: Reply):
    answers(server, *[answer] * 40)
    with pytest.raises(SourceError, match="2,100,000,000 is near 2,147,483,647"):
        follow(forge(), after=2_100_000_000)


# MLSs and positions ------------------------------------------------------------------------


def test_the_mlss_of_a_token_are_listed(server: Server, forge: Clients):
    server.replies = [
        as_json(
            {
                "data": {
                    "mlses": [
                        {"key": "armls", "name": "A", "address": None, "state": ["Arizona"]},
                        {"key": "rmls", "name": None, "address": "1 St", "state": None},
                        {"key": "armls", "name": "B", "address": None, "state": "Ohio"},
                    ]
                }
            }
        )
    ]
    assert forge().mlses().mlses == (
        Mls("armls", "B", None, ("Ohio",)),
        Mls("rmls", "rmls", "1 St", ()),
    )


def test_an_mls_with_an_odd_key_is_no_trouble_of_the_others(server: Server, forge: Clients):
    keys = ["armls", None, "", " ", 5, "a\nb", "x" * 256, "é" * 50, "a/b", "..", "ARMLS", "🏠"]
    entries = [*({"key": key, "name": "A"} for key in keys), None, {"name": "no key"}]
    server.otherwise = lambda asked: as_json({"data": {"mlses": entries}})
    listed = forge().mlses()
    assert [mls.key for mls in listed.mlses] == ["armls", "é" * 50, "a/b", "..", "ARMLS", "🏠"]
    assert len(listed.odd) == 8
    assert "whose key holds control characters, so it is left out" in listed.odd[4]


@pytest.mark.parametrize(
    "mlses", [None, {}, [None], [{"name": "A"}], [{"key": None}], [{"key": " "}], [{"key": 5}]]
)
def test_a_list_of_mlss_that_is_none_is_a_broken_answer(
    server: Server, forge: Clients, mlses: object
):
    server.otherwise = lambda asked: as_json({"data": {"mlses": mlses}})
    with pytest.raises(AnswerBroken):
        forge().mlses()


def test_positions_of_many_mlss_are_one_request(server: Server, forge: Clients):
    def at(latest: object, remaining: object = 0) -> object:
        return {"listings": {"latest_event": latest, "remaining": remaining}}

    data = {"m0": at(9, 3), "m1": None, "m2": at(4), "m3": at("x"), "m4": at(7, -1), "m5": None}
    answers(server, failed({"message": "down", "path": ["m5", "listings"]}, data=data))
    mlses = ["a", "b", "c", "d", "e", "f"]
    found = forge().positions(mlses, {"a": 5, "c": 8})
    assert (found["a"], found["e"]) == (Position(9, 3), Position(7, None))
    kinds = [type(found[mls]) for mls in "bcdf"]
    assert kinds == [AccessLost, CursorWentBack, AnswerBroken, SourceRefused]
    assert "down" in str(found["f"])
    text = server.asked[-1].payload["query"]
    assert "m5: mls(key: $k5) { listings(last_event_id: $e5) { latest_event remaining } }" in text
    assert asked_pages(server)[0]["e0"] == 5
    assert len(server.asked) == 2


def test_a_forbidden_mls_is_no_refused_token(server: Server, forge: Clients):
    forbidden = {"message": "x", "path": ["m1"], "extensions": {"code": "FORBIDDEN"}}
    data = {"m0": {"listings": {"latest_event": 1, "remaining": 0}}, "m1": None}
    answers(server, failed(forbidden, data=data))
    found = forge().positions(["a", "b"], {})
    assert found["a"] == Position(1, 0)
    assert type(found["b"]) is AccessLost


def test_an_error_without_a_path_counts_for_all(server: Server, forge: Clients):
    data = {"m0": {"listings": {"latest_event": 1, "remaining": 0}}, "m1": None}
    answers(server, failed({"message": "down"}, data=data))
    found = forge().positions(["a", "b"], {})
    assert [type(error) for error in found.values()] == [SourceRefused, SourceRefused]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failed({"message": "down"}), SourceRefused),
        (failed({"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}), TokenRefused),
        (
            failed({"message": "x", "extensions": {"code": "FORBIDDEN"}}, data={"m0": None}),
            TokenRefused,
        ),
        (as_json({"data": None}), AnswerBroken),
        (reply(401), TokenRefused),
    ],
)
def test_an_error_of_the_whole_request_is_raised(
    server: Server, forge: Clients, answer: Reply, error: type[MlsAssetsError]
):
    answers(server, answer, answer)
    with pytest.raises(error):
        forge().positions(["a"], {})


def test_an_alias_without_an_answer_is_no_lost_access(server: Server, forge: Clients):
    answers(server, as_json({"data": {}}))
    assert type(forge().positions(["a"], {})["a"]) is AnswerBroken


def test_more_mlss_than_fit_are_asked_in_turn(server: Server, forge: Clients):
    position = {"listings": {"latest_event": 1, "remaining": 0}}
    replies = [as_json({"data": {f"m{n}": position for n in range(50)}})] * 3
    answers(server, *replies)
    assert len(forge().positions([f"mls{n}" for n in range(120)], {})) == 120
    assert len(asked_pages(server)) == 3


def test_no_mlss_are_no_request_for_positions(server: Server, forge: Clients):
    answers(server)
    assert forge().positions([], {}) == {}
    assert asked_pages(server) == []


def test_no_error_of_forge_shows_the_token(server: Server, forge: Clients):
    answers(server, *[failed({"message": f"bad token {TOKEN}"})] * 2, introspection=PLAIN)
    client = forge()
    with pytest.raises(SourceRefused) as error:
        follow(client)
    assert TOKEN not in str(error.value)
    assert TOKEN not in repr(client)


def test_an_unreachable_forge_says_so(server: Server, forge: Clients):
    answers(server, *[reply(502)] * 40)
    with pytest.raises(SourceUnreachable, match="at last it answered 502"):
        follow(forge())
