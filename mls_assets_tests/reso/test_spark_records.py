"""Spark records as rows: hidden and local fields, relations inside, keys, the MLS."""

import json

import pytest

from mls_assets.model.records import LandedRecord
from mls_assets.model.resources import Resource
from mls_assets.reso import RESO_TABLES, dictionary
from mls_assets_tests.reso.accounting import members_of, unexplained
from mls_assets_tests.reso.conftest import Stored
from mls_assets_tests.reso.helpers import one, run
from mls_assets_tests.reso.pages import LANDED_AT, key, landed, spark_listing

CHILDREN = {"Media", "Room", "Rooms", "Unit", "UnitTypes"}


def test_every_member_of_every_record_of_a_page_is_explained(stored: Stored) -> None:
    records = [landed(number, spark_listing(number, media=3)) for number in range(60)]
    done = run(records)
    frame = done.frames["listings"]
    assert done.rejected.height == 0
    for record, row in zip(records, frame.rows(named=True), strict=True):
        faults = unexplained(
            Resource.PROPERTY,
            members_of(record.body.decode()),
            row,
            [],
            children=CHILDREN,
            expansions=dictionary.expansions(Resource.PROPERTY) | {"OpenHouse"},
        )
        assert faults == []
    assert stored("listings", frame) == frame.rows(named=True)


def test_a_record_of_the_real_shape_has_some_seven_hundred_keys_and_25_kb() -> None:
    record = spark_listing(1)
    assert 550 < len(record) < 800
    assert 15_000 < len(json.dumps(record)) < 30_000


def test_a_row_says_where_it_comes_from() -> None:
    row, _ = one({"OriginatingSystemName": "BeachesMLS"})
    assert (row["feed"], row["source"], row["mls"]) == ("spark/default", "spark", "BeachesMLS")
    assert row["landed_at"] == LANDED_AT


@pytest.mark.parametrize("token", ["null", '""', '"  "', "[]"])
def test_the_mls_is_the_feed_where_the_record_names_none(token: str) -> None:
    row, _ = one(f'{{"ListingKey":"K1","OriginatingSystemName":{token}}}')
    assert row["mls"] == "spark/default"
    assert one({})[0]["mls"] == "spark/default"


def test_withheld_fields_are_listed_by_name_and_stay_null() -> None:
    row, rejected = one({"B2@Core.Permissions": "None", "B@Core.Permissions": "None"})
    assert row["hidden_fields"] == ["B", "B2"]
    assert row["local_fields"] is None
    assert rejected == []


def test_a_record_that_withholds_nothing_has_an_empty_list() -> None:
    assert one({})[0]["hidden_fields"] == []


def test_a_permission_other_than_none_is_kept_as_it_came() -> None:
    row, _ = one({"ListPrice": 1, "ListPrice@Core.Permissions": "Read"})
    assert row["hidden_fields"] == []
    assert row["ListPrice"] == 1.0
    assert row["local_fields"] == '{"ListPrice@Core.Permissions":"Read"}'


def test_fields_that_the_dictionary_does_not_know_stay_byte_for_byte_in_order_of_name() -> None:
    row, _ = one('{"ListingKey":"K1", "b" : 1.10, "a":[ 1 ,2], "c":null, "\\u0064":"\\u00e9"}')
    assert row["local_fields"] == '{"a":[ 1 ,2],"b":1.10,"c":null,"d":"\\u00e9"}'


def test_a_field_name_in_another_case_is_another_field() -> None:
    row, _ = one({"listprice": 5})
    assert row["ListPrice"] is None
    assert row["local_fields"] == '{"listprice":5}'


def test_envelope_annotations_are_dropped() -> None:
    row, rejected = one(
        {"@odata.id": "x", "@odata.etag": "y", "Media@odata.context": "z", "Media@nextLink": "4.01"}
    )
    assert row["local_fields"] is None
    assert rejected == []


def test_arrays_that_the_landing_stores_as_child_sets_are_left_out() -> None:
    row, _ = one({"Media": [{"MediaKey": "1"}], "Room": [], "UnitTypes": [{}], "Unit": None})
    assert row["local_fields"] is None


def test_a_child_relation_that_is_no_array_is_kept_since_nothing_else_stores_it() -> None:
    row, _ = one({"Media": {"MediaKey": "1"}, "Room": "none"})
    assert row["local_fields"] == '{"Media":{"MediaKey":"1"},"Room":"none"}'


def test_another_relation_is_kept_if_there_is_anything_in_it() -> None:
    row, _ = one({"OpenHouse": [], "ListAgent": None, "OpenHouses": [{"a": 1}], "SocialMedia": {}})
    assert row["local_fields"] == '{"OpenHouses":[{"a":1}]}'


def test_the_media_of_a_member_are_no_child_set_and_are_kept() -> None:
    row, _ = one({"Media": [{"MediaKey": "1"}]}, resource=Resource.MEMBER)
    assert row["local_fields"] == '{"Media":[{"MediaKey":"1"}]}'


def test_of_a_field_that_comes_twice_the_last_counts_and_the_first_is_told() -> None:
    row, rejected = one('{"ListingKey":"K1","City":"Alva","x":1,"City":"Estero","x":2}')
    assert row["City"] == "Estero"
    assert row["local_fields"] == '{"x":2}'
    assert [(note["field"], note["value"]) for note in rejected] == [("City", "Alva"), ("x", "1")]
    assert all("more than once" in note["problem"] for note in rejected)


def test_of_a_field_that_comes_twice_an_unusable_last_one_leaves_null() -> None:
    row, rejected = one('{"ListingKey":"K1","City":"Alva","City":"\\ud800"}')
    assert row["City"] is None
    assert {note["value"] for note in rejected} == {"Alva", '"\\ud800"'}


@pytest.mark.parametrize(
    ("token", "problem"),
    [('"\\udc00"', "surrogate"), ("NaN", "not JSON"), ("[" * 200_000 + "]" * 200_000, "deeply")],
)
def test_a_value_that_is_no_json_does_not_take_its_record_along(token: str, problem: str) -> None:
    row, (note,) = one(f'{{"ListingKey":"K1","City":"Alva","own":{token},"ListPrice":1}}')
    assert (row["City"], row["ListPrice"], row["local_fields"]) == ("Alva", 1.0, None)
    assert note["field"] == "own"
    assert problem in note["problem"]


def test_a_name_that_is_no_text_is_told_and_does_not_take_its_record_along() -> None:
    row, (note,) = one('{"ListingKey":"K1","\\ud800":5}')
    assert row["ListingKey"] == "K1"
    assert (note["field"], note["value"]) == ("\\ud800", "5")


@pytest.mark.parametrize("body", ["", "[]", "null", '{"ListingKey":"K1"', '{"a":1}}', '{"a" 1}'])
def test_what_is_no_object_is_a_rejected_record_and_no_row(body: str) -> None:
    done = run([landed(1, body, "K1"), landed(2, {"ListingKey": "K2"}, "K2")])
    assert done.frames["listings"]["ListingKey"].to_list() == ["K2"]
    (note,) = done.rejected.rows(named=True)
    assert (note["record_key"], note["field"], note["value"]) == ("K1", None, body)


def test_bytes_that_are_not_utf_8_are_a_rejected_record() -> None:
    done = run([LandedRecord("K1", b'{"ListingKey":"K1","City":"\xff"}', 7, LANDED_AT)])
    assert done.frames["listings"].height == 0
    assert "UTF-8" in done.rejected["problem"][0]


def test_a_record_with_nothing_but_its_key_is_a_row() -> None:
    row, rejected = one({})
    told = {name for name, value in row.items() if value is not None}
    assert told == {"feed", "source", "mls", "ListingKey", "hidden_fields", "landed_at"}
    assert rejected == []


def test_the_key_is_the_one_that_the_record_landed_with() -> None:
    row, (note,) = one('{"ListingKey":"other"}', record_key="K1")
    assert row["ListingKey"] == "K1"
    assert (note["field"], note["value"]) == ("ListingKey", "other")
    row, rejected = one("{}", record_key="K1")
    assert (row["ListingKey"], rejected) == ("K1", [])


def test_frames_have_exactly_the_declared_columns_in_one_chunk() -> None:
    frame = run([landed(number, spark_listing(number)) for number in range(120)]).frames["listings"]
    assert tuple(frame.columns) == RESO_TABLES["listings"].column_names
    assert frame.n_chunks() == 1
    assert frame["ListingKey"].to_list() == [key(number) for number in range(120)]


def test_an_open_house_belongs_to_the_mls_of_its_listing_unless_it_names_one() -> None:
    bodies = [
        {"OpenHouseKey": "1", "ListingKey": "L1"},
        {"OpenHouseKey": "2", "ListingKey": "L1", "OriginatingSystemName": "Other"},
        {"OpenHouseKey": "3", "ListingKey": "unknown"},
        {"OpenHouseKey": "4"},
    ]
    done = run(
        [landed(1, body, body["OpenHouseKey"]) for body in bodies],
        resource=Resource.OPEN_HOUSE,
        mls_of={"L1": "BeachesMLS"},
    )
    assert done.frames["open_houses"]["mls"].to_list() == [
        *("BeachesMLS", "Other"),
        *("spark/default", "spark/default"),
    ]


def test_a_batch_and_its_records_one_by_one_give_the_same_rows() -> None:
    records = [landed(number, spark_listing(number)) for number in range(40)]
    together = run(records).frames["listings"].rows()
    assert together == [run([record]).frames["listings"].row(0) for record in records]
