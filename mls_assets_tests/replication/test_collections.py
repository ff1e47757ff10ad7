"""Collections of listings that are hidden, cut or left out: nothing unsaid is taken for a no."""

from dataclasses import replace

import pytest
from msgspec import structs

from mls_assets.errors import CollectionCut, SourceRefused
from mls_assets.model.resources import Resource
from mls_assets.warehouse.landing import cursors
from mls_assets_tests.replication.place import SPARK

PROPERTY = Resource.PROPERTY
#: So long does a collection stay that a server with pages of three sends.
CUT = {"resource": "Property", "match": "$expand", "times": 0, "keep": 3}


def media(place):
    """The media of each listing here."""
    return dict(
        place.rows('select "ListingKey", list_sort(list("MediaKey")) from media group by all')
    )


def at_the_source(place, navigation="Media", key="MediaKey"):
    """The same at the source, of listings that have any."""
    catalogue = place.sandbox.market.catalogue
    found = {}
    for listing_key in place.truth():
        items = catalogue.children("Property", listing_key, navigation)
        if items:
            found[listing_key] = sorted(item[key] for item in items)
    return found


@pytest.mark.parametrize("how", ["hidden", "absent", "null"])
def test_photos_that_no_signal_tells_of_are_asked_for_when_the_listing_changed(place, how):
    place.fault("signals_hidden", resource="Property", times=0, how=how)
    place.replicate(PROPERTY)
    before = media(place)
    (moved,) = place.control("change", count=1, what="photos")["keys"]
    place.replicate(PROPERTY)
    after = media(place)
    assert after == at_the_source(place)
    assert after[moved] != before[moved]


@pytest.mark.parametrize("told_by", ["link", "link_401"])
def test_the_rest_of_a_cut_collection_is_fetched_by_its_link(place, told_by):
    place.fault("collections_cut", **CUT, told_by=told_by)
    place.replicate(PROPERTY)
    assert media(place) == at_the_source(place)
    place.control("change", count=2, what="photos")
    place.replicate(PROPERTY)
    assert media(place) == at_the_source(place)
    assert place.rows("select count(*) from raw.untold") == [(0,)]


@pytest.mark.parametrize("told_by", ["count", "elsewhere"])
def test_a_collection_whose_rest_cannot_be_had_never_cuts_the_stored_one(place, told_by):
    place.begin(PROPERTY)
    before = media(place)
    cursor = place.state()["cursor"]
    changed = place.control("change", count=3, what="photos")["keys"]
    place.fault("collections_cut", **CUT, told_by=told_by)
    with pytest.raises(CollectionCut, match="PropertyRooms of 3 listing"):
        place.replicate(PROPERTY)
    waiting = "select count(distinct listing_key) from raw.untold where cut"
    assert place.rows(waiting) == [(3,)]
    # all else landed, and the cursor moved: but it is asked again, and loud, until it is whole
    assert place.state()["cursor"] > cursor
    assert place.state()["state"] == "current"
    with pytest.raises(CollectionCut):
        place.replicate(PROPERTY)
    assert media(place) == before
    place.sandbox.faults.clear()
    place.replicate(PROPERTY)
    assert media(place) == at_the_source(place)
    assert {key for key in changed if media(place)[key] != before[key]}


def test_what_a_purge_fetches_with_its_collections_cut_is_told_by_that_purge(place):
    place.begin(PROPERTY)
    removed = place.control("remove", count=2)["keys"]
    assert place.purge().cut == ""
    place.control("restore", keys=removed, touch=False)
    place.fault("collections_cut", **CUT, told_by="count")
    done = place.purge()
    assert (done.verdict, done.refetched) == ("reconciled", 2)
    assert "of 2 listing(s) than it sent" in done.cut
    # until they are whole
    assert "of 2 listing(s) than it sent" in place.purge().cut
    place.sandbox.faults.clear()
    assert place.purge().cut == ""
    assert media(place) == at_the_source(place)


def test_a_first_download_whose_collections_come_cut_for_good_ends_and_says_so(place):
    place.fault("collections_cut", **CUT, told_by="count")
    with pytest.raises(CollectionCut, match="could not be had"):
        place.replicate(PROPERTY)
    assert place.state()["state"] == "current"
    assert all(len(keys) <= 3 for keys in media(place).values())


def test_a_first_download_ends_where_empty_collections_are_left_out(place, monkeypatch):
    monkeypatch.setattr("mls_assets.replication.relations.LISTING_BATCH_SIZE", 5)
    monkeypatch.setattr("mls_assets.replication.relations.ENOUGH_ASKED", 10)
    place.fault("empty_left_out", resource="Property", times=0)
    (done,) = place.replicate(PROPERTY)
    assert place.state()["state"] == "current"
    assert media(place) == at_the_source(place)
    assert any("Unit of" in note and "`relations`" in note for note in done.notes)
    # the next run begins nothing anew
    (done,) = place.replicate(PROPERTY)
    assert (done.kind, done.notes) == ("update", ())
    assert place.purge().verdict == "reconciled"


def test_a_collection_that_is_left_out_when_it_changed_leaves_the_stored_one(place):
    place.begin(PROPERTY)
    before = media(place)
    (key,) = place.control("change", count=1, what="price")["keys"]
    place.fault("empty_left_out", resource="Property", times=0)
    place.replicate(PROPERTY)
    assert media(place) == before
    place.sandbox.faults.clear()
    place.control("change", keys=[key], what="price")
    place.replicate(PROPERTY)
    assert place.rows("select count(*) from raw.untold where listing_key = ?", key) == [(0,)]


def test_a_relation_that_the_source_refuses_names_where_to_take_it_out(place):
    place.fault("status_400", resource="Property", match="$expand", times=0)
    with pytest.raises(SourceRefused, match=r"`relations` under \[spark.default\]"):
        place.replicate(PROPERTY)


def test_a_resource_that_the_source_does_not_have_names_where_to_take_it_out(place):
    place.fault("status_404", resource="Member", times=0)
    with pytest.raises(SourceRefused, match=r"`resources` under \[spark.default\]"):
        place.replicate(Resource.MEMBER)


def test_a_walk_that_ended_early_is_made_up_for_by_key(place, monkeypatch):
    monkeypatch.setattr("mls_assets.replication.relations.ENOUGH_ASKED", 10)
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=("Media",))
    place.fault("page_without_link", resource="Property", match="$expand", times=1)
    place.replicate(PROPERTY)
    assert media(place) == at_the_source(place)
    assert place.rows("select count(*) from raw.children") == [(60,)]


@pytest.mark.parametrize("how", ["cut", "left out"])
def test_a_fresh_download_does_not_take_old_collections_for_told_ones(place, how):
    place.begin(PROPERTY)
    place.control("change", count=10, what="photos")
    with place.workspace.warehouse.write() as con:
        cursors.needs_resync(con, SPARK, PROPERTY)
    if how == "cut":
        place.fault("page_without_link", resource="Property", match="$expand", times=1)
    else:
        left_out = {"how": "absent", "of": "Media"}
        place.fault("collections_empty", resource="Property", match="$expand", times=3, **left_out)
    (done,) = place.replicate(PROPERTY)
    assert (done.kind, done.complete) == ("download", True)
    place.sandbox.faults.clear()
    assert media(place) == at_the_source(place)


def test_a_collection_that_an_update_left_out_is_asked_for_until_it_is_told(place):
    place.begin(PROPERTY)
    before = media(place)
    changed = place.control("change", count=3, what="photos")["keys"]
    left_out = {"match": "$expand", "times": 0, "how": "absent", "of": "Media"}
    place.fault("collections_empty", resource="Property", **left_out)
    place.replicate(PROPERTY)
    # the change leaves the window of the updates that follow
    later = replace(place.settings, overlap_minutes=0)
    (done,) = place.replicate(PROPERTY, settings=later)
    assert media(place) == before
    (note,) = [one for one in done.notes if "asked again" in one]
    assert "Media of 3 listing(s)" in note
    place.sandbox.faults.clear()
    place.replicate(PROPERTY, settings=later)
    assert media(place) == at_the_source(place)
    assert {key for key in changed if media(place)[key] != before[key]}
