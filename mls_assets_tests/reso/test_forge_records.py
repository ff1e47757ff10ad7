"""Forge records as rows: its own names, photos as media, features, the MLS key."""

from typing import Any

import pytest

from mls_assets.model.resources import Resource
from mls_assets.reso import NormalisedBatch
from mls_assets.sources.forge.source import FORGE
from mls_assets_tests.reso.accounting import members_of
from mls_assets_tests.reso.conftest import Stored
from mls_assets_tests.reso.helpers import one, run
from mls_assets_tests.reso.pages import forge_listing, landed


def forge(members: dict[str, Any] | str, record_key: str = "1") -> NormalisedBatch:
    if isinstance(members, dict):
        members = {"ListingKey": record_key, **members}
    return run([landed(1, members, record_key)], source=FORGE)


def listing(members: dict[str, Any] | str) -> dict[str, Any]:
    return forge(members).frames["listings"].row(0, named=True)


def notes(done: NormalisedBatch) -> list[tuple[str, str, str, str]]:
    return [
        (note["resource"], note["record_key"], note["field"], note["value"])
        for note in done.rejected.rows(named=True)
    ]


def test_the_listing_of_the_guide_is_a_row_with_all_that_it_says(stored: Stored) -> None:
    sent = forge_listing(2)
    done = run([landed(1, sent, sent["ListingKey"])], source=FORGE)
    (row,) = stored("listings", done.frames["listings"])
    assert (row["feed"], row["source"], row["mls"]) == ("forge/armls", "forge", "armls")
    assert (row["ListPrice"], row["Latitude"], row["BedroomsTotal"]) == (27502.0, 45.162238, None)
    assert row["PublicRemarks"] == "A view of the hills."
    assert row["ListingContractDate"].isoformat() == "2004-02-04"
    assert dict(members_of(row["local_fields"])) == {
        "ListDate": '"2004-02-04T00:00:00"',
        "Remarks": '"A view of the hills."',
    }
    assert row["forge_features"] == sent["ForgeFeatures"]
    assert row["hidden_fields"] is None
    assert done.rejected.height == 0


def test_resos_own_field_wins_where_it_says_anything() -> None:
    row = listing({"Remarks": "local", "PublicRemarks": "", "ListDate": None})
    assert row["PublicRemarks"] == ""
    assert row["ListingContractDate"] is None
    assert row["local_fields"] == '{"ListDate":null,"Remarks":"local"}'


def test_a_null_of_resos_own_is_filled() -> None:
    assert listing({"Remarks": "local", "PublicRemarks": None})["PublicRemarks"] == "local"


def test_a_list_date_that_is_none_is_rejected_under_the_field_that_it_would_fill() -> None:
    done = forge({"ListDate": "2004-02-04T08:00:00"})
    (note,) = done.rejected.rows(named=True)
    assert (note["field"], note["value"]) == ("ListingContractDate", "2004-02-04T08:00:00")
    assert note["problem"].endswith("(sent as ListDate)")
    row = done.frames["listings"].row(0, named=True)
    assert row["local_fields"] == '{"ListDate":"2004-02-04T08:00:00"}'


@pytest.mark.parametrize("value", [None, False])
def test_the_tombstone_flag_is_no_content(value: bool | None) -> None:
    assert listing({"DELETED": value})["local_fields"] is None


def test_photos_become_media_in_order(stored: Stored) -> None:
    done = forge({"Photos": ["https://a", "https://b"]}, "77")
    rows = stored("media", done.frames["media"])
    assert [(row["MediaKey"], row["Order"], row["MediaURL"]) for row in rows] == [
        ("77-1", 1, "https://a"),
        ("77-2", 2, "https://b"),
    ]
    assert {
        (row["mls"], row["ListingKey"], row["MediaCategory"], row["ResourceRecordKey"])
        for row in rows
    } == {("armls", "77", "Photo", "77")}
    assert done.replaced == {"media": ["77"]}


def test_no_photos_replace_what_was_there_and_untold_ones_do_not() -> None:
    done = forge({"Photos": []})
    assert done.replaced == {"media": ["1"]}
    assert done.frames["media"].height == 0
    for members in ({"Photos": None}, {}):
        done = forge(members)
        assert done.replaced == {}
        assert "media" not in done.frames


def test_a_photo_that_is_none_is_rejected_and_still_counts() -> None:
    done = forge({"Photos": ["https://a", None, 5, "https://d"]})
    assert done.frames["media"]["MediaKey"].to_list() == ["1-1", "1-4"]
    assert done.frames["media"]["Order"].to_list() == [1, 4]
    assert notes(done) == [
        ("Property", "1", "Photos", "null"),
        ("Property", "1", "Photos", "5"),
    ]


@pytest.mark.parametrize("token", ['"https://a"', "{}", "5", "true"])
def test_photos_that_are_no_list_are_rejected_and_not_told(token: str) -> None:
    done = forge(f'{{"ListingKey":"1","Photos":{token}}}')
    assert done.replaced == {}
    assert [note[2] for note in notes(done)] == ["Photos"]


def test_features_keep_their_order_repeated_and_null_names() -> None:
    features = [
        {"name": "Sewer", "value": "In Street, Stubbed In"},
        {"name": None, "value": ""},
        {"name": "Sewer", "value": None},
        {"name": "Lots"},
        {},
    ]
    assert listing({"ForgeFeatures": features})["forge_features"] == [
        {"name": "Sewer", "value": "In Street, Stubbed In"},
        {"name": None, "value": ""},
        {"name": "Sewer", "value": None},
        {"name": "Lots", "value": None},
        {"name": None, "value": None},
    ]


def test_null_absent_and_no_features_are_told_apart() -> None:
    assert listing({"ForgeFeatures": None})["forge_features"] is None
    assert listing({})["forge_features"] is None
    assert listing({"ForgeFeatures": []})["forge_features"] == []


def test_a_number_in_a_feature_keeps_its_characters() -> None:
    row = listing('{"ListingKey":"1","ForgeFeatures":[{"name":"Lot","value":1.10}]}')
    assert row["forge_features"] == [{"name": "Lot", "value": "1.10"}]


@pytest.mark.parametrize("token", ["{}", '"x"', "[null]", '["x"]', '[{"name":["x"]}]'])
def test_features_that_are_no_pairs_of_texts_are_rejected(token: str) -> None:
    done = forge(f'{{"ListingKey":"1","ForgeFeatures":{token}}}')
    assert done.frames["listings"]["forge_features"].to_list() == [None]
    assert notes(done) == [("Property", "1", "ForgeFeatures", token.strip('"'))]


def test_more_than_a_name_and_a_value_is_told_and_the_pair_kept() -> None:
    done = forge({"ForgeFeatures": [{"name": "Lot", "value": "1", "group": "Land"}]})
    assert done.frames["listings"]["forge_features"].to_list() == [[{"name": "Lot", "value": "1"}]]
    assert "more than a name and a value" in done.rejected["problem"][0]


def test_an_agent_is_a_member_row(stored: Stored) -> None:
    agent = {"DELETED": None, "MemberKey": "A1", "MemberFullName": "Pat Example", "Photos": ["x"]}
    done = run([landed(1, agent, "A1")], resource=Resource.MEMBER, source=FORGE)
    (row,) = stored("members", done.frames["members"])
    assert (row["mls"], row["MemberKey"], row["MemberFullName"]) == ("armls", "A1", "Pat Example")
    assert row["local_fields"] == '{"Photos":["x"]}'
    assert "media" not in done.frames


def test_sparks_annotations_mean_nothing_here() -> None:
    row, _ = one({"ListPrice@Core.Permissions": "None"}, source=FORGE)
    assert row["local_fields"] == '{"ListPrice@Core.Permissions":"None"}'
    assert row["hidden_fields"] is None
