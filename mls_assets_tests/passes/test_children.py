"""Which child collections a changed listing asks for."""

import json

import pytest

from mls_assets.passes.children import due, media_moved
from mls_assets.values import CHILD_RESOURCES

ALL = ("Media", "Room", "Unit")
STAMP, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"


def body(**fields):
    return json.dumps({"ListingKey": "1", **fields}).encode()


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ({"PhotosChangeTimestamp": STAMP}, {"PhotosChangeTimestamp": STAMP}, False),
        ({"PhotosChangeTimestamp": STAMP}, {"PhotosChangeTimestamp": LATER}, True),
        ({"VideosChangeTimestamp": STAMP}, {"VideosChangeTimestamp": LATER}, True),
        ({}, {"DocumentsChangeTimestamp": LATER}, True),
        ({}, {"FloorPlansChangeTimestamp": LATER}, True),
        ({"VideosChangeTimestamp": STAMP}, {"VideosChangeTimestamp": None}, False),
        ({"PhotosCount": 3}, {"PhotosCount": 4}, True),
        ({"PhotosCount": 3}, {"PhotosCount": 3}, False),
        (
            {"PhotosChangeTimestamp": STAMP, "PhotosCount": 3},
            {"PhotosChangeTimestamp": STAMP, "PhotosCount": 4},
            False,
        ),
        ({"ListPrice": 1}, {"ListPrice": 2}, False),
    ],
)
def test_media_moved_if_a_timestamp_did_or_is_hidden_while_its_count_differs(before, after, moved):
    assert media_moved(body(**before), body(**after)) is moved


def test_a_new_listing_asks_for_everything():
    assert due(None, body(), stored=(), relations=ALL) == set(ALL)


def test_an_unchanged_listing_asks_for_nothing():
    assert due(body(), body(), stored=CHILD_RESOURCES, relations=ALL) == set()


def test_a_changed_listing_asks_for_rooms_and_units_which_have_no_timestamps():
    found = due(body(), body(ListPrice=2), stored=CHILD_RESOURCES, relations=ALL)
    assert found == {"Room", "Unit"}


def test_what_was_never_told_is_asked_for_even_if_nothing_changed():
    assert due(body(), body(), stored=CHILD_RESOURCES[1:], relations=ALL) == {"Media"}


def test_only_configured_relations_are_asked_for():
    assert due(None, body(), stored=(), relations=("Room",)) == {"Room"}
