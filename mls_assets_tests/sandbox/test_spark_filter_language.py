"""The `$filter` language on its own: reading, writing back, checking, evaluating, planning."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.sandbox.spark.errors import Refusal
from mls_assets.sandbox.spark.filters.binding import bind
from mls_assets.sandbox.spark.filters.nodes import (
    And,
    Call,
    Comparison,
    Expression,
    FieldNode,
    Intersects,
    Literal,
    Membership,
    Not,
    Or,
    to_text,
)
from mls_assets.sandbox.spark.filters.parser import COMPARISONS, MAX_DEPTH, parse
from mls_assets.sandbox.spark.filters.planner import plan, refuse_oddities
from mls_assets.sandbox.spark.filters.predicate import compile_predicate, fields_in_filter
from mls_assets_tests.sandbox.spark_fake import TYPES

LISTING_TYPES = TYPES["Property"]
LISTING = {
    "ListingKey": "20240101",
    "StandardStatus": "Active",
    "ModificationTimestamp": "2026-05-01T12:00:00Z",
    "City": "O'Brien Springs",
    "ListPrice": 250000.5,
    "BedroomsTotal": 3,
    "PoolPrivateYN": True,
    "CloseDate": "2026-04-30",
    "Latitude": 33.5,
    "Longitude": -112.0,
    "Appliances": ["Oven", "Range"],
    "PublicRemarks": None,
}


def matches(text: str, record: dict | None = None, types: dict | None = None) -> bool:
    types = types or dict(LISTING_TYPES)
    return compile_predicate(bind(parse(text), types), types)(record or LISTING)


def refused(text: str) -> str:
    with pytest.raises(Refusal) as caught:
        refuse_oddities(bind(parse(text), LISTING_TYPES))
    assert caught.value.status == 400
    return caught.value.message


# -- reading and writing back

names = st.from_regex(r"[A-Z][A-Za-z0-9_]{0,12}", fullmatch=True)
constants = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"])),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda m: m.replace(tzinfo=UTC, fold=0)),  # noqa: DTZ001
    st.dates(min_value=date(1000, 1, 1)),
).map(Literal)
texts = st.one_of(
    names.map(FieldNode),
    st.text(st.characters(blacklist_categories=["Cs"])).map(Literal),
)
coordinates = st.floats(-180, 180, allow_nan=False)
rings = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6).map(
    lambda points: (*points, points[0])
)
conditions = st.one_of(
    names.map(FieldNode),
    st.builds(Comparison, st.sampled_from(sorted(COMPARISONS)), names.map(FieldNode), constants),
    st.builds(
        Membership,
        names.map(FieldNode),
        st.lists(constants, min_size=1, max_size=4).map(tuple),
    ),
    st.builds(
        Call, st.sampled_from(["contains", "startswith", "endswith"]), st.tuples(texts, texts)
    ),
    st.builds(
        Comparison,
        st.just("eq"),
        st.builds(Call, st.just("tolower"), st.tuples(texts)),
        texts,
    ),
    st.builds(Intersects, st.just("Location"), st.lists(rings, min_size=1, max_size=2).map(tuple)),
)
expressions = st.recursive(
    conditions,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: And(tuple(some))),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: Or(tuple(some))),
    ),
    max_leaves=8,
)


@given(expressions)
def test_whatever_is_written_is_read_back_as_the_same_tree(expression: Expression):
    assert repr(parse(to_text(expression))) == repr(expression)


@given(st.text())
def test_any_text_is_either_read_or_refused_with_a_400(text: str):
    try:
        parse(text)
    except Refusal as refusal:
        assert refusal.status == 400  # noqa: PT017


@given(st.text(alphabet="()' ,.-0123456789aeinoqrtTZgd$:"))
def test_text_that_looks_like_a_filter_never_breaks_the_parser(text: str):
    try:
        to_text(parse(text))
    except Refusal as refusal:
        assert refusal.status == 400  # noqa: PT017


def test_and_binds_closer_than_or():
    assert parse("A eq 1 or B eq 2 and C eq 3") == parse("A eq 1 or (B eq 2 and C eq 3)")


def test_an_error_names_its_position_and_not_what_was_written():
    message = refused("City eq 'Main Street' und StandardStatus eq 'Active'")
    assert "position 22" in message
    assert "Main Street" not in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "City",
        "City eq",
        "City eq 'a",
        "City eq 'a' and",
        "(City eq 'a'",
        "City eq 'a')",
        "City eq'a'",
        "City gt5",
        "City = 'a'",
        "and eq 'a'",
        "City in ()",
        "City in 'a'",
        "City in (ListPrice)",
        "contains(City)",
        "contains(City,'a','b')",
        "length(City) eq 1",
        "not City eq 'a'",
        "Unknown eq 'a'",
        "ListPrice eq 'a'",
        "ListPrice eq 1e999",
        "City eq 5",
        "ListingKey eq 20240101000000000001000000",
        "PoolPrivateYN gt true",
        "PoolPrivateYN eq 'true'",
        "Appliances gt 'a'",
        "contains(Appliances,'a')",
        "contains(ListPrice,'1')",
        "ModificationTimestamp gt datetime'2026-05-01T12:00:00'",
        "ModificationTimestamp gt 'yesterday'",
        "ModificationTimestamp gt 2026-13-01T00:00:00Z",
        "ModificationTimestamp gt 5",
        "ModificationTimestamp eq City",
        "CloseDate gt 2026-02-30",
        "City/Name eq 'a'",
        "Appliances/any(a: a eq 'Oven')",
        "geo.intersects(City,geography'POLYGON((0 0,0 1,1 1,0 0))')",
        "geo.intersects(Location,geography'POLYGON((0 0,0 1,1 1))')",
        "geo.intersects(Location,geography'POINT(0 0)')",
        "geo.intersects(Location,geography'POLYGON((0 0,0 x,1 1,0 0))')",
    ],
)
def test_what_is_no_proper_filter_is_refused(text: str):
    refused(text)


def test_nesting_has_a_limit():
    inner = "City eq 'a'"
    for _ in range(MAX_DEPTH):
        inner = f"not ({inner})"
    assert "levels deep" in refused(inner)
    assert "levels deep" in refused(
        "tolower(" * (MAX_DEPTH + 1) + "City" + ")" * (MAX_DEPTH + 1) + " eq 'a'"
    )


# -- meaning


@pytest.mark.parametrize(
    "text",
    [
        "StandardStatus eq 'Active'",
        "'Active' eq StandardStatus",
        "StandardStatus ne 'Closed'",
        "City eq 'O''Brien Springs'",
        "ListPrice gt 250000",
        "ListPrice ge 250000.5",
        "ListPrice lt 2.500006e5",
        "ListPrice le 250000.5",
        "BedroomsTotal eq 3.0",
        "Longitude lt -111.9",
        "PoolPrivateYN",
        "PoolPrivateYN eq true",
        "PoolPrivateYN ne false",
        "not (PoolPrivateYN eq false)",
        "not contains(City,'Falls')",
        "StandardStatus in ('Pending','Active')",
        "not (StandardStatus in ('Pending','Closed'))",
        "BedroomsTotal in (2,3)",
        "contains(City,'Brien')",
        "startswith(City,'O''B')",
        "endswith(City,'Springs')",
        "contains(tolower(City),'springs')",
        "tolower(City) eq 'o''brien springs'",
        "toupper(StandardStatus) eq 'ACTIVE'",
        "startswith(City,'O') eq true",
        "PublicRemarks eq null",
        "City ne null",
        "Site_co_Level eq null",
        "Site_co_Level ne true",
        "Appliances eq 'Oven'",
        "Appliances in ('Dryer','Range')",
        "Appliances ne 'Dryer'",
        "Appliances ne null",
        "City eq 'x' or City eq 'y' or PoolPrivateYN",
        "(City eq 'x' or PoolPrivateYN) and BedroomsTotal eq 3",
        "ModificationTimestamp gt 2026-05-01T11:59:59Z",
        "ModificationTimestamp ge 2026-05-01T12:00:00.000Z",
        "ModificationTimestamp eq 2026-05-01T12:00:00.0000000Z",
        "ModificationTimestamp eq 2026-05-01T07:00:00-05:00",
        "ModificationTimestamp lt 2026-05-01T12:00:00.001Z",
        "ModificationTimestamp gt '2026-05-01T11:59:59Z'",
        "ModificationTimestamp gt 2026-05-01T11:59",
        "ModificationTimestamp gt 2026-05-01",
        "CloseDate eq 2026-04-30",
        "CloseDate lt '2026-05-01'",
        "CloseDate gt 2026-04-29T23:59:59Z",
        "CloseDate lt ModificationTimestamp",
        "geo.intersects(Location, geography'POLYGON((-113 33,-111 33,-111 34,-113 34,-113 33))')",
    ],
)
def test_a_listing_that_fulfils_the_condition_is_found(text: str):
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "StandardStatus eq 'active'",
        "ListPrice gt 250000.5",
        "PublicRemarks ne null",
        "PublicRemarks gt 'a'",
        "contains(PublicRemarks,'a')",
        "not contains(PublicRemarks,'a')",
        "Site_co_Level",
        "not Site_co_Level",
        "PublicRemarks in ('a','b')",
        "Appliances eq 'Dryer'",
        "ModificationTimestamp gt 2026-05-01T12:00:00Z",
        "CloseDate gt 2026-04-30",
        "geo.intersects(Location, geography'POLYGON((0 0,1 0,1 1,0 1,0 0))')",
        "geo.intersects(Location, geography'POLYGON("
        "(-113 33,-111 33,-111 34,-113 34,-113 33),"
        "(-112.5 33.2,-111.5 33.2,-111.5 33.8,-112.5 33.8,-112.5 33.2))')",
    ],
)
def test_a_listing_that_does_not_fulfil_the_condition_is_not_found(text: str):
    assert not matches(text)


def test_a_comparison_with_null_is_false_and_its_opposite_true():
    assert not matches("PublicRemarks gt 'a'")
    assert matches("not (PublicRemarks gt 'a')")


def test_a_listing_without_coordinates_is_nowhere():
    polygon = "geo.intersects(Location,geography'SRID=4326;POLYGON((0 0,1 0,1 1,0 1,0 0))')"
    assert not matches(polygon, {"Latitude": None, "Longitude": None})
    assert not matches(f"not {polygon}", {"Latitude": None, "Longitude": None})
    assert matches(polygon, {"Latitude": 0.5, "Longitude": 0.5})


def test_a_number_that_the_wire_shows_as_text_compares_as_a_number():
    types = {"RoomLength": "Edm.Decimal"}
    assert matches("RoomLength gt 9", {"RoomLength": "18.00"}, types)
    assert not matches("RoomLength gt 9", {"RoomLength": "wide"}, types)


def test_a_value_of_a_wrong_type_matches_nothing_and_breaks_nothing():
    wrong = {
        "ModificationTimestamp": "yesterday",
        "City": 5,
        "ListPrice": [1],
        "PoolPrivateYN": "Y",
        "Latitude": "north",
        "Longitude": {},
        "Appliances": [1, {}, "Oven"],
    }
    for text in (
        "ModificationTimestamp gt 2000-01-01",
        "ListPrice gt 0",
        "PoolPrivateYN",
        "Appliances in ('1')",
        "geo.intersects(Location,geography'POLYGON((0 0,1 0,1 1,0 1,0 0))')",
    ):
        assert not matches(text, wrong)
    assert matches("City eq '5' and Appliances eq 'Oven'", wrong)


def test_a_filter_knows_the_fields_that_it_reads():
    expression = parse(
        "City eq 'a' and (contains(PublicRemarks,'b') or not PoolPrivateYN) and "
        "geo.intersects(Location,geography'POLYGON((0 0,1 0,1 1,0 0))')"
    )
    assert fields_in_filter(expression) == {
        "City",
        "PublicRemarks",
        "PoolPrivateYN",
        "Latitude",
        "Longitude",
    }


# -- where to look


def planned(text: str):
    return plan(bind(parse(text), LISTING_TYPES), "ListingKey")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ListingKey eq 'a'", {"a"}),
        ("'a' eq ListingKey", {"a"}),
        ("ListingKey in ('a','b')", {"a", "b"}),
        ("ListingKey eq 'a' or ListingKey in ('b')", {"a", "b"}),
        ("ListingKey in ('a','b','c') and ListingKey in ('b','d')", {"b", "d"}),
        ("City eq 'x' and (ListingKey eq 'a' or ListingKey eq 'b')", {"a", "b"}),
    ],
)
def test_a_filter_on_keys_is_looked_up_by_key(text: str, keys: set[str]):
    assert planned(text).keys == keys


@pytest.mark.parametrize(
    "text",
    [
        "City eq 'a'",
        "ListingKey ne 'a'",
        "ListingKey eq 'a' or City eq 'b'",
        "not (ListingKey eq 'a')",
        "ListingKey gt 'a'",
        "ListingKey eq null",
    ],
)
def test_a_filter_that_other_keys_can_match_is_not_looked_up_by_key(text: str):
    assert planned(text).keys is None


def test_a_lower_bound_of_the_timestamp_narrows_the_search_a_second_early():
    bound = datetime(2026, 4, 30, 23, 59, 59, tzinfo=UTC)
    for text in (
        "ModificationTimestamp gt 2026-05-01T00:00:00Z",
        "2026-05-01T00:00:00Z lt ModificationTimestamp",
        "ModificationTimestamp eq '2026-05-01T00:00:00Z'",
        "ModificationTimestamp ge 2026-05-01 and ModificationTimestamp lt 2026-05-02",
        "City eq 'a' and ModificationTimestamp gt 2026-05-01T00:00:00Z",
        "ModificationTimestamp ge 2026-05-03 or ModificationTimestamp ge 2026-05-01",
    ):
        assert planned(text).modified_after == bound


def test_a_bound_that_something_else_gets_around_does_not_narrow_the_search():
    for text in (
        "ModificationTimestamp lt 2026-05-01T00:00:00Z",
        "not (ModificationTimestamp gt 2026-05-01T00:00:00Z)",
        "City eq 'a' or ModificationTimestamp gt 2026-05-01T00:00:00Z",
        "ModificationTimestamp ge 0001-01-01",
    ):
        assert planned(text).modified_after is None


# -- what only real Spark refuses


def test_two_lower_bounds_by_gt_are_refused():
    assert "more than one" in refused(
        "ModificationTimestamp gt 2026-05-01T00:00:00Z and City eq 'a' "
        "and ModificationTimestamp gt 2026-05-02T00:00:00Z"
    )


@pytest.mark.parametrize(
    "text",
    [
        "((City eq 'a'))",
        "((City eq 'a' or City eq 'b'))",
        "City eq 'a' and ((City eq 'b' or City eq 'c'))",
        "not ((City eq 'a'))",
    ],
)
def test_doubled_parentheses_are_refused(text: str):
    assert "doubled" in refused(text)


def test_parentheses_that_open_together_but_hold_different_things_are_not_doubled():
    parse("((City eq 'a') or City eq 'b')")
    parse("((City eq 'a') and (City eq 'b'))")
    parse("(tolower(City) in ('a'))")


@pytest.mark.parametrize(
    "text",
    [
        "ModificationTimestamp gt 2026-05-01T00:00:00Z"
        " and ModificationTimestamp lt 2026-05-01T00:00:00Z",
        "ModificationTimestamp ge 2026-05-01T00:00:00Z"
        " and ModificationTimestamp lt 2026-05-01T00:00:00.000Z",
        "ModificationTimestamp lt 2026-05-01T00:00:00Z"
        " and ModificationTimestamp gt 2026-05-02T00:00:00Z",
    ],
)
def test_a_window_without_a_moment_is_refused(text: str):
    assert "empty window" in refused(text)


def test_a_window_of_one_moment_is_a_window():
    assert matches(
        "ModificationTimestamp ge 2026-05-01T12:00:00Z"
        " and ModificationTimestamp le 2026-05-01T12:00:00Z"
    )
