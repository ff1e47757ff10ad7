"""Catalogue C: what JSON can do to an answer, and that a bad record doesn't take its page along."""

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.errors import AnswerBroken
from mls_assets.model.records import Reject
from mls_assets.sources.transport.records import (
    BrokenRecord,
    RecordHeader,
    header_of,
    instant,
    unpack,
)

GOOD = b'{"ListingKey":"1","Remarks":"a, [b] {c} \\"d\\""}'


def page(*items: bytes, before: bytes = b'"@odata.count":3,') -> bytes:
    return b"{" + before + b'"value":[' + b" , ".join(items) + b"]}"


def heads(body: bytes) -> list[RecordHeader | Reject]:
    elements = unpack(body, ("value",)).elements
    assert elements is not None
    found = [header_of(element, "ListingKey") for element in elements]
    return [head.reject() if isinstance(head, BrokenRecord) else head for head in found]


def test_a_record_is_kept_byte_for_byte():
    odd = (
        b'{ "ListingKey" : "1",\n "Price": 1.10, "Big":123456789012345678901234567890, "E":1e400 }'
    )
    (head,) = heads(page(odd))
    assert isinstance(head, RecordHeader)
    assert head.body == odd


@pytest.mark.parametrize(
    "bad",
    [
        b'{"ListingKey":"2","X":NaN}',
        b'{"ListingKey":"2","X":-Infinity}',
        b'{"X":[Infinity],"ListingKey":"2"}',
        b'{"ListingKey":"2","X":01}',
        b'{"ListingKey":"2","X":+1}',
        b'{"ListingKey":"2","X":}',
        b'{"ListingKey":"2","X":1,}',
        b'{"ListingKey":"2",,"X":1}',
        b'{"ListingKey":"2" "X":1}',
        b'{"ListingKey":"2","X":"\\q"}',
        b'{"ListingKey":"2","X":"a\nb"}',
        b'{"ListingKey":"2","X":"\\ud800"}',
        b'{"ListingKey":"2","X":\'1\'}',
        b'{"ListingKey":"2","X":undefined}',
        b'{"Open":[{"ListingKey":"9"}],"ListingKey":"2","X":NaN}',
        b'{"ListingKey":"2","X":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
)
def test_a_record_that_is_no_json_is_isolated_with_its_key_and_hash(bad: bytes):
    first, rejected, last = heads(page(GOOD, bad, GOOD))
    assert isinstance(first, RecordHeader)
    assert isinstance(last, RecordHeader)
    assert first.body == last.body == GOOD
    assert rejected == Reject("the record is no proper JSON", hashlib.sha256(bad).hexdigest(), "2")


@pytest.mark.parametrize(
    "bad",
    [
        b'{"ListingKey":NaN}',
        b'{"ListingKey":,"Other":"2"}',
        b'{"Open":{"ListingKey":"9"},"X":NaN}',
        b'{"ListingKey":"\\q"}',
        b'{"ListingKey":" ","X":NaN}',
        b"NaN",
        b"",
    ],
)
def test_a_record_that_is_no_json_may_have_no_readable_key(bad: bytes):
    _, rejected = heads(page(GOOD, bad))
    assert isinstance(rejected, Reject)
    assert rejected.key is None


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        (b"{}", "ListingKey is missing"),
        (b'{"listingkey":"1"}', "ListingKey is missing"),
        (b'{"ListingKey":null}', "ListingKey is null"),
        (b'{"ListingKey":1102414}', "ListingKey is not a text"),
        (b'{"ListingKey":20240712154755555836000000}', "ListingKey is not a text"),
        (b'{"ListingKey":["1"]}', "ListingKey is not a text"),
        (b'{"ListingKey":""}', "ListingKey is blank"),
        (b'{"ListingKey":" \\u2003"}', "ListingKey is blank"),
        (b'{"ListingKey":"a\\u0000b"}', "ListingKey holds control characters"),
        (b'{"ListingKey":"a\\nb"}', "ListingKey holds control characters"),
        (b'{"ListingKey":"' + b"x" * 300 + b'"}', "ListingKey is longer than 255 characters"),
        (b"null", "the record is null"),
        (b"[]", "the record is not an object"),
        (b'"text"', "the record is not an object"),
        (b"5", "the record is not an object"),
    ],
)
def test_a_record_without_a_usable_key_is_rejected_and_not_kept(record: bytes, problem: str):
    first, rejected = heads(page(GOOD, record))
    assert isinstance(first, RecordHeader)
    assert rejected == Reject(problem, hashlib.sha256(record).hexdigest(), None)


@pytest.mark.parametrize(
    ("token", "key"),
    [
        (b'"1102414 "', "1102414 "),
        (b'"00424"', "00424"),
        (b'"\\u0041b"', "Ab"),
        ('"ключ-\N{HOUSE BUILDING}"'.encode(), "ключ-\N{HOUSE BUILDING}"),
        (b'"O\'Brien \\"x\\""', 'O\'Brien "x"'),
    ],
)
def test_a_key_is_never_altered(token: bytes, key: str):
    (head,) = heads(page(b'{"ListingKey":' + token + b"}"))
    assert isinstance(head, RecordHeader)
    assert head.key == key


def test_of_a_member_given_twice_the_last_one_counts():
    (head,) = heads(page(b'{"ListingKey":"1","ListingKey":"2"}'))
    assert isinstance(head, RecordHeader)
    assert head.key == "2"


def test_a_byte_order_mark_is_no_part_of_the_answer():
    assert len(heads(b"\xef\xbb\xbf" + page(GOOD))) == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "no proper JSON"),
        (b"   ", "no proper JSON"),
        (page(GOOD) + b" x", "no proper JSON"),
        (page(GOOD) + b"{}", "no proper JSON"),
        (page(GOOD)[:-1], "broke off"),
        (page(GOOD)[:-20], "no proper JSON"),
        (page(b'{"ListingKey":"1}'), "no proper JSON"),
        (page(b'{"ListingKey":"1"]'), "do not pair up"),
        (page(GOOD, before=b'"x":NaN,'), "no proper JSON"),
        (page(b'{"ListingKey":"\xff"}'), "UTF-8"),
        (page(b'{"ListingKey":"1","X":"\xed\xa0\x80"}'), "UTF-8"),
        (page(GOOD).decode().encode("utf-16"), "UTF-8"),
        (b"[]", "no object"),
        (b"null", "no object"),
        (b"<html></html>", "no proper JSON"),
        (b'{"value":' + b"[" * 100_000 + b"]" * 99_999 + b"}", "do not pair up"),
    ],
)
def test_an_answer_whose_structure_is_broken_is_no_answer(body: bytes, text: str):
    with pytest.raises(AnswerBroken, match=text):
        unpack(body, ("value",))


@pytest.mark.parametrize("body", [b"{}", b'{"value":null}', b'{"value":{}}', b'{"value":"[]"}'])
def test_an_answer_without_a_list_has_no_elements(body: bytes):
    assert unpack(body, ("value",)).elements is None


def test_a_fault_deep_in_a_nested_answer_is_isolated_too():
    path = ("data", "mls", "listings", "results")
    body = b'{"data":{"mls":{"listings":{"latest_event":7,"results":[{"a":NaN},{"b":1}]}}}}'
    answer = unpack(body, path)
    assert answer.elements == (b'{"a":NaN}', b'{"b":1}')
    assert answer.member(3, "latest_event") == 7


def test_a_path_that_ends_early_shows_how_far_it_went():
    answer = unpack(b'{"data":{"mls":null}}', ("data", "mls", "listings", "results"))
    assert len(answer.levels) == 2
    assert answer.elements is None


def test_a_record_of_many_megabytes_is_rejected():
    record = b'{"ListingKey":"1","X":"' + b"x" * (17 * 1024 * 1024) + b'"}'
    (rejected,) = heads(page(record))
    assert isinstance(rejected, Reject)
    assert "too large" in rejected.problem
    assert rejected.key == "1"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (b'"2026-08-01T10:00:00Z"', datetime(2026, 8, 1, 10, tzinfo=UTC)),
        (b'"2026-08-01T10:00:00.123Z"', datetime(2026, 8, 1, 10, 0, 0, 123000, tzinfo=UTC)),
        (b'"2026-08-01T12:00:00+02:00"', datetime(2026, 8, 1, 10, tzinfo=UTC)),
        (b'"2026-08-01T10:00:00"', datetime(2026, 8, 1, 10, tzinfo=UTC)),
        (b'"2026-08-01T10:00:00.1234567Z"', datetime(2026, 8, 1, 10, 0, 0, 123456, tzinfo=UTC)),
        (b'"2026-08-01 05:00:00.999999999-0500"', datetime(2026, 8, 1, 10, 0, 0, 999999, UTC)),
        (b'"2026-08-01t10:00z"', datetime(2026, 8, 1, 10, tzinfo=UTC)),
        (b'"2026-08-01"', None),
        (b'"9999-12-31T00:00:00Z"', None),
        (b'"0001-01-01T00:00:00+14:00"', None),
        (b'"yesterday"', None),
        (b"1754042400", None),
        (b"null", None),
        (None, None),
    ],
)
def test_a_timestamp_is_an_instant_or_none(token: bytes | None, expected: datetime | None):
    assert instant(token) == expected


@given(
    st.lists(st.sampled_from([GOOD, b'{"ListingKey":"2","X":NaN}', b"null", b"{}"]), max_size=4),
    st.data(),
)
def test_any_damage_is_a_broken_answer_or_stays_in_its_record(
    items: list[bytes], data: st.DataObject
):
    body = bytearray(page(*items))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        found = heads(bytes(body)) if unpack(bytes(body), ("value",)).elements is not None else []
    except AnswerBroken:
        return
    for head in found:
        assert isinstance(head, RecordHeader | Reject)
