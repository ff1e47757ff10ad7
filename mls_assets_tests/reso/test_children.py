"""Child sets of listings: media, rooms and unit types, replaced per listing."""

import pytest

from mls_assets.model.resources import Resource
from mls_assets.reso import NormalisedBatch
from mls_assets_tests.reso.conftest import Stored
from mls_assets_tests.reso.helpers import child_set, run
from mls_assets_tests.reso.pages import LANDED_AT, key, landed, spark_listing

PHOTO = {"MediaCategory": "Photo", "Order": 1, "Permission": ["Public"], "LongDescription": ""}


def notes(done: NormalisedBatch) -> list[tuple[str, str, str | None]]:
    return [
        (note["resource"], note["record_key"], note["field"])
        for note in done.rejected.rows(named=True)
    ]


def test_order_restarts_in_each_category_and_the_key_tells_media_apart(stored: Stored) -> None:
    tour = {"MediaCategory": "Unbranded Virtual Tour", "Order": 1, "PreferredPhotoYN": None}
    done = run([], [child_set("L1", [{**PHOTO, "MediaKey": "a"}, {**tour, "MediaKey": "b"}])])
    rows = stored("media", done.frames["media"])
    assert [(row["ListingKey"], row["MediaKey"], row["Order"]) for row in rows] == [
        ("L1", "a", 1),
        ("L1", "b", 1),
    ]
    assert rows[0]["Permission"] == ["Public"]
    assert rows[0]["LongDescription"] == ""
    assert rows[0]["landed_at"] == LANDED_AT
    assert done.replaced == {"media": ["L1"]}


def test_a_room_has_the_key_of_its_listing_and_numbers_from_texts(stored: Stored) -> None:
    room = {"RoomKey": "r1", "RoomType": "Kitchen", "RoomLength": "18.00", "@odata.id": "x"}
    done = run([], [child_set("L1", [room], Resource.ROOMS)])
    (row,) = stored("rooms", done.frames["rooms"])
    assert (row["ListingKey"], row["RoomKey"], row["RoomLength"]) == ("L1", "r1", 18.0)
    assert (row["source"], row["local_fields"], row["hidden_fields"]) == ("spark", None, [])


def test_unit_types_keep_what_the_dictionary_does_not_know(stored: Stored) -> None:
    unit = {"UnitTypeKey": "u1", "UnitTypeBedsTotal": 2, "UnitTypeFloor": "2"}
    done = run([], [child_set("L1", [unit], Resource.UNIT_TYPES)])
    (row,) = stored("unit_types", done.frames["unit_types"])
    assert (row["UnitTypeKey"], row["UnitTypeBedsTotal"]) == ("u1", 2)
    assert row["local_fields"] == '{"UnitTypeFloor":"2"}'


def test_an_empty_set_replaces_with_nothing() -> None:
    done = run([], [child_set("L1", []), child_set("L2", [{"MediaKey": "a"}])])
    assert done.replaced == {"media": ["L1", "L2"]}
    assert done.frames["media"]["ListingKey"].to_list() == ["L2"]
    assert done.frames["listings"].height == 0


def test_sets_of_different_kinds_go_to_their_own_tables() -> None:
    sets = [
        child_set("L1", [{"MediaKey": "m"}]),
        child_set("L1", [{"RoomKey": "r"}], Resource.ROOMS),
        child_set("L2", [], Resource.UNIT_TYPES),
    ]
    done = run([], sets)
    assert done.replaced == {"media": ["L1"], "rooms": ["L1"], "unit_types": ["L2"]}
    assert {name: frame.height for name, frame in done.frames.items()} == {
        "listings": 0,
        "media": 1,
        "rooms": 1,
        "unit_types": 0,
    }


@pytest.mark.parametrize("bad", [{}, {"MediaKey": None}, {"MediaKey": " "}, {"MediaKey": []}])
def test_a_child_without_a_usable_key_is_rejected_and_the_others_stay(bad: object) -> None:
    done = run([], [child_set("L1", [{"MediaKey": "a"}, bad, {"MediaKey": "c"}])])
    assert done.frames["media"]["MediaKey"].to_list() == ["a", "c"]
    assert ("Media", "L1", "MediaKey") in notes(done)
    assert done.replaced == {"media": ["L1"]}


@pytest.mark.parametrize("bad", [None, 5, "x", []])
def test_a_child_that_is_no_object_is_rejected_and_the_others_stay(bad: object) -> None:
    done = run([], [child_set("L1", [bad, {"MediaKey": "c"}])])
    assert done.frames["media"]["MediaKey"].to_list() == ["c"]
    assert notes(done) == [("Media", "L1", None)]


@pytest.mark.parametrize("body", ["null", "{}", "", '[{"MediaKey":"a"}', '"x"'])
def test_a_set_that_is_no_list_leaves_the_stored_one_alone(body: str) -> None:
    done = run([], [child_set("L1", body), child_set("L2", [])])
    assert done.replaced == {"media": ["L2"]}
    assert notes(done) == [("Media", "L1", None)]


def test_a_misfit_inside_a_child_is_filed_under_its_listing_and_the_child_stays() -> None:
    done = run([], [child_set("L1", [{"MediaKey": "a", "Order": "first"}])])
    assert done.frames["media"]["Order"].to_list() == [None]
    assert notes(done) == [("Media", "L1", "Order")]


def test_of_two_children_with_one_key_the_last_counts_and_the_first_is_told() -> None:
    done = run(
        [], [child_set("L1", [{"MediaKey": "a", "Order": 1}, {"MediaKey": "a", "Order": 2}])]
    )
    assert done.frames["media"]["Order"].to_list() == [2]
    assert notes(done) == [("Media", "L1", "MediaKey")]


def test_one_media_key_in_two_listings_is_two_rows() -> None:
    done = run([], [child_set("L1", [{"MediaKey": "a"}]), child_set("L2", [{"MediaKey": "a"}])])
    assert done.frames["media"]["ListingKey"].to_list() == ["L1", "L2"]
    assert done.rejected.height == 0


def test_a_room_that_names_another_listing_stays_with_its_own_and_is_told() -> None:
    done = run([], [child_set("L1", [{"RoomKey": "r", "ListingKey": "L9"}], Resource.ROOMS)])
    assert done.frames["rooms"]["ListingKey"].to_list() == ["L1"]
    assert notes(done) == [("PropertyRooms", "L1", "ListingKey")]


def test_half_a_surrogate_pair_in_one_child_leaves_the_rest_of_the_set() -> None:
    body = '[{"MediaKey":"a","ShortDescription":"\\ud800"},{"MediaKey":"b"}]'
    done = run([], [child_set("L1", body)])
    assert done.frames["media"]["MediaKey"].to_list() == ["a", "b"]
    assert notes(done) == [("Media", "L1", "ShortDescription")]


def test_children_have_the_mls_of_their_listing() -> None:
    listing = {"ListingKey": "L1", "OriginatingSystemName": "BeachesMLS"}
    sets = [
        child_set("L1", [{"MediaKey": "a", "OriginatingSystemName": "ignored"}]),
        child_set("L2", [{"MediaKey": "b"}]),
        child_set("L3", [{"MediaKey": "c", "OriginatingSystemName": "Own"}]),
        child_set("L4", [{"MediaKey": "d"}]),
    ]
    done = run([landed(1, listing, "L1")], sets, mls_of={"L2": "StoredMLS"})
    assert done.frames["media"]["mls"].to_list() == [
        *("BeachesMLS", "StoredMLS"),
        *("Own", "spark/default"),
    ]


def test_a_page_of_listings_with_their_media_is_normalised_together(stored: Stored) -> None:
    listings = [spark_listing(number, media=5) for number in range(20)]
    done = run(
        [landed(number, listing) for number, listing in enumerate(listings)],
        [child_set(key(number), listing["Media"]) for number, listing in enumerate(listings)],
    )
    media = stored("media", done.frames["media"])
    assert len(media) == 100
    assert {row["mls"] for row in media} == {"BeachesMLS"}
    assert done.rejected.height == 0
