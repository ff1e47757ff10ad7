"""When a walk over records is whole: what proves it, what goes on, and what is a loud stop."""

from dataclasses import replace
from datetime import datetime

import pytest
from msgspec import structs

from mls_assets.errors import DownloadIncomplete
from mls_assets.model.resources import KEYED_RESOURCES, Resource
from mls_assets.replication.reconciliation.sweep import SweptKeys
from mls_assets.replication.settings import SparkSettings, settings_of
from mls_assets.sources import SparkClient
from mls_assets.warehouse.landing import cursors


@pytest.fixture
def place(place):
    """Listings without relations: what is looked at here are walks over records."""
    place.feeds.spark["spark/default"] = structs.replace(place.spark, relations=())
    return place


def refuse_questions_behind_keys(place):
    place.fault("expired_skiptoken", match=" gt '", times=0)


@pytest.mark.parametrize("count", ["told", "missing", "page"])
@pytest.mark.parametrize("resource", KEYED_RESOURCES)
def test_where_top_limits_the_whole_answer_a_download_goes_on_behind_the_last_key(
    place, resource, count
):
    place.settings = replace(place.settings, page_size=7)
    place.fault("top_limits_all", resource=str(resource), count=count, times=0)
    (done,) = place.replicate(resource)
    assert place.keys(resource) == place.truth(resource)
    assert done.complete
    assert place.state(resource)["initial_download_complete"]


@pytest.mark.parametrize("count", ["told", "missing", "page"])
def test_where_that_question_is_refused_the_download_stops_loudly_and_keeps_what_came(place, count):
    place.fault("top_limits_all", resource="Property", count=count, times=0)
    refuse_questions_behind_keys(place)
    with pytest.raises(DownloadIncomplete) as stop:
        place.replicate(Resource.PROPERTY)
    told = str(stop.value)
    assert "page_size" in told
    assert "[spark.default]" in told
    assert not place.state()["initial_download_complete"]
    larger = structs.replace(place.spark, page_size=61)
    place.feeds.spark["spark/default"] = larger
    run = {"relations_page_size": 25, "patience_seconds": 2}
    place.settings = settings_of(SparkSettings, larger, run, "spark")
    (done,) = place.replicate(Resource.PROPERTY)
    # of 60, the 25 that came first are here already
    assert (done.new, done.unchanged) == (35, 25)
    assert place.keys() == place.truth()


@pytest.mark.parametrize("fault", ["count_missing", "count_text"])
def test_a_whole_chain_is_proven_whatever_becomes_of_the_count(place, fault):
    place.fault(fault, times=0)
    place.replicate()
    for resource in KEYED_RESOURCES:
        assert place.keys(resource) == place.truth(resource)
        assert place.state(resource)["state"] == "current"


def test_a_set_without_count_that_answers_no_question_is_not_called_complete(place):
    place.fault("count_missing", resource="Property", times=0)
    refuse_questions_behind_keys(place)
    place.fault("expired_skiptoken", match="$skip=", times=0)
    with pytest.raises(DownloadIncomplete, match="no usable count"):
        place.replicate(Resource.PROPERTY)


def test_a_set_that_was_modified_just_now_does_not_excuse_what_is_missing(place):
    place.control("change", keys=sorted(place.truth()), what="price")
    place.fault("top_limits_all", resource="Property", times=0)
    refuse_questions_behind_keys(place)
    with pytest.raises(DownloadIncomplete, match="25 records, but the source counts 60"):
        place.replicate(Resource.PROPERTY)


def test_a_last_page_that_is_full_is_the_end_where_the_counts_say_so(place):
    place.settings = replace(place.settings, page_size=20)
    refuse_questions_behind_keys(place)
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()


def test_a_download_that_goes_on_behind_a_key_goes_on_there_after_a_kill(place):
    place.fault("top_limits_all", resource="Property", count="missing", times=0)
    place.settings = replace(place.settings, page_budget=1)
    new = []
    while not place.state() or not place.state()["initial_download_complete"]:
        (done,) = place.replicate(Resource.PROPERTY)
        new.append(done.new)
    assert sum(new) == len(place.truth()) == len(place.keys())
    assert max(new) <= 25


def test_a_count_that_is_one_too_high_for_good_does_not_download_for_ever(place):
    place.fault("count_off", resource="Property", by=1, times=0)
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.complete
    assert (
        "counts 61 Property records, but two walks came to the same end after 60" in done.notes[0]
    )
    assert place.keys() == place.truth()


def test_a_count_that_is_far_too_high_is_told_for_what_it_is(place):
    place.fault("count_off", resource="Property", by=5, times=0)
    with pytest.raises(DownloadIncomplete) as stop:
        place.replicate(Resource.PROPERTY)
    assert "the source counts 5 that it did not list" in str(stop.value)
    assert "page_size" not in str(stop.value)


def test_what_is_asked_for_by_key_meanwhile_is_not_missed_by_a_download(place):
    keys = sorted(place.truth())[:3]
    place.control("change", keys=keys, set={"ModificationTimestamp": None})
    place.replicate(Resource.PROPERTY)
    with place.workspace.warehouse.write() as con:
        cursors.needs_resync(con, "spark/default", Resource.PROPERTY)
    place.settings = replace(place.settings, page_budget=1)
    (done,) = place.replicate(Resource.PROPERTY)
    assert not done.complete
    place.control("change", keys=keys[:1], set={"ModificationTimestamp": None, "City": "Fargo"})
    judged = place.purge()
    assert "3 of them were asked for by key, 1 had changed" in judged.explanation
    place.settings = replace(place.settings, page_budget=0)
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.complete
    assert place.state()["state"] == "current"
    assert place.rows('select "City" from listings where "ListingKey" = ?', keys[0]) == [("Fargo",)]


def test_an_empty_set_without_a_count_is_empty(place):
    place.control("remove", resource="Office", keys=sorted(place.truth(Resource.OFFICE)))
    place.fault("count_missing", resource="Office", times=0)
    place.replicate(Resource.OFFICE)
    assert place.state(Resource.OFFICE)["state"] == "current"


def test_an_empty_page_without_a_count_is_not_an_empty_set(place):
    place.fault("count_missing", resource="Office", match="$count", after=1, times=0)
    place.fault("empty_page", resource="Office", match="$count", times=1)
    place.fault("count_missing", resource="Office", match="$count", times=0)
    with pytest.raises(DownloadIncomplete):
        place.replicate(Resource.OFFICE)


@pytest.mark.parametrize("count", ["told", "missing", "page"])
def test_where_top_limits_the_whole_answer_an_update_brings_all_changes(place, count):
    place.replicate(Resource.PROPERTY)
    changed = set(place.control("change", count=40, set={"City": "Fargo"})["keys"])
    place.settings = replace(place.settings, page_size=7)
    place.fault("top_limits_all", resource="Property", count=count, times=0)
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.changed == 40
    here = place.rows('select "ListingKey" from listings where "City" = ?', "Fargo")
    assert changed <= {key for (key,) in here}


@pytest.mark.parametrize("count", ["told", "missing", "page"])
def test_an_update_that_cannot_be_proven_keeps_its_cursor_and_what_came(place, count):
    place.replicate(Resource.PROPERTY)
    cursor = place.state()["cursor"]
    place.control("change", count=40, what="price")
    place.fault("top_limits_all", resource="Property", count=count, times=0)
    refuse_questions_behind_keys(place)
    with pytest.raises(DownloadIncomplete, match="page_size"):
        place.replicate(Resource.PROPERTY)
    assert place.state()["cursor"] == cursor
    place.sandbox.faults.clear()
    (done,) = place.replicate(Resource.PROPERTY)
    assert (done.changed, done.unchanged) == (15, 25)


def test_a_listing_that_leaves_a_two_sided_window_comes_with_the_next_update(place):
    place.control("clock", advance_minutes=-5)
    place.settings = replace(place.settings, page_size=2, two_sided_window=True, overlap_minutes=0)
    place.replicate(Resource.PROPERTY)
    place.control("clock", advance_minutes=1)
    changed = sorted(place.control("change", count=3, what="price")["keys"])
    place.control("clock", advance_minutes=1)

    pages = SparkClient.pages

    def change_the_last_again(self, resource, **window):
        walk = pages(self, resource, **window)
        yield next(walk)
        place.control("change", keys=changed[-1:], set={"ListPrice": 7.0})
        yield from walk

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SparkClient, "pages", change_the_last_again)
        (done,) = place.replicate(Resource.PROPERTY)
    assert (done.changed, done.complete) == (2, True)
    place.control("clock", advance_minutes=1)
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.changed == 1
    price = place.rows('select "ListPrice" from listings where "ListingKey" = ?', changed[-1])
    assert price == [(7.0,)]


def test_a_cursor_is_never_later_than_the_window_that_was_asked_for(place):
    place.control("clock", advance_minutes=-5)
    place.settings = replace(place.settings, two_sided_window=True, overlap_minutes=0)
    place.replicate(Resource.PROPERTY)
    asked = []
    pages = SparkClient.pages

    def recording(self, resource, *, since=None, until=None, resume=None):
        asked.append(until)
        place.control("clock", advance_minutes=1)
        return pages(self, resource, since=since, until=until, resume=resume)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SparkClient, "pages", recording)
        place.replicate(Resource.PROPERTY)
    assert datetime.fromisoformat(place.state()["cursor"]) <= asked[0]


def test_where_top_limits_the_whole_answer_a_sweep_goes_on_behind_the_last_key(place):
    place.begin(Resource.PROPERTY)
    removed = place.control("remove", count=2)
    place.settings = replace(place.settings, page_size=7)
    place.fault("top_limits_all", resource="Property", count="told", times=0)
    done = place.purge()
    assert (done.verdict, done.removed, done.source_keys) == ("reconciled", 2, 58)
    assert place.keys() == place.truth()
    assert not place.keys() & set(removed)


def test_a_sweep_whose_chain_ends_early_goes_on_behind_the_last_key(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=2)
    place.fault("page_without_link", resource="Property", after=1)
    done = place.purge()
    assert (done.verdict, done.removed, done.source_keys) == ("reconciled", 2, 58)
    assert place.keys() == place.truth()


@pytest.mark.parametrize("count", ["told", "missing", "page"])
def test_where_that_question_is_refused_the_sweep_is_void_and_names_the_setting(place, count):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=2)
    place.fault("top_limits_all", resource="Property", count=count, times=0)
    refuse_questions_behind_keys(place)
    swept = place.purge()
    assert isinstance(swept, SweptKeys)
    assert swept.void
    assert len(place.keys()) == 60
    assert "page_size" in swept.void
    assert "[spark.default]" in swept.void


@pytest.mark.parametrize("count", ["missing", "page"])
def test_a_sweep_without_a_usable_count_removes_nothing_however_far_it_went(place, count):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=2)
    place.fault("top_limits_all", resource="Property", count=count, times=0)
    swept = place.purge()
    assert isinstance(swept, SweptKeys)
    assert swept.void
    assert len(place.keys()) == 60
