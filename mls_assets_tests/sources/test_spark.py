"""The guide's three steps, questions by key, and what a page carries."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mls_assets.errors import AnswerBroken, SourceRefused, SourceUnreachable
from mls_assets.model.declarations import LookupValue
from mls_assets.model.records import ChildSet, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.sources.odata.client import SparkClient
from mls_assets.sources.odata.queries import news_since, timestamp_literal
from mls_assets.sources.odata.signals import SIGNAL_FIELDS
from mls_assets_tests.sources.servers import (
    TOKEN,
    Asked,
    Reply,
    Server,
    as_json,
    keys_of_filter,
    listing,
    records,
    reply,
)

Clients = Callable[..., SparkClient]
SINCE = datetime(2026, 8, 1, 9, 40, 0, 999_999, tzinfo=UTC)
LISTINGS = Resource.PROPERTY


def walked(client: SparkClient, **how: Any) -> list[str]:
    return [record.key for page in client.pages(LISTINGS, **how) for record in page.records]


# Step 1: the first download ----------------------------------------------------------------


def test_a_download_asks_for_top_and_count_only_and_follows_links_verbatim(
    server: Server, spark: Clients
):
    link = f"{server.root}/Property?%24count=true&%24skiptoken=2'!+x&%24top=2"
    server.replies = [
        records(listing("1"), listing("2"), next=link, count=3),
        records(listing("3")),
    ]
    pages = list(spark(page_size=2).pages(LISTINGS))
    assert server.asked[0].target == "/Reso/OData/Property?$top=2&$count=true"
    assert server.asked[1].target == link.removeprefix(server.origin)
    assert [record.key for page in pages for record in page.records] == ["1", "2", "3"]
    assert [page.count for page in pages] == [3, None]
    assert [page.next for page in pages] == [link, None]


def test_a_page_carries_its_facts_and_the_records_verbatim(server: Server, spark: Clients):
    body = b'{"value":[ {"ListingKey":"1", "Price": 1.10} ]}'
    server.replies = [reply(200, body)]
    (page,) = spark().pages(LISTINGS)
    assert page.records[0].body == b'{"ListingKey":"1", "Price": 1.10}'
    assert (page.feed, page.resource, page.size) == ("spark/test", LISTINGS, len(body))
    assert page.fetched_at == datetime(2024, 8, 3, 12, tzinfo=UTC)
    assert len(page.sha256) == 64


def test_selected_fields_always_include_key_timestamps_and_all_that_tells_of_media(
    server: Server, spark: Clients
):
    server.otherwise = lambda asked: records()
    client = spark(select=("ListPrice", "ListingKey"))
    list(client.pages(LISTINGS))
    list(client.pages(Resource.MEMBER))
    probe, pages, members = server.asked
    assert probe.options["$top"] == "1"
    assert set(pages.options["$select"].split(",")) == {
        *("ListingKey", "ModificationTimestamp", "StandardStatus", "ListPrice"),
        *("PhotosChangeTimestamp", "PhotosCount", "VideosChangeTimestamp", "VideosCount"),
        *("DocumentsChangeTimestamp", "DocumentsCount", "FloorPlansChangeTimestamp"),
        *("FloorPlansCount", "VirtualTourURLBranded", "VirtualTourURLUnbranded"),
    }
    assert "$select" not in members.options
    assert client.notes == []


def test_a_source_that_refuses_a_select_is_asked_for_each_field_and_the_user_is_told(
    server: Server, spark: Clients
):
    def answer(asked: Asked) -> Reply:
        unknown = "VideosCount" in asked.options["$select"]
        refusal = {"error": {"code": 400, "message": "no property VideosCount"}}
        return as_json(refusal, 400) if unknown else records(listing("1"))

    server.otherwise = answer
    client = spark(select=("ListPrice",))
    assert [record.key for page in client.pages(LISTINGS) for record in page.records] == ["1"]
    selected = server.asked[-1].options["$select"].split(",")
    base = ["ListingKey", "ModificationTimestamp", "StandardStatus"]
    told = [name for name in SIGNAL_FIELDS if name != "VideosCount"]
    assert selected == [*base, *told, "ListPrice"]
    (note,) = client.notes
    assert "with VideosCount, so" in note


def test_one_passing_refusal_of_a_select_costs_no_field(server: Server, spark: Clients):
    server.replies = [as_json({"error": {"code": 400, "message": "try later"}}, 400)]
    server.otherwise = lambda _: records(listing("1"))
    client = spark(select=("ListPrice",))
    list(client.pages(LISTINGS))
    assert set(SIGNAL_FIELDS) <= set(server.asked[-1].options["$select"].split(","))
    assert client.notes == []


@pytest.mark.parametrize("resource", [Resource.MEMBER, Resource.OFFICE, Resource.OPEN_HOUSE])
def test_every_resource_is_walked_by_its_own_key(
    server: Server, spark: Clients, resource: Resource
):
    server.replies = [records({f"{resource}Key": "7", "ListingKey": "9"})]
    (page,) = spark().pages(resource)
    assert [record.key for record in page.records] == ["7"]
    assert server.asked[0].path == f"/Reso/OData/{resource}"


def test_a_download_is_resumed_from_a_stored_link(server: Server, spark: Clients):
    server.replies = [records(listing("3"))]
    link = f"{server.root}/Property?%24skiptoken=2"
    assert walked(spark(), resume=link) == ["3"]
    assert server.asked[0].target == "/Reso/OData/Property?%24skiptoken=2"


def test_a_stored_link_to_elsewhere_is_refused(server: Server, evil: Server, spark: Clients):
    with pytest.raises(SourceRefused, match="nothing was sent"):
        walked(spark(), resume=f"{evil.root}/Property?$skiptoken=2")


# Step 2: updates ---------------------------------------------------------------------------


def test_an_update_filters_by_whole_seconds_in_utc_with_encoded_spaces(
    server: Server, spark: Clients
):
    server.replies = [records(count=0)]
    walked(spark(), since=SINCE)
    assert server.asked[0].target == (
        "/Reso/OData/Property?$top=1000&$count=true"
        "&$filter=ModificationTimestamp%20gt%202026-08-01T09:40:00Z"
    )


def test_an_update_can_have_two_sides(server: Server, spark: Clients):
    server.replies = [records()]
    walked(spark(), since=SINCE, until=datetime(2026, 8, 1, 10, tzinfo=UTC))
    assert server.asked[0].options["$filter"] == (
        "ModificationTimestamp gt 2026-08-01T09:40:00Z and "
        "ModificationTimestamp lt 2026-08-01T10:00:00Z"
    )


def test_a_window_without_width_is_left_open(server: Server, spark: Clients):
    server.replies = [records()]
    walked(spark(), since=SINCE, until=SINCE)
    assert " lt " not in server.asked[0].options["$filter"]


# Records -----------------------------------------------------------------------------------


def test_a_bad_record_does_not_take_its_page_along(server: Server, spark: Clients):
    body = (
        b'{"value":[{"ListingKey":"1"},null,{"ListingKey":5},{"ListingKey":"2","X":NaN},'
        b'{"ListingKey":"3","ModificationTimestamp":"soon"}]}'
    )
    server.replies = [reply(200, body)]
    (page,) = spark().pages(LISTINGS)
    assert [record.key for record in page.records] == ["1", "3"]
    assert [(reject.key, reject.problem) for reject in page.rejects] == [
        (None, "the record is null"),
        (None, "ListingKey is not a text"),
        ("2", "the record is no proper JSON"),
    ]
    assert page.records[1].modified_at is None


@pytest.mark.parametrize(
    ("bodies", "refused"),
    [
        (b'{"ListingKey":"1","X":NaN},{"ListingKey":"1","X":5}', []),
        (b'{"ListingKey":"1","X":5},{"ListingKey":"1","X":NaN}', ["1"]),
    ],
)
def test_a_refusal_lasts_until_the_record_comes_well(
    server: Server, spark: Clients, bodies: bytes, refused: list[str]
):
    server.replies = [reply(200, b'{"value":[' + bodies + b"]}")]
    (page,) = spark().pages(LISTINGS)
    assert [record.key for record in page.records] == ["1"]
    assert [reject.key for reject in page.rejects] == refused


def test_of_two_versions_in_a_page_the_newer_stays_and_of_equals_the_later(
    server: Server, spark: Clients
):
    old, new = "2026-08-01T10:00:00Z", "2026-08-01T10:00:00.5Z"
    server.replies = [
        records(
            {"ListingKey": "1", "ModificationTimestamp": new, "ListPrice": 1},
            {"ListingKey": "1", "ModificationTimestamp": old, "ListPrice": 2},
            {"ListingKey": "2", "ModificationTimestamp": old, "ListPrice": 3},
            {"ListingKey": "2", "ModificationTimestamp": old, "ListPrice": 4},
        )
    ]
    (page,) = spark().pages(LISTINGS)
    assert [record.body[-3:] for record in page.records] == [b" 1}", b" 4}"]


def test_the_status_delete_is_a_removal_and_not_a_record(server: Server, spark: Clients):
    server.replies = [
        records(
            listing("1", StandardStatus="Delete", Media=[]),
            listing("2", StandardStatus="Closed"),
        )
    ]
    (page,) = spark().pages(LISTINGS)
    modified = datetime(2026, 8, 1, 10, tzinfo=UTC)
    assert page.removals == (Removal("1", Reason.STATUS_DELETE, modified),)
    assert [record.key for record in page.records] == ["2"]
    assert page.children == ()


@pytest.mark.parametrize("value", [b"NaN", b'"a\tb"', rb'"cut \ud83c"', b"[1,]", b""])
def test_the_status_delete_removes_although_a_value_beside_it_cannot_be_read(
    server: Server, spark: Clients, value: bytes
):
    modified = b'"ModificationTimestamp":"2026-08-01T10:00:00Z"'
    elements = (
        b'{"ListingKey":"1","StandardStatus":"Delete",%b,"PublicRemarks":%b}' % (modified, value),
        b'{"PublicRemarks":%b,"StandardStatus":"Active","ListingKey":"2"}' % value,
        b'{"ListingKey":null,"StandardStatus":"Delete","PublicRemarks":%b}' % value,
    )
    server.replies = [reply(200, b'{"value":[%b]}' % b",".join(elements))]
    (page,) = spark().pages(LISTINGS)
    at = datetime(2026, 8, 1, 10, tzinfo=UTC)
    assert page.removals == (Removal("1", Reason.STATUS_DELETE, at),)
    assert page.records == ()
    assert [reject.key for reject in page.rejects] == ["2", None]


def test_inline_collections_become_child_sets_and_the_body_stays(server: Server, spark: Clients):
    body = (
        b'{"value":[{"ListingKey":"1","Media":[ {"MediaKey":"m"} ],"Room":[],"Unit":null},'
        b'{"ListingKey":"2","Rooms":[{"RoomKey":"r"}],"UnitTypes":{},"OpenHouse":[]}]}'
    )
    server.replies = [reply(200, body)]
    (page,) = spark().pages(LISTINGS)
    assert page.children == (
        ChildSet("1", Resource.MEDIA, b'[ {"MediaKey":"m"} ]'),
        ChildSet("1", Resource.ROOMS, b"[]"),
        ChildSet("2", Resource.ROOMS, b'[{"RoomKey":"r"}]'),
    )
    assert b'"Media":[ {"MediaKey":"m"} ]' in page.records[0].body


# Relations ---------------------------------------------------------------------------------


def test_the_relations_walk_selects_the_key_and_expands(server: Server, spark: Clients):
    server.replies = [
        records(listing("1", Media=[{"MediaKey": "m"}], Room=[]), next="Property?b"),
        records(listing("2", Media=[])),
    ]
    pages = list(spark(relations_page_size=50).relation_pages(("Media", "Room", "Unit")))
    assert server.asked[0].options == {
        "$top": "50",
        "$select": "ListingKey",
        "$expand": "Media,Room,Unit",
    }
    assert [page.records for page in pages] == [(), ()]
    assert [(child.listing_key, child.resource) for page in pages for child in page.children] == [
        ("1", Resource.MEDIA),
        ("1", Resource.ROOMS),
        ("2", Resource.MEDIA),
    ]


def test_an_ignored_expansion_is_no_empty_collection_and_is_logged_once(
    server: Server, spark: Clients, caplog: pytest.LogCaptureFixture
):
    server.replies = [records(listing("1"), next="Property?b"), records(listing("2"))]
    with caplog.at_level(logging.WARNING, "mls_assets.sources"):
        pages = list(spark().relation_pages(("Media",)))
    assert [page.children for page in pages] == [(), ()]
    assert [record.message for record in caplog.records] == [
        "spark/test: the source leaves out Media"
    ]


def test_children_are_asked_for_by_key(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(
        *(listing(key, Media=[]) for key in keys_of_filter(asked) if key != "2")
    )
    found = spark().children(["1", "2", "3"], ("Media",))
    assert server.asked[0].options == {
        "$top": "3",
        "$select": "ListingKey",
        "$expand": "Media",
        "$filter": "ListingKey in ('1','2','3')",
    }
    assert found.answered == {"1", "3"}
    assert found.children == tuple(ChildSet(key, Resource.MEDIA, b"[]") for key in ("1", "3"))


# Questions by key --------------------------------------------------------------------------


def answer_by_key(asked: Asked) -> Reply:
    return records(*(listing(key) for key in keys_of_filter(asked)))


def test_presence_is_asked_in_batches_that_fit_a_url(server: Server, spark: Clients):
    server.otherwise = answer_by_key
    keys = [f"{n:026d}" for n in range(120)] + [f"{n:0200d}" for n in range(60)] + ["O'Brien ü"]
    assert spark().existing_keys(LISTINGS, keys) == set(keys)
    assert all(len(asked.target) < 7_500 for asked in server.asked)
    assert max(len(keys_of_filter(asked)) for asked in server.asked) == 50
    assert server.asked[0].options["$select"] == "ListingKey"


def test_absence_is_what_a_whole_answer_does_not_hold(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(listing("2"))
    assert spark().existing_keys(LISTINGS, ["1", "2", "2"]) == {"2"}
    assert server.asked[0].options["$filter"] == "ListingKey in ('1','2')"


def test_no_keys_are_no_request(server: Server, spark: Clients):
    assert spark().existing_keys(LISTINGS, []) == set()
    assert server.asked == []


def test_a_server_that_refuses_in_is_asked_with_eq_from_then_on(server: Server, spark: Clients):
    def no_in(asked: Asked) -> Reply:
        return reply(400) if " in (" in asked.options["$filter"] else answer_by_key(asked)

    server.otherwise = no_in
    client = spark()
    assert client.existing_keys(LISTINGS, ["1", "2"]) == {"1", "2"}
    assert client.existing_keys(LISTINGS, ["3"]) == {"3"}
    assert [asked.options["$filter"] for asked in server.asked] == [
        "ListingKey in ('1','2')",
        "ListingKey eq '1' or ListingKey eq '2'",
        "ListingKey eq '3'",
    ]


@pytest.mark.parametrize(
    "refusal", [reply(414), as_json({"D": {"Success": False, "Code": 1041}}, 400)]
)
def test_a_question_that_is_too_long_is_halved(server: Server, spark: Clients, refusal: Reply):
    server.otherwise = lambda asked: (
        refusal if len(keys_of_filter(asked)) > 10 else answer_by_key(asked)
    )
    keys = [str(n) for n in range(50)]
    assert spark().existing_keys(LISTINGS, keys) == set(keys)


def test_a_question_that_is_refused_in_every_form_is_an_error(server: Server, spark: Clients):
    server.otherwise = lambda asked: reply(400)
    with pytest.raises(SourceRefused, match="does not accept the question"):
        spark().existing_keys(LISTINGS, ["1", "2"])
    assert len(server.asked) == 2


def test_a_server_that_ignores_the_filter_proves_nothing(server: Server, spark: Clients):
    server.otherwise = lambda asked: records(listing("8"), listing("9"), next="Property?b")
    with pytest.raises(AnswerBroken, match="2 records that were not asked for"):
        spark().existing_keys(LISTINGS, ["1"])
    assert len(server.asked) == 1


def test_an_unreadable_record_in_a_confirmation_proves_no_absence(server: Server, spark: Clients):
    server.otherwise = lambda asked: records({"ListingKey": 1})
    with pytest.raises(AnswerBroken, match="proves no absence"):
        spark().existing_keys(LISTINGS, ["1"])


def test_records_are_fetched_again_by_key(server: Server, spark: Clients):
    server.replies = [records(listing("0"))]  # to the question what can be selected
    server.otherwise = answer_by_key
    pages = list(spark(select=("ListPrice",)).records(LISTINGS, [str(n) for n in range(60)]))
    assert [len(page.records) for page in pages] == [50, 10]
    assert server.asked[1].options["$top"] == "50"
    assert "ListPrice" in server.asked[1].options["$select"]


# Step 3: the key sweep ---------------------------------------------------------------------


def test_a_sweep_is_step_one_with_the_key_selected(server: Server, spark: Clients):
    server.replies = [
        records(listing("2"), listing("1"), next="Property?$skiptoken=2", count=3),
        records(listing("3")),
    ]
    first, last = spark().key_pages(LISTINGS)
    assert server.asked[0].target == "/Reso/OData/Property?$top=1000&$count=true&$select=ListingKey"
    assert (first.keys, first.count, first.paged_by_skip) == (("2", "1"), 3, False)
    assert (last.keys, last.next, last.breaches) == (("3",), None, ())


def test_a_sweep_counts_records_without_a_usable_key(server: Server, spark: Clients):
    server.replies = [records(listing("1"), {}, {"ListingKey": 2}, None)]
    (page,) = spark().key_pages(LISTINGS)
    assert (page.keys, page.keyless, page.breaches) == (("1",), 3, ())


def test_code_1024_on_the_way_is_a_breach_and_a_502_is_none(server: Server, spark: Clients):
    code = as_json({"D": {"Success": False, "Code": 1024}}, 503)
    server.replies = [reply(502), records(listing("1"), next="Property?b"), code, records()]
    first, last = spark().key_pages(LISTINGS)
    assert first.breaches == ()
    assert last.breaches == ("code 1024: the source was not in step with the MLS",)


@pytest.mark.parametrize(
    ("link", "by_skip"),
    [
        ("Property?%24skip=2", True),
        ("Property?$skip=2", True),
        ("Property?$skiptoken=2", False),
        ("Property?$skiptoken=2&$skip=0", False),
    ],
)
def test_a_sweep_knows_that_it_is_paged_by_offset(
    server: Server, spark: Clients, link: str, by_skip: bool
):
    server.replies = [records(listing("1"), next=link), records()]
    assert next(iter(spark().key_pages(LISTINGS))).paged_by_skip is by_skip


# Small questions ---------------------------------------------------------------------------


def test_a_count_is_one_small_request(server: Server, spark: Clients):
    server.replies = [records(listing("1"), count=42), records(count=3), records()]
    client = spark()
    assert [client.count(LISTINGS), client.count(LISTINGS, since=SINCE)] == [42, 3]
    assert client.count(LISTINGS) is None
    assert server.asked[0].target == "/Reso/OData/Property?$top=1&$count=true&$select=ListingKey"
    assert server.asked[1].options["$filter"].startswith("ModificationTimestamp gt 2026-08-01T09")


@pytest.mark.parametrize(("items", "newer"), [([listing("1")], True), ([], False)])
def test_a_sensor_asks_whether_anything_is_newer(
    server: Server, spark: Clients, items: list[object], newer: bool
):
    server.replies = [records(*items)]
    assert spark().newest_than(LISTINGS, SINCE) is newer
    assert server.asked[0].options["$top"] == "1"


def test_fractions_of_the_newest_second_and_dates_in_the_future_are_no_news():
    now = datetime(2026, 5, 1, 12, tzinfo=UTC)
    until = " and ModificationTimestamp lt 2026-05-01T13:00:00Z"
    for newest in (
        datetime(2026, 5, 1, 11, 7, 9, 123456, UTC),
        datetime(2026, 5, 1, 11, 7, 9, 0, UTC),
    ):
        assert news_since(newest, now) == f"ModificationTimestamp ge 2026-05-01T11:07:10Z{until}"
    ahead = news_since(datetime(2099, 1, 1, tzinfo=UTC), now)
    assert ahead == f"ModificationTimestamp ge 2026-05-01T12:00:01Z{until}"


def test_a_timestamp_has_four_digits_of_a_year():
    assert timestamp_literal(datetime(99, 1, 1, tzinfo=UTC)) == "0099-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("members", "count"),
    [
        ({"@odata.count": "42"}, 42),
        ({"@odata.count": " 42 "}, 42),
        ({"@odata.count": 42.0}, 42),
        ({"@count": 42}, 42),
        ({"@odata.count": None, "@count": "42"}, 42),
        ({"@odata.count": -1}, None),
        ({"@odata.count": "-1"}, None),
        ({"@odata.count": "many"}, None),
        ({"@odata.count": 41.5}, None),
        ({"@odata.count": 1e300}, None),
        ({"@odata.count": "9" * 400}, None),
        ({"@odata.count": True}, None),
        ({"@odata.count": [42]}, None),
        ({"@odata.count": ""}, None),
        ({}, None),
    ],
)
def test_a_count_counts_however_it_is_written_and_nothing_else_does(
    server: Server, spark: Clients, members: dict[str, object], count: int | None
):
    server.replies = [as_json({**members, "value": []})]
    assert spark().count(LISTINGS) == count


def test_the_clock_of_the_source_is_that_of_the_newest_answer(server: Server, spark: Clients):
    server.replies = [records(count=1)]
    client = spark()
    assert client.clock is None
    client.count(LISTINGS)
    assert client.clock == datetime(2024, 8, 3, 12, tzinfo=UTC)


def test_lookups_are_walked_by_offset(server: Server, spark: Clients):
    server.replies = [
        records(
            {"LookupKey": "1-2", "LookupName": "A", "LookupValue": "b", "LegacyODataValue": "c"},
            next="Lookup?%24skip=1",
        ),
        records({"LookupKey": "3-4"}, {"LookupName": "A", "LookupValue": "no key"}),
        records(),
    ]
    pages = list(spark().lookups())
    assert pages == [[LookupValue("A", "b", None, "c", "1-2")], []]
    assert server.asked[-1].options == {"$top": "1", "$skip": "3"}, "what lies behind is asked for"


@pytest.mark.parametrize("how", ["more behind", "a larger count"])
def test_a_set_of_lookups_that_ends_too_early_is_no_answer(
    server: Server, spark: Clients, how: str
):
    value = {"LookupKey": "1", "LookupName": "A", "LookupValue": "b"}
    count = {"count": 2} if how == "a larger count" else {}
    behind = [value] if how == "more behind" else []
    server.replies = [records(value, **count), records(*behind)]
    with pytest.raises(AnswerBroken, match="ended after 1 values"):
        list(spark().lookups())


def test_no_error_of_a_walk_shows_the_token(server: Server, spark: Clients):
    server.otherwise = lambda asked: as_json({"error": {"code": 500, "message": TOKEN}}, 500)
    client = spark()
    with pytest.raises(SourceUnreachable) as error:
        walked(client)
    assert TOKEN not in str(error.value)
    assert TOKEN not in repr(client)
