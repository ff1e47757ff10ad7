"""Catalogue D: links, ends, loops and failures of a walk."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mls_assets.errors import (
    AnswerBroken,
    LinkExpired,
    MlsAssetsError,
    PagingLoop,
    SourceRefused,
    TokenRefused,
)
from mls_assets.model.resources import Resource
from mls_assets.sources.odata.client import SparkClient
from mls_assets.sources.transport.deadline import Limits
from mls_assets_tests.sources.servers import Asked, Reply, Server, as_json, listing, records, reply

Clients = Callable[..., SparkClient]
SINCE = datetime(2026, 8, 1, 9, 40, 0, 999_999, tzinfo=UTC)
LISTINGS = Resource.PROPERTY


def walked(client: SparkClient, **how: Any) -> list[str]:
    return [record.key for page in client.pages(LISTINGS, **how) for record in page.records]


# Links and ends ----------------------------------------------------------------------------


@pytest.mark.parametrize("end", [None, "", "  "])
def test_a_page_without_a_next_link_ends_the_walk(server: Server, spark: Clients, end: str | None):
    server.replies = [records(listing("1"), next=end)]
    assert walked(spark(page_size=1)) == ["1"]


@pytest.mark.parametrize("name", ["@odata.nextLink", "@odata.nextlink", "@nextLink"])
def test_the_next_link_has_several_spellings(server: Server, spark: Clients, name: str):
    first = {"value": [listing("1")], name: f"{server.root}/Property?$skiptoken=1"}
    server.replies = [as_json(first), records(listing("2"))]
    assert walked(spark()) == ["1", "2"]


@pytest.mark.parametrize(
    "link", ["Property?$skiptoken=1", "/Reso/OData/Property?$skiptoken=1", "?$skiptoken=1"]
)
def test_a_relative_link_is_followed(server: Server, spark: Clients, link: str):
    server.replies = [records(listing("1"), next=link), records(listing("2"))]
    pages = list(spark().pages(LISTINGS))
    assert server.asked[1].target == "/Reso/OData/Property?$skiptoken=1"
    assert pages[0].next == f"{server.root}/Property?$skiptoken=1"


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:{port}/Reso/OData/Property?$skiptoken=1",
        "//127.0.0.1:{port}/Reso/OData/Property",
        "http://localhost:{port}/Reso/OData/Property",
        "http://127.0.0.1:{own}@127.0.0.1:{port}/",
        "https://127.0.0.1:{own}/Reso/OData/Property",
        "http://localhost:{own}/Reso/OData/Property",
        "ftp://127.0.0.1:{own}/x",
    ],
)
def test_a_link_to_elsewhere_is_refused_before_its_page_is_given_out(
    server: Server, evil: Server, spark: Clients, link: str
):
    server.replies = [
        records(listing("1"), next=link.format(port=evil.port, own=server.port)),
    ]
    with pytest.raises(SourceRefused, match="was not followed, and nothing was sent"):
        walked(spark())
    assert len(server.asked) == 1


def test_a_link_that_is_no_text_is_a_broken_answer(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(listing("1"), next=7)
    with pytest.raises(AnswerBroken, match="link to the next page is no text"):
        walked(spark())


def test_a_link_with_half_a_surrogate_pair_is_no_end(server: Server, spark: Clients):
    text = b'{"value":[{"ListingKey":"1"}],"@odata.nextLink":"Property?x=\\ud800"}'
    server.otherwise = lambda asked: reply(200, text)
    with pytest.raises(AnswerBroken, match="it is no proper JSON"):
        walked(spark())


def test_a_walk_goes_on_over_links_that_are_no_proper_addresses(server: Server, spark: Clients):
    server.replies = [
        records(listing("1"), next="Property?$skiptoken=UNIT#1&x=%2f"),
        records(listing("2"), next=f"{server.root}/Property?$skiptoken=2&state=50%off&y=a b"),
        records(listing("3")),
    ]
    assert walked(spark(page_size=1000)) == ["1", "2", "3"]
    assert [asked.target for asked in server.asked[1:]] == [
        "/Reso/OData/Property?$skiptoken=UNIT%231&x=%2f",
        "/Reso/OData/Property?$skiptoken=2&state=50%25off&y=a%20b",
    ]


def test_empty_and_short_pages_with_a_link_are_followed(server: Server, spark: Clients):
    server.replies = [
        records(next="Property?$skiptoken=a"),
        records(listing("1"), next="Property?$skiptoken=b"),
        records(),
    ]
    assert walked(spark(page_size=1000)) == ["1"]


def test_a_server_that_takes_top_for_a_limit_just_ends(server: Server, spark: Clients):
    server.replies = [records(listing("1"), listing("2"), count=5000)]
    (page,) = spark(page_size=2).pages(LISTINGS)
    assert (page.next, page.count) == (None, 5000)


def test_an_unknown_annotation_is_no_matter(server: Server, spark: Clients):
    server.replies = [as_json({"@odata.deltaLink": "x", "value": [listing("1")]})]
    assert walked(spark()) == ["1"]


@pytest.mark.parametrize("count", [-1, "a dozen", 1.5, None, True, 10**30])
def test_an_unusable_count_is_none(server: Server, spark: Clients, count: object):
    server.replies = [records(listing("1"), count=count)]
    (page,) = spark().pages(LISTINGS)
    assert page.count is None


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"value":null}', "no list of records"),
        ('{"records":[]}', "no list of records"),
        ('{"value":[],"error":{"code":1}, "x":"%s"}' % ("x" * 70_000), "error beside its records"),
        ("<html>Sign in</html>", "no proper JSON"),
        ("", "no proper JSON"),
        ('{"value":[{"ListingKey":"1"}', "broke off"),
        ('{"@odata.context":"x/$metadata#Member","value":[]}', "about Member, and Property was"),
    ],
)
def test_what_is_no_collection_is_never_an_empty_one(
    server: Server, spark: Clients, body: str, text: str
):
    server.otherwise = lambda asked: reply(200, body)
    with pytest.raises(AnswerBroken, match=text):
        walked(spark())
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "context", ["x/$metadata#Property", "x/$metadata#Property(ListingKey)", "$metadata#Other", ""]
)
def test_the_context_of_the_right_set_is_fine(server: Server, spark: Clients, context: str):
    server.replies = [records(listing("1"), context=context)]
    assert walked(spark()) == ["1"]


# Walks that don't get on -------------------------------------------------------------------


def test_a_link_to_itself_is_a_loop(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(listing("1"), next=f"{server.origin}{asked.target}")
    with pytest.raises(PagingLoop, match=r"at page 1: the link .* had been followed before"):
        walked(spark())


def test_a_circle_of_two_pages_is_a_loop(server: Server, spark: Clients):
    def circle(asked: Asked) -> Reply:
        here = asked.options.get("$skiptoken", "a")
        return records(listing(here), next=f"Property?$skiptoken={'b' if here == 'a' else 'a'}")

    server.otherwise = circle
    with pytest.raises(PagingLoop, match="followed before"):
        walked(spark())
    assert len(server.asked) == 3


def test_fresh_links_to_the_same_keys_are_a_loop(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(
        listing("1"), listing("2"), next=f"Property?$skiptoken={len(server.asked)}"
    )
    with pytest.raises(PagingLoop, match="3 pages held the same 2 keys"):
        walked(spark())
    assert len(server.asked) == 3


def test_a_page_delivered_twice_is_no_loop(server: Server, spark: Clients):
    server.replies = [
        records(listing("1"), next="Property?$skiptoken=a"),
        records(listing("1"), next="Property?$skiptoken=b"),
        records(listing("2")),
    ]
    assert walked(spark()) == ["1", "1", "2"]


def test_empty_pages_without_end_are_a_loop(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(next=f"Property?$skiptoken={len(server.asked)}")
    with pytest.raises(PagingLoop, match="101 pages in a row were empty"):
        walked(spark())


def test_pages_have_a_ceiling(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(
        listing(str(len(server.asked))), next=f"Property?$skiptoken={len(server.asked)}"
    )
    with pytest.raises(PagingLoop, match="5 pages are the limit"):
        walked(spark(limits=Limits(pages=5)))


# Failures on the way -----------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 410])
def test_an_expired_link_is_told_apart(server: Server, spark: Clients, status: int):
    server.replies = [
        records(listing("1"), next="Property?$skiptoken=1"),
        as_json({"error": {"code": status, "message": "Invalid skiptoken"}}, status),
    ]
    with pytest.raises(LinkExpired):
        walked(spark())


def test_an_expired_link_is_told_apart_when_resuming(server: Server, spark: Clients):
    server.replies = [reply(400)]
    with pytest.raises(LinkExpired):
        walked(spark(), resume=f"{server.root}/Property?$skiptoken=1")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (as_json({"D": {"Success": False, "Code": 1020}}, 401), TokenRefused),
        (reply(404), SourceRefused),
        (reply(400), LinkExpired),
    ],
)
def test_a_failure_midway_leaves_the_pages_before_it(
    server: Server, spark: Clients, answer: Reply, error: type[MlsAssetsError]
):
    server.replies = [records(listing("1"), next="/Reso/OData/Property?a"), answer]
    pages = spark().pages(LISTINGS)
    assert next(pages).next == f"{server.root}/Property?a"
    with pytest.raises(error):
        next(pages)


def test_a_link_in_an_error_is_not_followed(server: Server, spark: Clients):
    body = {"error": {"code": 404, "message": "x"}, "@odata.nextLink": "Property?a"}
    server.replies = [as_json(body, 404)]
    with pytest.raises(SourceRefused):
        walked(spark())
    assert len(server.asked) == 1


def test_a_missing_collection_is_never_empty(server: Server, spark: Clients):
    server.replies = [reply(404)]
    with pytest.raises(SourceRefused, match="404"):
        walked(spark())
