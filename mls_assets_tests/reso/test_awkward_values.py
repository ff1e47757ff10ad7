"""What becomes of each awkward value: a table of promises, one row a value."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from mls_assets.model.resources import Resource
from mls_assets.reso import NormalisedBatch
from mls_assets.reso.decode import column
from mls_assets.reso.dictionary import fields_of
from mls_assets_tests.reso.helpers import run
from mls_assets_tests.reso.pages import key, landed


def moment(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


#: Field, JSON value as sent, value in the row.
KEPT: list[tuple[str, str, Any]] = [
    # texts: their own characters, and nothing else
    ("City", '""', ""),
    ("City", '" "', " "),
    ("City", "null", None),
    ("City", r'"a\u0000b"', "a\0b"),
    ("City", r'"\ud83d\ude00 caf\u00e9 \/"', "😀 café /"),
    ("StreetNumber", "1.10", "1.10"),
    ("StreetNumber", "1E2", "1E2"),
    ("StreetNumber", "-0", "-0"),
    ("PostalCode", "0", "0"),
    ("PostalCode", '"02134"', "02134"),
    ("ParcelNumber", "123456789012345678901234567890", "123456789012345678901234567890"),
    ("City", "true", "true"),
    ("City", "false", "false"),
    ("PublicRemarks", '"' + "x" * 20_000 + '"', "x" * 20_000),
    # whole numbers
    ("BedroomsTotal", "3", 3),
    ("BedroomsTotal", "3.0", 3),
    ("BedroomsTotal", "3e0", 3),
    ("BedroomsTotal", "0.3E1", 3),
    ("BedroomsTotal", '"3"', 3),
    ("BedroomsTotal", '"3.00"', 3),
    ("BedroomsTotal", '"007"', 7),
    ("BedroomsTotal", "-0", 0),
    ("BedroomsTotal", "1E5", 100_000),
    ("BedroomsTotal", "1234.0000000000000000", 1234),
    ("BedroomsTotal", "3." + "0" * 6_000, 3),
    ("BedroomsTotal", "0e999999999", 0),
    ("BedroomsTotal", "9223372036854775807", 2**63 - 1),
    ("BedroomsTotal", "-9223372036854775808", -(2**63)),
    # numbers
    ("ListPrice", "114900.0", 114900.0),
    ("ListPrice", "114900", 114900.0),
    ("ListPrice", '"50000.0"', 50000.0),
    ("ListPrice", '"18.00"', 18.0),
    ("ListPrice", '"+.5"', 0.5),
    ("ListPrice", '"5."', 5.0),
    ("ListPrice", '"1e3"', 1000.0),
    ("ListPrice", "-1", -1.0),
    ("ListPrice", "0", 0.0),
    ("ListPrice", "1e300", 1e300),
    ("Latitude", "45.162238", 45.162238),
    ("Latitude", "26.123456789012344", 26.123456789012344),
    ("Latitude", "45.16223800000000000000", 45.162238),
    ("Latitude", "33.448400000000003", 33.4484),
    ("Latitude", '"33.448400000000003"', 33.4484),
    ("Latitude", "33.44840000000000301", 33.4484),
    ("Latitude", "0.1234567890123456789", 0.12345678901234568),
    ("Latitude", "3.3448400000000003e1", 33.4484),
    ("Latitude", "999", 999.0),
    ("Longitude", "-112.07399999999999807", -112.074),
    ("ListPrice", "277.199999999999989", 277.2),
    ("ListPrice", "249900.00000000000", 249900.0),
    ("ListPrice", "9007199254740992", 9007199254740992.0),
    ("ListPrice", "9007199254740991.00000", 9007199254740991.0),
    ("ListPrice", "9.9999999999999992e+22", 1e23),
    ("ListPrice", "1e23", 1e23),
    ("ListPrice", "99999999999999991611392", 1e23),
    ("ListPrice", "1.7976931348623157e308", 1.7976931348623157e308),
    ("ListPrice", "5e-324", 5e-324),
    ("LotSizeAcres", "0.229568411386593204", 0.2295684113865932),
    ("LivingArea", "1234.0000000000000000", 1234.0),
    # booleans
    ("PoolPrivateYN", "true", True),
    ("PoolPrivateYN", "1", True),
    ("PoolPrivateYN", "0", False),
    ("PoolPrivateYN", '"Y"', True),
    ("PoolPrivateYN", '"n"', False),
    ("PoolPrivateYN", '"True"', True),
    ("PoolPrivateYN", '"FALSE"', False),
    ("PoolPrivateYN", '"1"', True),
    # moments
    ("StatusChangeTimestamp", '"2026-04-30T11:22:33Z"', moment(2026, 4, 30, 11, 22, 33)),
    ("StatusChangeTimestamp", '"2026-04-30T11:22:33"', moment(2026, 4, 30, 11, 22, 33)),
    ("StatusChangeTimestamp", '"2026-04-30t11:22z"', moment(2026, 4, 30, 11, 22)),
    ("StatusChangeTimestamp", '"2026-04-30 11:22:33+00:00"', moment(2026, 4, 30, 11, 22, 33)),
    ("StatusChangeTimestamp", '"2026-04-30T23:00:00-05:30"', moment(2026, 5, 1, 4, 30)),
    ("StatusChangeTimestamp", '"2026-05-01T01:00:00+0200"', moment(2026, 4, 30, 23)),
    ("StatusChangeTimestamp", '"2026-05-01T01:00:00+02"', moment(2026, 4, 30, 23)),
    ("StatusChangeTimestamp", '"2026-04-30T11:22:33.5Z"', moment(2026, 4, 30, 11, 22, 33, 500000)),
    (
        "StatusChangeTimestamp",
        '"2026-04-30T11:22:33.123Z"',
        moment(2026, 4, 30, 11, 22, 33, 123000),
    ),
    (
        "StatusChangeTimestamp",
        '"2026-04-30T11:22:33.1234560Z"',
        moment(2026, 4, 30, 11, 22, 33, 123456),
    ),
    ("StatusChangeTimestamp", '"1800-01-01T00:00:00Z"', moment(1800, 1, 1)),
    ("StatusChangeTimestamp", '"2200-12-31T23:59:59Z"', moment(2200, 12, 31, 23, 59, 59)),
    # dates
    ("CloseDate", '"2024-02-29"', date(2024, 2, 29)),
    ("CloseDate", '"2004-02-04T00:00:00"', date(2004, 2, 4)),
    ("CloseDate", '"2004-02-04T00:00:00.0000000Z"', date(2004, 2, 4)),
    ("CloseDate", '"2004-02-04T00:00:00-07:00"', date(2004, 2, 4)),
    ("CloseDate", '"2004-02-04 00:00"', date(2004, 2, 4)),
    # enumerations
    ("StandardStatus", '"Active Under Contract"', "Active Under Contract"),
    ("StandardStatus", '"ActiveUnderContract"', "Active Under Contract"),
    ("StandardStatus", '"Foo"', "Foo"),
    ("StandardStatus", '"b__abc"', "b__abc"),
    ("MlsStatus", '"A, B"', "A, B"),
    # lists
    ("Appliances", "null", None),
    ("Appliances", "[]", []),
    ("Appliances", '[""]', [""]),
    ("Appliances", '""', [""]),
    ("Appliances", '["Dishwasher", "Own word"]', ["Dishwasher", "Own word"]),
    ("Appliances", '["GasOven","Dishwasher"]', ["Gas Oven", "Dishwasher"]),
    ("Appliances", '["Oven, double"]', ["Oven, double"]),
    ("Appliances", '"Dishwasher"', ["Dishwasher"]),
    ("Appliances", '"Dishwasher,GasOven, Own word"', ["Dishwasher", "Gas Oven", "Own word"]),
    ("Appliances", '"Oven (gas, old), Range"', ["Oven (gas, old)", "Range"]),
    ("Appliances", '"Oven (gas, old"', ["Oven (gas, old"]),
    ("Appliances", '"Oven), Range"', ["Oven)", "Range"]),
    ("Appliances", '"Range,"', ["Range", ""]),
    ("Disclosures", '"One, Two"', ["One", "Two"]),
    (
        "ListAgentDesignation",
        '"Graduate, REALTOR Institute / GRI"',
        ["Graduate, REALTOR Institute / GRI"],
    ),
    (
        "ListAgentDesignation",
        '"Own, Graduate, REALTOR Institute / GRI, Other"',
        ["Own", "Graduate, REALTOR Institute / GRI", "Other"],
    ),
]

#: Field, JSON value as sent, value in rejected_values, a part of the problem. The row has NULL.
REJECTED: list[tuple[str, str, str, str]] = [
    ("City", '["Alva"]', '["Alva"]', "a list where a text is due"),
    ("City", "[]", "[]", "a list where a text is due"),
    ("City", '{"a": 1}', '{"a": 1}', "an object where a text is due"),
    ("City", r'"\ud800x"', r'"\ud800x"', "half a surrogate pair"),
    ("City", "NaN", "NaN", "not JSON"),
    ("StandardStatus", '["Active"]', '["Active"]', "a list where a text is due"),
    ("BedroomsTotal", "3.5", "3.5", "not a whole number"),
    ("BedroomsTotal", "1e-1000000", "1e-1000000", "not a whole number"),
    ("BedroomsTotal", "1e1000000", "1e1000000", "outside the range of BIGINT"),
    ("BedroomsTotal", "1e99999999999999999999", "1e99999999999999999999", "exponent"),
    ("BedroomsTotal", "9223372036854775808", "9223372036854775808", "range of BIGINT"),
    ("BedroomsTotal", '""', "", "not a number"),
    ("BedroomsTotal", '" 3"', " 3", "not a number"),
    ("BedroomsTotal", '"three"', "three", "not a number"),
    ("BedroomsTotal", '"\u0663"', "\u0663", "not a number"),
    ("BedroomsTotal", "true", "true", "a boolean where a whole number is due"),
    ("BedroomsTotal", "[3]", "[3]", "a list where a whole number is due"),
    ("ListPrice", '"$1,200"', "$1,200", "not a number"),
    ("ListPrice", '"NaN"', "NaN", "not a number"),
    ("ListPrice", '"Infinity"', "Infinity", "not a number"),
    ("ListPrice", "1e400", "1e400", "outside the range of DOUBLE"),
    ("ListPrice", "1e-400", "1e-400", "closer to 0"),
    ("ListPrice", "0." + "0" * 400 + "1", "0." + "0" * 400 + "1", "closer to 0"),
    ("ListPrice", "1.2345678901234567e-320", "1.2345678901234567e-320", "closer to 0"),
    ("ListPrice", "9007199254740993.0", "9007199254740993.0", "more digits than a DOUBLE holds"),
    ("ListPrice", "12345678901234567890", "12345678901234567890", "more digits"),
    ("ListPrice", '"1,234.50"', "1,234.50", "not a number"),
    ("ListPrice", "true", "true", "a boolean where a number is due"),
    ("ListPrice", "9007199254740993", "9007199254740993", "more digits than a DOUBLE holds"),
    ("Latitude", "false", "false", "a boolean where a number is due"),
    ("PoolPrivateYN", '"Yes"', "Yes", "neither Y/N"),
    ("PoolPrivateYN", '""', "", "neither Y/N"),
    ("PoolPrivateYN", "2", "2", "neither Y/N"),
    ("StatusChangeTimestamp", '"2026-04-30"', "2026-04-30", "not a timestamp"),
    ("StatusChangeTimestamp", '"4/30/2026 11:22"', "4/30/2026 11:22", "not a timestamp"),
    ("StatusChangeTimestamp", "1714470000", "1714470000", "a number where a timestamp is due"),
    ("StatusChangeTimestamp", '"2016-12-31T23:59:60Z"', "2016-12-31T23:59:60Z", "leap second"),
    ("StatusChangeTimestamp", '"2026-04-30T24:00:00Z"', "2026-04-30T24:00:00Z", "24:00"),
    ("StatusChangeTimestamp", '"2026-02-30T00:00:00Z"', "2026-02-30T00:00:00Z", "calendar"),
    (
        "StatusChangeTimestamp",
        '"2026-04-30T00:00:00+24:00"',
        "2026-04-30T00:00:00+24:00",
        "calendar",
    ),
    (
        "StatusChangeTimestamp",
        '"0001-01-01T00:00:00+14:00"',
        "0001-01-01T00:00:00+14:00",
        "calendar",
    ),
    ("StatusChangeTimestamp", '"2200-12-31T23:59:59-01:00"', "2200-12-31T23:59:59-01:00", "1800"),
    ("CloseDate", '"2023-02-29"', "2023-02-29", "no day of the calendar"),
    ("CloseDate", '"2004-02-04T08:00:00"', "2004-02-04T08:00:00", "other than midnight"),
    ("CloseDate", '"0001-01-01"', "0001-01-01", "a year outside 1800 to 2200"),
    ("CloseDate", '"9999-12-31"', "9999-12-31", "a year outside 1800 to 2200"),
    ("CloseDate", '"infinity"', "infinity", "not a date"),
    ("CloseDate", "20240229", "20240229", "a number where a date is due"),
    ("Appliances", '["Range", null]', '["Range", null]', "a null inside the list"),
    ("Appliances", '["Range", 1]', '["Range", 1]', "a number inside the list"),
    ("Appliances", '[["Range"]]', '[["Range"]]', "a list inside the list"),
    ("Appliances", "5", "5", "a number where a list of texts is due"),
    ("Appliances", '{"Range": true}', '{"Range": true}', "an object where a list"),
]


#: Timestamps finer than the table's: as sent, and the moment that is kept beside the entry.
CUT: list[tuple[str, datetime]] = [
    ("2026-04-30T11:22:33.1234567Z", moment(2026, 4, 30, 11, 22, 33, 123456)),
    ("2026-04-30T11:22:33.123456789", moment(2026, 4, 30, 11, 22, 33, 123456)),
    ("2026-04-30T11:22:33.9999999-07:00", moment(2026, 4, 30, 18, 22, 33, 999999)),
    ("2026-04-30 11:22:33.0000001+00", moment(2026, 4, 30, 11, 22, 33)),
]


@pytest.mark.parametrize(("sent", "kept"), CUT)
def test_a_finer_timestamp_keeps_its_microseconds_and_is_told_of(sent: str, kept: datetime) -> None:
    done = run([landed(1, f'{{"ListingKey":"K1","ModificationTimestamp":"{sent}"}}', "K1")])
    assert done.frames["listings"]["ModificationTimestamp"].to_list() == [kept]
    (note,) = done.rejected.rows(named=True)
    assert (note["field"], note["value"]) == ("ModificationTimestamp", sent)
    assert note["problem"] == "finer than a microsecond; kept to the microsecond"


@pytest.fixture(scope="module")
def table() -> NormalisedBatch:
    """One batch with a record for each value."""
    sent = [(name, token) for name, token, *_ in (*KEPT, *REJECTED)]
    return run(
        [
            landed(number, f'{{"ListingKey":"{key(number)}","{name}":{token}}}')
            for number, (name, token) in enumerate(sent)
        ]
    )


@pytest.mark.parametrize(
    "number", range(len(KEPT)), ids=lambda n: f"{KEPT[n][0]}={KEPT[n][1][:40]}"
)
def test_it_is_kept(table: NormalisedBatch, number: int) -> None:
    name, _, expected = KEPT[number]
    value = table.frames["listings"][name][number]
    value = value.to_list() if hasattr(value, "to_list") else value
    assert value == expected
    assert type(value) is type(expected)
    assert key(number) not in table.rejected["record_key"].to_list()


@pytest.mark.parametrize(
    "number", range(len(REJECTED)), ids=lambda n: f"{REJECTED[n][0]}={REJECTED[n][1][:40]}"
)
def test_it_is_rejected(table: NormalisedBatch, number: int) -> None:
    name, _, shown, problem = REJECTED[number]
    position = len(KEPT) + number
    assert table.frames["listings"][name][position] is None
    (note,) = (
        note for note in table.rejected.rows(named=True) if note["record_key"] == key(position)
    )
    assert (note["feed"], note["resource"], note["field"]) == ("spark/default", "Property", name)
    assert note["value"] == shown
    assert problem in note["problem"]
    assert note["page_id"] == 7


@pytest.mark.parametrize(
    "number", range(len(KEPT)), ids=lambda n: f"{KEPT[n][0]}={KEPT[n][1][:40]}"
)
def test_it_is_kept_alone_as_among_misfits(number: int) -> None:
    name, token, expected = KEPT[number]
    alone, misfits = column(fields_of(Resource.PROPERTY)[name], [Raw(token.encode()), None])
    assert alone.to_list() == [expected, None]
    assert misfits == []


decimals = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).flatmap(
        lambda x: st.sampled_from([repr(x), f"{x:.17g}", f"{x:.16e}", f"{x:.18g}", f"{x:f}"])
    ),
    st.floats(-180, 180).map(lambda x: f"{x:.15f}"),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["-0", "-0.0", "0", "0.0", "0e5", "1e400", "1e-400", "0.10", "1E2"]),
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(["ListPrice", "BedroomsTotal"]), st.lists(decimals, min_size=1, max_size=3))
def test_a_number_is_read_alike_alone_and_among_misfits(name: str, sent: list[str]) -> None:
    field, tokens = fields_of(Resource.PROPERTY)[name], [Raw(text.encode()) for text in sent]
    together, misfits = column(field, tokens)
    among, more = column(field, [*tokens, Raw(b'"no number"')])
    assert [repr(value) for value in together] == [repr(value) for value in among[:-1]]
    assert misfits == more[:-1]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_printed_with_17_digits_is_that_double(sent: float) -> None:
    for text in (f"{sent:.17g}", f"{sent:.16e}", repr(sent)):
        price, misfits = column(fields_of(Resource.PROPERTY)["ListPrice"], [Raw(text.encode())])
        assert (price.to_list(), misfits) == ([sent], [])


def test_a_long_value_is_cut_and_its_length_told() -> None:
    text = '{"ListingKey":"K1","BedroomsTotal":"' + "7" * 12_345 + 'x"}'
    (note,) = run([landed(1, text, "K1")]).rejected.rows(named=True)
    assert note["value"] == "7" * 1000
    assert note["problem"] == "not a number; the first 1,000 of 12,346 characters"
