"""Where parts of JSON begin and end, be they proper or not; and that nothing is lost between."""

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.json_scan import (
    BrokenJson,
    find_values,
    isolate_elements,
    scan_elements,
    scan_members,
)

SPACES = st.sampled_from([b"", b" ", b"\r\n\t"])
TEXTS = st.text(max_size=6).map(lambda text: json.dumps(text, ensure_ascii=False).encode("utf-8"))
#: What may stand for a value, with a mark of JSON in every place where it means nothing.
VALUES = st.recursive(
    st.one_of(
        TEXTS,
        st.sampled_from([b"1.10", b"null", b"NaN", b"-Infinity", b"01", b"undefined"]),
        st.sampled_from([rb'"a\"b"', rb'"\\"', b'"]},:{["', rb'"\q"', rb'"\ud800"', b'"a\nb"']),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: b"[" + b" ,".join(items) + b"]"),
        st.lists(st.tuples(TEXTS, inner), max_size=3).map(
            lambda pairs: b"{" + b",".join(b"%b : %b" % pair for pair in pairs) + b"}"
        ),
    ),
    max_leaves=8,
)
#: Elements that are no value each: left out, too many, or with marks in the wrong places.
ODD = st.sampled_from([b"", b"1 2", b'{"K":1} x', b'{"K":,}', b"'1'", b'"a":1', b":", b"{:[,]}"])


def joined(opener: bytes, parts: list[bytes], gap: bytes, closer: bytes) -> bytes:
    return gap + opener + gap + (gap + b"," + gap).join(parts) + gap + closer + gap


@given(st.lists(VALUES, max_size=5), SPACES)
def test_elements_are_found_as_sent(values: list[bytes], gap: bytes):
    text = joined(b"[", values, gap, b"]")
    assert scan_elements(text) == values
    assert isolate_elements(b'{"value":%b}' % text, ("value",))[1] == tuple(values)


@given(st.lists(st.tuples(TEXTS, VALUES), max_size=5), SPACES)
def test_members_are_found_as_sent_and_in_order(members: list[tuple[bytes, bytes]], gap: bytes):
    parts = [name + gap + b":" + gap + value for name, value in members]
    text = joined(b"{", parts, gap, b"}")
    assert scan_members(text) == members
    last = {json.loads(name): value for name, value in members}
    for name, value in last.items():
        assert find_values(text, {name}) == {name: value}
    assert find_values(text, last) == last


@given(st.lists(st.one_of(VALUES, ODD), min_size=2, max_size=5), SPACES)
def test_an_element_that_is_no_value_stays_alone(elements: list[bytes], gap: bytes):
    answer = b'{"n":1,"a":{"x":[],"value":%b}}' % joined(b"[", elements, gap, b"]")
    rest, found = isolate_elements(answer, ("a", "value"))
    assert found == tuple(elements)
    assert json.loads(rest) == {"n": 1, "a": {"x": [], "value": []}}


@given(st.lists(st.sampled_from([b'"', b'"a"', *(bytes([c]) for c in b"[]{}:,1\\ ")]), max_size=12))
def test_whatever_the_marks_each_part_is_text_of_the_whole_or_there_is_none(marks: list[bytes]):
    text = b"".join(marks)
    for scan in (scan_members, scan_elements):
        try:
            found = scan(text)
        except BrokenJson:
            continue
        at = 0
        for part in found:
            for piece in part if isinstance(part, tuple) else (part,):
                at = text.index(piece, at) + len(piece)


@given(st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
))  # fmt: skip
def test_of_proper_json_it_finds_what_a_decoder_finds(value: object):
    text = json.dumps(value, ensure_ascii=False).encode("utf-8")
    if isinstance(value, dict):
        found = {json.loads(name): json.loads(part) for name, part in scan_members(text)}
        assert found == value
    elif isinstance(value, list):
        assert [json.loads(part) for part in scan_elements(text)] == value
    else:
        with pytest.raises(BrokenJson):
            scan_members(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"a"}', '{"a":}', '{"a":1', '{"a":1,}', '{"a":[1}', '{"a":1} x'),
        *("{a:1}", '{"a":"b}', '{"a":1 2}', '{"a":1]', '{,"a":1}', "{}}", "{:1}", '{"a"::}'),
        *('{"a":{]}', '{"a":"b":1}', '{"a" 1}', "x{}", '{"a":["]}', '{"a":['),
    ],
)
def test_what_is_no_object_has_no_members(text: str):
    with pytest.raises(BrokenJson):
        scan_members(text.encode())


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[", "[1", "[1,]", "[1 2]", "[1}", "[] []", "[,1]", "[:]", '["a":1]', '["a]', "1"],
)
def test_what_is_no_list_has_no_elements(text: str):
    with pytest.raises(BrokenJson):
        scan_elements(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        *('{"value":[1}', '{"value":[{]}', '{"value":["]}', '{"value":[1]', '{"value":[1]} x'),
        *('{"value":{"value":[1]}}', '{"other":[1]}', '["value",[1]]', '{"value" [1]}', "x"),
    ],
)
def test_without_a_list_that_ends_nothing_is_isolated(text: str):
    with pytest.raises(BrokenJson):
        isolate_elements(text.encode(), ("value",))


def test_of_a_list_that_comes_twice_the_last_one_counts_as_for_a_decoder():
    rest, found = isolate_elements(b'{"value":[1],"\\u0076alue":[NaN]}', ("value",))
    assert (rest, found) == (b'{"value":[1],"\\u0076alue":[]}', (b"NaN",))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"K":"1","X":NaN}', b'"1"'),
        (b'{"K":"1" "X":2}', b'"1"'),
        (b'{"X":2 "K":"1"}', b'"1"'),
        (b'{"K":"1",,"X":}', b'"1"'),
        (b'{"\\u004b" : "1"}', b'"1"'),
        (b'{"K":"1","K":"2"}', b'"2"'),
        (b'{"K":"1","K":NaN}', b"NaN"),
        (b'{"K":[1 2],"X":NaN}', b"[1 2]"),
        (b'{"K":,"X":"2"}', None),
        (b'{"X":{"K":"2"},"Y":["K","2"]}', None),
        (b'{"K" "2"}', None),
        (b'{"K":"1","X":[}', None),
        (b'"K"', None),
    ],
)
def test_a_value_is_found_whatever_stands_around_it(text: bytes, found: bytes | None):
    assert find_values(text, {"K"}).get("K") == found


@pytest.mark.parametrize(("opener", "closer"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_has_no_limit(opener: bytes, closer: bytes):
    deep = opener * 50_000 + b"1" + closer * 50_000
    assert scan_elements(b"[%b]" % deep) == [deep]
    with pytest.raises(BrokenJson, match=r"broke off|pair up"):
        scan_elements(b"[%b]" % deep[:-1])


def test_a_message_never_holds_what_the_text_says():
    for text, scan in product(
        (b'{"a":"Jane","Jane"}', b"[Jane Doe]"), (scan_members, scan_elements)
    ):
        with pytest.raises(BrokenJson) as broken:
            scan(text)
        assert "Jane" not in str(broken.value)
