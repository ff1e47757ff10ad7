"""Which child collections a changed listing asks for."""

import json

import pytest

from mls_assets.model.resources import CHILD_RESOURCES
from mls_assets.replication.children import due, media_moved

ALL = ("Media", "Room", "Unit")
STAMP, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
#: A listing that tells of every kind of media.
TOLD = {
    "PhotosChangeTimestamp": STAMP,
    "PhotosCount": 2,
    "VideosChangeTimestamp": STAMP,
    "VideosCount": 1,
    "DocumentsChangeTimestamp": STAMP,
    "DocumentsCount": 1,
    "FloorPlansChangeTimestamp": STAMP,
    "VirtualTourURLBranded": None,
    "VirtualTourURLUnbranded": "https://tours.example.com/1",
}


def body(*without, **fields):
    told = {name: value for name, value in TOLD.items() if name not in without}
    return json.dumps({"ListingKey": "1", **told, **fields}).encode()


def test_media_stand_if_every_kind_is_told_and_nothing_moved():
    assert media_moved(body(), body(ListPrice=2)) is False


@pytest.mark.parametrize("kind", ["Photos", "Videos", "Documents", "FloorPlans"])
def test_a_timestamp_that_moved_means_new_media(kind):
    assert media_moved(body(), body(**{f"{kind}ChangeTimestamp": LATER})) is True


@pytest.mark.parametrize("kind", ["Photos", "Videos", "Documents", "FloorPlans"])
@pytest.mark.parametrize("how", ["absent", "hidden", "null"])
def test_a_timestamp_that_is_not_told_says_nothing_even_beside_an_equal_count(kind, how):
    name = f"{kind}ChangeTimestamp"
    told = {"hidden": {f"{name}@Core.Permissions": "None"}, "null": {name: None}}.get(how, {})
    untold = body(name, **{f"{kind}Count": 2}, **told)
    assert media_moved(untold, untold) is True
    assert media_moved(body(), untold) is True
    assert media_moved(untold, body()) is True


@pytest.mark.parametrize(("counts", "moved"), [((0, 0), False), ((0, 1), True), ((1, 0), True)])
def test_a_kind_that_counted_none_before_and_now_did_not_move(counts, moved):
    before, after = (
        body("VideosChangeTimestamp", VideosCount=count, ListPrice=count) for count in counts
    )
    assert media_moved(before, after) is moved


def test_a_count_that_differs_counts_even_beside_an_equal_timestamp():
    assert media_moved(body(), body(PhotosCount=3)) is True


def test_a_count_that_came_or_went_says_nothing_beside_an_equal_timestamp():
    assert media_moved(body("PhotosCount"), body()) is False


@pytest.mark.parametrize(
    "told",
    [
        {"VirtualTourURLUnbranded": "https://tours.example.com/2"},
        {"VirtualTourURLUnbranded": None},
        {"VirtualTourURLBranded": "https://tours.example.com/b"},
        {"VirtualTourURLBranded2": "https://tours.example.com/b"},
    ],
)
def test_tours_are_told_by_their_addresses_alone(told):
    assert media_moved(body(), body(**told)) is True


@pytest.mark.parametrize("name", ["VirtualTourURLBranded", "VirtualTourURLUnbranded"])
def test_a_tours_address_that_is_hidden_or_absent_says_nothing(name):
    assert media_moved(body(name), body(name)) is True
    hidden = body(name, **{f"{name}@Core.Permissions": "None"})
    assert media_moved(hidden, hidden) is True


def test_a_version_that_cannot_be_read_says_nothing():
    assert media_moved(b"[]", body()) is True


def test_a_new_listing_asks_for_everything():
    assert due(None, body(), stored=(), relations=ALL) == set(ALL)


def test_an_unchanged_listing_asks_for_nothing():
    assert due(body(), body(), stored=CHILD_RESOURCES, relations=ALL) == set()


def test_a_changed_listing_asks_for_rooms_and_units_which_have_no_timestamps():
    found = due(body(), body(ListPrice=2), stored=CHILD_RESOURCES, relations=ALL)
    assert found == {"Room", "Unit"}


def test_a_changed_listing_that_tells_nothing_of_its_media_asks_for_them_too():
    found = due(b'{"A":1}', b'{"A":2}', stored=CHILD_RESOURCES, relations=ALL)
    assert found == set(ALL)


def test_what_was_never_told_is_asked_for_even_if_nothing_changed():
    assert due(body(), body(), stored=CHILD_RESOURCES[1:], relations=ALL) == {"Media"}


def test_only_configured_relations_are_asked_for():
    assert due(None, body(), stored=(), relations=("Room",)) == {"Room"}


@pytest.mark.parametrize("kind", ["hidden", "told"])
def test_the_same_members_say_nothing_of_a_listing_without_a_timestamp(kind):
    same = body() if kind == "told" else body("PhotosChangeTimestamp")
    asked = due(same, same, stored=CHILD_RESOURCES, relations=ALL, dated=False)
    # rooms and units have no timestamps of their own
    assert asked == ({"Room", "Unit"} if kind == "told" else set(ALL))
    assert due(same, same, stored=CHILD_RESOURCES, relations=ALL) == frozenset()
