"""Splitting records into tokens: what the fast way leaves to the slow one, and what it learns."""

import json

import pytest

from mls_assets import json_scan
from mls_assets.model.resources import Resource
from mls_assets.reso import split
from mls_assets.reso.split import RecordParser
from mls_assets.sources.spark import dialect as spark
from mls_assets_tests.reso.pages import spark_listing

FILING = spark.filing(Resource.PROPERTY)


def slow_calls(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    calls: list[bytes] = []
    members = json_scan.scan_members

    def counted(text: bytes) -> list[tuple[bytes, bytes]]:
        calls.append(text)
        return members(text)

    monkeypatch.setattr(json_scan, "scan_members", counted)
    return calls


def test_records_of_the_real_shape_all_go_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = slow_calls(monkeypatch)
    found = RecordParser(FILING).split([json.dumps(spark_listing(n)).encode() for n in range(120)])
    assert found.rows == list(range(120))
    assert calls == []


def test_colons_and_spaces_inside_values_are_not_taken_for_repeated_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = slow_calls(monkeypatch)
    body = b'{ "ListingKey" : "K:1" , "City":"a\\":b" , "x" : {"y": [":", 1]} }'
    found = RecordParser(FILING).split([body])
    assert calls == []
    assert found.local == ['{"x":{"y": [":", 1]}}']


@pytest.mark.parametrize(
    "body",
    [
        b'{"City":1,"City":2}',
        b'{"City":1,"\\u0043ity":2}',
        b'{"a:b":1}',
        b'{"City":"\\ud800"}',
        b'{"Media":{}}',
        b'{"City@Core.Permissions":"Read"}',
        b'{"City":NaN}',
    ],
)
def test_whatever_is_unusual_goes_the_slow_way(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = slow_calls(monkeypatch)
    assert RecordParser(FILING).split([body]).rows == [0]
    assert len(calls) == 1


def test_names_beyond_the_limit_are_not_learned_and_still_split_right() -> None:
    many = {f"Own{number}": number for number in range(split.MAX_FIELD_NAMES + 1)}
    splitter = RecordParser(FILING)
    found = splitter.split([json.dumps(many, separators=(",", ":")).encode()])
    assert json.loads(found.local[0] or "") == many
    assert len(splitter._layout.names) == len(FILING.columns)


def test_the_order_of_what_was_learned_does_not_show_in_a_result() -> None:
    bodies = [b'{"b":1,"a":2}', b'{"c":1,"a":2,"b":3}', b'{"a":9,"c":8}']
    forwards, backwards = RecordParser(FILING), RecordParser(FILING)
    forwards.split(bodies)
    backwards.split(bodies[::-1])
    assert forwards.split(bodies) == backwards.split(bodies)
    assert forwards.split(bodies).local[1] == '{"a":2,"b":3,"c":1}'
