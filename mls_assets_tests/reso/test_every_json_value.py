"""Whatever JSON stands in whatever field: row, rejected values and source agree."""

import json
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mls_assets.model.records import LandedRecord
from mls_assets.model.resources import Resource
from mls_assets.reso import dictionary
from mls_assets.reso.split import RecordParser
from mls_assets.sources.spark import dialect as spark
from mls_assets_tests.reso.accounting import unexplained
from mls_assets_tests.reso.conftest import Stored
from mls_assets_tests.reso.helpers import run
from mls_assets_tests.reso.pages import LANDED_AT

CHILDREN = {"Media", "Room", "Rooms", "Unit", "UnitTypes"}
#: A field of each type, with and without a lookup, and names that are no column of a listing.
FIELDS = (
    *("PublicRemarks", "StandardStatus", "BedroomsTotal", "ListPrice", "WaterfrontYN"),
    *("StatusChangeTimestamp", "CloseDate", "Appliances", "ListAgentDesignation", "Disclosures"),
    *("ListPrice@Core.Permissions", "Media", "OpenHouse", "ListAgent", "General_co_Option"),
    *("@odata.id", "Media@odata.count", "feed", "a:b", 'say "x"', "caf\u00e9", "\u0000", "\ud800"),
)
Found = tuple[list[tuple[str, str]], str]

#: Examples are small and shrinking wide rows takes minutes, so a failure is shown as found.
quick = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

any_text = st.text(st.characters(exclude_categories=()), max_size=12)
telling_texts = st.sampled_from(
    [
        *("", " ", "0", "1", "Y", "n", "TRUE", "false", "Yes", "12", "12.0", "1e2", "-0", "007"),
        *("1.10", "$1,200", "1e400", "NaN", "9223372036854775808", "0.1234567890123456789"),
        *("2024-02-29", "2023-02-29", "2024-01-01T00:00:00", "2024-01-01T00:00:00-05:00"),
        *("2024-01-01T12:30:00.1234560Z", "2024-01-01 12:30", "2016-12-31T23:59:60Z"),
        *("2024-01-01T24:00:00Z", "1799-12-31", "2200-12-31T23:59:59-01:00", "0001-01-01"),
        *("ActiveUnderContract", "Pool, Spa", "Pool (heated, screened), Spa", "a,,b,", "None"),
        *("Graduate, REALTOR Institute / GRI, Other", "\u0000", "\ud800", "x" * 1500),
    ]
)
numbers = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1.10", "3.0", "3e0", "1E400", "-0", "-0.0", "1e-400", "1", "0", "12e-1"]),
    st.decimals(allow_nan=False, allow_infinity=False, places=18).map(lambda d: f"{d:f}"),
)
texts = st.one_of(any_text, telling_texts)
tokens = st.recursive(
    st.one_of(texts.map(json.dumps), numbers, st.sampled_from(["null", "true", "false"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + " ,".join(items) + "]"),
        st.dictionaries(texts.map(json.dumps), inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{name}: {value}" for name, value in pairs.items()) + "}"
        ),
    ),
    max_leaves=6,
)


def text_of(members: list[tuple[str, str]], gap: str = "") -> str:
    """An object's text, with this gap between its parts."""
    text = f",{gap}".join(f"{json.dumps(name)}{gap}:{gap}{token}" for name, token in members)
    return f"{gap}{{{gap}{text}{gap}}}{gap}"


def everywhere(token: str) -> Found:
    """A listing that has this value in a field of every kind."""
    members = [("ListingKey", '"K1"'), *((name, token) for name in FIELDS)]
    return members, text_of(members)


@st.composite
def objects(draw: st.DrawFn) -> Found:
    """A listing of a few members in any order, names repeated, with gaps in its text."""
    some = st.sampled_from(["null", '""', '"x"', "1", "1.10", "true", "[]", '["a"]', "{}", "[1]"])
    members = draw(st.lists(st.tuples(st.sampled_from(FIELDS), some), max_size=12))
    members.insert(draw(st.integers(0, len(members))), ("ListingKey", '"K1"'))
    return members, text_of(members, draw(st.sampled_from(["", " ", "\n\t"])))


def rows_of(batch: list[Found]) -> tuple[Any, list[list[dict[str, Any]]]]:
    """The frame of a batch, and the rejected values of each record (told apart by their page)."""
    records = [
        LandedRecord("K1", text.encode(), place, LANDED_AT) for place, (_, text) in enumerate(batch)
    ]
    done = run(records)
    notes: list[list[dict[str, Any]]] = [[] for _ in batch]
    for note in done.rejected.rows(named=True):
        notes[note["page_id"]].append(note)
    return done.frames["listings"], notes


def check(batch: list[Found], stored: Stored) -> None:
    """Account for every record of a batch, and land its frame."""
    frame, notes = rows_of(batch)
    rows = frame.rows(named=True)
    expansions = (dictionary.expansions(Resource.PROPERTY) | {"OpenHouse"}) - CHILDREN
    for (members, _), row, rejected in zip(batch, rows, notes, strict=True):
        faults = unexplained(
            Resource.PROPERTY, members, row, rejected, children=CHILDREN, expansions=expansions
        )
        assert faults == []
    told = frame.select(
        [name for name in (*FIELDS, "local_fields", "hidden_fields") if name in frame.columns]
    )
    assert stored("listings", told) == told.rows(named=True)


@quick
@given(values=st.lists(tokens, min_size=8, max_size=8))
def test_any_value_in_any_field_is_in_the_row_or_rejected(
    values: list[str], stored: Stored
) -> None:
    check([everywhere(token) for token in values], stored)


@quick
@given(batch=st.lists(objects(), min_size=6, max_size=6))
def test_any_members_in_any_order_are_explained_to_the_last(
    batch: list[Found], stored: Stored
) -> None:
    check(batch, stored)


@quick
@given(st.lists(objects(), min_size=2, max_size=4))
def test_a_record_does_not_depend_on_those_beside_it(batch: list[Found]) -> None:
    together, _ = rows_of(batch)
    alone = [rows_of([each])[0] for each in batch]
    assert together.rows() == [row for frame in alone for row in frame.rows()]


@quick
@given(st.lists(objects(), max_size=5))
def test_the_fast_and_the_slow_way_split_alike(batch: list[Found]) -> None:
    bodies = [text.encode() for _, text in batch]
    filing = spark.filing(Resource.PROPERTY)
    learned = RecordParser(filing)
    learned.split(bodies)
    slow = RecordParser(filing)
    slow._learn = lambda bodies: False
    assert learned.split(bodies) == slow.split(bodies)


@quick
@given(st.binary(max_size=40))
def test_bytes_that_are_no_object_become_a_rejected_value_and_no_row(body: bytes) -> None:
    done = run([LandedRecord("K1", body, 7, LANDED_AT)])
    assert done.frames["listings"].height == 0
    assert done.rejected["record_key"].to_list() == ["K1"]
