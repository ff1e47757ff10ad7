"""Collections inside a listing: what is whole, what is cut, and how the rest is fetched."""

from collections.abc import Callable

import pytest

from mls_assets.errors import SourceUnreachable
from mls_assets.model.records import ChildSet, UntoldCollection
from mls_assets.model.resources import Resource
from mls_assets.sources import SparkClient
from mls_assets.sources.odata.expansions import Collection
from mls_assets_tests.sources.servers import (
    Asked,
    Reply,
    Server,
    keys_of_filter,
    listing,
    records,
    reply,
)

Clients = Callable[..., SparkClient]
MEDIA = [{"MediaKey": f"m{number}"} for number in range(5)]
WHOLE = ChildSet(
    "1",
    Resource.MEDIA,
    b"[" + b",".join(b'{"MediaKey": "m%d"}' % number for number in range(5)) + b"]",
)
CUT = UntoldCollection("1", Resource.MEDIA, cut=True)


def of_media(**annotations: object) -> dict[str, object]:
    """A listing whose five media came as two, with what is said beside them."""
    return listing("1", Media=MEDIA[:2]) | {
        name.replace("_odata_", "@odata.").replace("_4_01_", "@"): value
        for name, value in annotations.items()
    }


def served(server: Server, first: dict[str, object], *rest: Reply) -> None:
    """Answer with the listing, then under its Media with the rest in turn."""
    waiting = list(rest)

    def answer(asked: Asked) -> Reply:
        return waiting.pop(0) if "/Media" in asked.path else records(first)

    server.otherwise = answer


def told(client: SparkClient) -> list[ChildSet | UntoldCollection]:
    found = client.children(["1"], ("Media",))
    return [*found.children, *found.untold]


@pytest.mark.parametrize(
    "name", ["Media_odata_nextLink", "Media_4_01_nextLink", "Media_odata_nextlink"]
)
@pytest.mark.parametrize("absolute", [True, False])
def test_the_rest_is_fetched_by_the_link_page_by_page(
    server: Server, spark: Clients, name: str, absolute: bool
):
    link = "Property('1')/Media?$skip=2"
    link = f"{server.root}/{link}" if absolute else link
    further = "?$skip=4" if absolute else "Property('1')/Media?$skip=4"
    served(
        server,
        of_media(**{name: link}),
        records(*MEDIA[2:4], next=further),
        records(MEDIA[4]),
    )
    assert told(spark()) == [WHOLE]
    assert [asked.path for asked in server.asked[1:]] == ["/Reso/OData/Property('1')/Media"] * 2


@pytest.mark.parametrize("count", [5, "5"])
@pytest.mark.parametrize("name", ["Media_odata_count", "Media_4_01_count"])
def test_a_larger_count_says_that_the_collection_is_cut(
    server: Server, spark: Clients, name: str, count: object
):
    served(server, of_media(**{name: count}))
    assert told(spark()) == [CUT]


def test_a_count_of_what_came_and_a_null_link_say_that_it_is_whole(server: Server, spark: Clients):
    served(server, of_media(Media_odata_count=2, Media_odata_nextLink=None))
    (child,) = told(spark())
    assert isinstance(child, ChildSet)


@pytest.mark.parametrize(
    ("link", "rest"),
    [
        ("https://elsewhere.invalid/Media", []),
        (7, []),
        (" ", []),
        ("Property('1')/Media?a", [reply(404)]),
        ("Property('1')/Media?a", [reply(403)]),
        ("Property('1')/Media?a", [reply(410)]),
        ("Property('1')/Media?a", [records(MEDIA[2], next="Property('1')/Media?a")]),
        ("Property('1')/Media?a", [records(MEDIA[2], count=9)]),
    ],
)
def test_what_cannot_be_had_leaves_the_collection_cut_and_raises_nothing(
    server: Server, spark: Clients, link: object, rest: list[Reply]
):
    served(server, of_media(Media_odata_nextLink=link), *rest)
    assert told(spark()) == [CUT]


def test_a_link_to_elsewhere_is_not_followed(server: Server, evil: Server, spark: Clients):
    served(server, of_media(Media_odata_nextLink=f"{evil.root}/Property('1')/Media"))
    assert told(spark()) == [CUT]
    assert evil.asked == []


def test_the_rest_has_a_bound(server: Server, spark: Clients, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("mls_assets.sources.odata.rest.MOST_PAGES", 3)
    pages = [
        records({"MediaKey": f"more-{number}"}, next=f"Property('1')/Media?{number}")
        for number in range(9)
    ]
    served(server, of_media(Media_odata_nextLink="Property('1')/Media?a"), *pages)
    assert told(spark()) == [CUT]
    assert len(server.asked) == 4


def many_cut(server: Server, answer: Reply | None) -> Callable[[], int]:
    """Answer with a listing whose media are whole and five whose are cut, and so for their rest."""
    heads = [
        listing(key, Media=[]) | {"Media@odata.nextLink": f"Property('{key}')/Media"}
        for key in "23456"
    ]
    heads.append(listing("1", Media=MEDIA))

    def told(asked: Asked) -> Reply:
        if "/Media" not in asked.path:
            return records(*heads)
        return records(MEDIA[0]) if answer is None else answer

    server.otherwise = told
    return lambda: len({asked.path for asked in server.asked if "/Media" in asked.path})


@pytest.mark.parametrize("status", [500, 503])
def test_a_rest_that_fails_for_good_leaves_its_collection_cut_and_the_walk_goes_on(
    server: Server, spark: Clients, status: int
):
    asked = many_cut(server, reply(status))
    (page,) = spark().pages(Resource.PROPERTY)
    assert len(page.records) == 6
    assert {one.listing_key for one in page.untold if one.cut} == set("23456")
    assert {one.listing_key for one in page.children} == {"1"}
    assert asked() == 3, "three that fail in a row are enough for a page"


def test_a_source_that_limits_us_ends_the_walk_at_a_rest(server: Server, spark: Clients):
    many_cut(server, reply(429))
    with pytest.raises(SourceUnreachable):
        list(spark().pages(Resource.PROPERTY))


@pytest.mark.parametrize(("most", "value"), [("REQUESTS", 2), ("BYTES", 30)])
def test_the_rests_of_a_page_have_a_bound_together(
    server: Server, spark: Clients, monkeypatch: pytest.MonkeyPatch, most: str, value: int
):
    monkeypatch.setattr(f"mls_assets.sources.odata.rest.MOST_{most}_A_PAGE", value)
    asked = many_cut(server, None)
    (page,) = spark().pages(Resource.PROPERTY)
    assert (len(page.children), len(page.untold), asked()) == (3, 3, 2)


def test_the_rest_of_a_relation_that_is_not_asked_for_is_not_fetched(
    server: Server, spark: Clients
):
    asked = many_cut(server, None)
    (page,) = spark(relations=("Room",)).pages(Resource.PROPERTY)
    assert (len(page.records), page.children, page.untold, asked()) == (6, (), (), 0)


@pytest.mark.parametrize("walk", ["pages", "relation_pages"])
def test_a_cut_collection_is_completed_wherever_it_comes(server: Server, spark: Clients, walk: str):
    served(
        server,
        of_media(Media_odata_nextLink="Property('1')/Media?$skip=2"),
        records(*MEDIA[2:]),
    )
    client = spark()
    walked = (
        client.pages(Resource.PROPERTY) if walk == "pages" else client.relation_pages(("Media",))
    )
    (page,) = walked
    assert (page.children, page.untold) == ((WHOLE,), ())


def test_what_is_left_out_of_an_answer_by_key_is_untold(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(
        *(
            listing(key, **({"Media": []} if key == "1" else {"Media": None}))
            for key in keys_of_filter(asked)
        )
    )
    found = spark().children(["1", "2"], ("Media",))
    assert found.children == (ChildSet("1", Resource.MEDIA, b"[]"),)
    assert found.untold == (UntoldCollection("2", Resource.MEDIA),)


def test_a_rest_that_repeats_what_came_is_not_the_rest():
    first = Collection("1", "Media", (b'{"MediaKey":"a"}', b'{"MediaKey":"b"}'), b"", "next", 4)
    again = first.with_more(first.items, None, None)
    assert not again.whole
    assert isinstance(again.told(), UntoldCollection)
    rest = first.with_more((b'{"MediaKey":"c"}', b'{"MediaKey":"d"}'), None, None)
    assert rest.whole
