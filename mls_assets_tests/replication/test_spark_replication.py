"""First download and updates of a Spark feed, against the sandbox over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from mls_assets.errors import (
    AnswerBroken,
    ConfigurationError,
    DownloadIncomplete,
    SourceError,
    TokenRefused,
)
from mls_assets.model.resources import CHILD_RESOURCES, KEYED_RESOURCES, TABLE_OF_RESOURCE, Resource
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.update import next_cursor
from mls_assets.sources import ExpandedAnswer, SparkClient

CURSOR, SECOND = datetime(2026, 5, 1, 12, tzinfo=UTC), timedelta(seconds=1)


def test_a_first_download_brings_every_key_of_every_resource(place):
    place.begin()
    for resource in KEYED_RESOURCES:
        assert place.keys(resource) == place.truth(resource)
        assert place.state(resource)["state"] == "current"
        assert place.state(resource)["initial_download_complete"]


def test_a_first_download_brings_the_relations_of_every_listing(place):
    place.begin(Resource.PROPERTY)
    for resource in CHILD_RESOURCES:
        ((count, listings),) = place.rows(
            f'select count(*), count(distinct "ListingKey") from {TABLE_OF_RESOURCE[resource]}'
        )
        assert count
        assert listings <= 60
    told = place.rows("select resource, count(*) from raw.children group by all")
    assert dict(told) == {str(resource): 60 for resource in CHILD_RESOURCES}


def test_the_cursor_of_a_download_is_the_time_at_which_it_began(place):
    clock = place.control("clock", freeze=True)["now"]
    place.replicate(Resource.OFFICE)
    cursor = datetime.fromisoformat(place.state(Resource.OFFICE)["cursor"])
    assert abs((cursor - datetime.fromisoformat(clock)).total_seconds()) < 5


def test_a_second_run_asks_for_changes_only_and_changes_no_row(place):
    place.begin()
    before = place.tables()
    done = place.replicate()
    assert {each.kind for each in done} == {"update"}
    assert sum(each.pages for each in done) == len(done)
    assert not any(each.new + each.changed + each.removed + each.child_sets for each in done)
    assert place.tables() == before


def test_an_update_brings_changes_additions_and_their_children(place):
    place.begin(Resource.PROPERTY)
    changed = place.control("change", count=3, what="price")["keys"]
    added = place.control("add", count=2)["keys"]
    (done,) = place.replicate(Resource.PROPERTY)
    assert (done.changed, done.new) == (3, 2)
    assert place.keys() == place.truth()
    landed = place.rows(
        'select max(landed_at) over () = landed_at from listings where "ListingKey" in '
        "(select unnest(?::varchar[]))",
        changed,
    )
    assert landed == [(True,)] * 3
    media = place.rows(
        'select count(distinct "ListingKey") from media where "ListingKey" in '
        "(select unnest(?::varchar[]))",
        added,
    )
    assert media == [(2,)]


#: What a listing says that tells of every kind of media, and that tells nothing new.
TOLD = {
    **{f"{kind}ChangeTimestamp": "2026-01-01T00:00:00Z" for kind in ("Videos", "Documents")},
    "FloorPlansChangeTimestamp": "2026-01-01T00:00:00Z",
    "VirtualTourURLBranded": None,
}


@pytest.fixture
def questions(monkeypatch):
    """The questions for collections that are asked, as (listing keys, relations)."""
    asked = []
    children = SparkClient.children

    def recording(self, keys, relations):
        asked.append((set(keys), set(relations)))
        return children(self, keys, relations)

    monkeypatch.setattr(SparkClient, "children", recording)
    return asked


def test_media_are_not_asked_for_where_every_kind_is_told_and_stands(place, questions):
    place.begin(Resource.PROPERTY)
    told = place.control("change", count=5, what="remarks", set=TOLD)["keys"]
    place.replicate(Resource.PROPERTY)
    questions.clear()
    priced, photographed = set(told[:3]), set(told[3:])
    place.control("change", keys=sorted(priced), what="price")
    place.control("change", keys=sorted(photographed), what="photos")
    place.replicate(Resource.PROPERTY)
    with_media = set().union(*(keys for keys, relations in questions if "Media" in relations))
    without = set().union(*(keys for keys, relations in questions if "Media" not in relations))
    assert with_media == photographed
    assert without == priced
    # the overlap returns them again, but nothing of them changed
    questions.clear()
    place.replicate(Resource.PROPERTY)
    assert questions == []


def test_a_row_that_becomes_visible_late_is_still_found_by_the_overlap(place):
    place.control("settings", delay_minutes=15)
    place.replicate(Resource.PROPERTY)
    place.control("add", count=3)
    place.replicate(Resource.PROPERTY)
    place.control("clock", advance_minutes=15)
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()
    assert len(place.truth()) == 63


def test_an_interrupted_download_goes_on_from_the_page_where_it_was(place):
    place.fault("status_404", resource="Property", after=1)
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    assert place.state()["state"] == "downloading"
    (done,) = place.replicate(Resource.PROPERTY)
    # 60 records are 3 pages, of which one was stored; the relations are 3 more
    assert (done.kind, done.new, done.pages) == ("download", 35, 2 + 3)
    assert place.keys() == place.truth()


def test_what_landed_before_a_failure_can_be_normalised(place):
    place.fault("status_404", resource="Property", after=1)
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    place.replicate(Resource.OFFICE)
    assert len(place.keys()) == 25


def test_a_download_starts_over_once_when_the_source_forgot_the_position(place):
    place.fault("status_404", resource="Property", after=1)
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    place.fault("expired_skiptoken", resource="Property", match="$skiptoken")
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()


def test_a_page_budget_ends_a_run_with_more_to_do(place):
    settings = replace(place.settings, page_budget=2)
    runs = 0
    done = None
    while done is None or not done.complete:
        (done,) = place.replicate(Resource.PROPERTY, settings=settings)
        runs += 1
        assert done.pages <= 2
    assert runs == 3
    assert place.keys() == place.truth()
    assert place.state()["initial_download_complete"]


def test_a_chain_that_ends_early_is_no_complete_download(place):
    place.fault("page_without_link", resource="Property", after=1)
    place.fault("expired_skiptoken", resource="Property", match=" gt '")
    with pytest.raises(DownloadIncomplete, match="50 records, but the source counts 60"):
        place.replicate(Resource.PROPERTY)
    assert not place.state()["initial_download_complete"]
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()


def test_listings_left_out_of_an_answer_about_their_children_are_asked_for_again(
    place, monkeypatch
):
    place.begin(Resource.PROPERTY)
    cursor = place.state()["cursor"]
    place.control("change", count=2, what="photos")
    with monkeypatch.context() as patched:
        patched.setattr(SparkClient, "children", lambda *_: ExpandedAnswer())
        with pytest.raises(AnswerBroken, match="2 listings"):
            place.replicate(Resource.PROPERTY)
    assert place.state()["cursor"] == cursor
    (done,) = place.replicate(Resource.PROPERTY)
    assert (done.changed, done.child_sets) == (2, 2)


def test_a_record_without_a_key_neither_stops_a_page_nor_the_download(place):
    place.fault("null_key", resource="Property")
    place.replicate(Resource.PROPERTY)
    assert place.state()["initial_download_complete"]
    assert len(place.keys()) == 59
    ((key, value, problem),) = place.rows(
        "select record_key, value, problem from rejected_values where record_key is null"
    )
    assert (key, value) == (None, None)
    assert "sha256" in problem


@pytest.mark.parametrize("fault", ["status_401", "status_403_1021"])
def test_a_refused_token_moves_nothing(place, fault):
    place.begin(Resource.OFFICE)
    before = place.state(Resource.OFFICE)
    place.fault(fault, times=0)
    with pytest.raises(TokenRefused):
        place.replicate(Resource.OFFICE)
    assert place.state(Resource.OFFICE) == before


@pytest.mark.parametrize(
    "fault",
    [
        "html_200",
        "empty_page",
        pytest.param("truncated_body", marks=pytest.mark.long),
        pytest.param("status_404", marks=pytest.mark.long),
        pytest.param("link_elsewhere", marks=pytest.mark.long),
    ],
)
def test_an_update_that_fails_halfway_leaves_its_cursor(place, fault):
    place.begin(Resource.PROPERTY)
    cursor = place.state()["cursor"]
    place.control("change", count=40, what="price")
    times = 0 if fault in ("html_200", "truncated_body") else 1
    params = {"url": "https://elsewhere.example/x"} if fault == "link_elsewhere" else {}
    # the first request is the count, the next two are the pages
    place.fault(fault, resource="Property", after=1, times=times, **params)
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    assert place.state()["cursor"] == cursor
    place.sandbox.faults.clear()
    (done,) = place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()
    assert done.complete


@pytest.mark.long
def test_a_502_now_and_then_is_no_failure(place):
    place.fault("status_502", resource="Property", times=2)
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()


def test_an_older_version_never_overwrites_a_newer_one(place):
    place.begin(Resource.PROPERTY)
    (key,) = place.control("change", count=1, set={"ListPrice": 123456.0})["keys"]
    place.replicate(Resource.PROPERTY)
    place.control(
        "change",
        keys=[key],
        set={"ListPrice": 1.0, "ModificationTimestamp": "2001-01-01T00:00:00Z"},
    )
    place.replicate(Resource.PROPERTY, settings=replace(place.settings, overlap_minutes=10**8))
    assert place.rows('select "ListPrice" from listings where "ListingKey" = ?', key) == [
        (123456.0,)
    ]


def test_status_delete_is_a_removal_with_its_own_reason_and_may_return(place):
    place.begin(Resource.PROPERTY)
    (key,) = place.control("change", count=1, set={"StandardStatus": "Delete"})["keys"]
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.removed == 1
    assert key not in place.keys()
    assert place.rows('select count(*) from media where "ListingKey" = ?', key) == [(0,)]
    assert place.purge().verdict == "reconciled"
    place.control("change", keys=[key], set={"StandardStatus": "Active"})
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()
    assert place.ledger(resource="Property") == [
        (key, "removed", "status_delete"),
        (key, "restored", "returned"),
    ]


def test_a_feed_is_held_to_the_source_it_was_first_filled_from(place):
    place.begin(Resource.OFFICE)
    url = place.spark.base_url.replace("/Reso", "/v1/Reso")
    elsewhere = structs.replace(place.spark, base_url=url)
    place.feeds.spark["spark/default"] = elsewhere
    with pytest.raises(ConfigurationError, match="erase"):
        place.replicate(Resource.OFFICE)


def test_a_changed_question_is_answered_by_a_fresh_download_and_old_rows_stay_meanwhile(place):
    place.begin(Resource.PROPERTY)
    place.feeds.spark["spark/default"] = structs.replace(place.spark, select=("City", "ListPrice"))
    place.fault("status_404", resource="Property")
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    assert place.state()["state"] == "needs_resync"
    assert place.keys() == place.truth()
    (done,) = place.replicate(Resource.PROPERTY)
    assert (done.kind, done.changed) == ("download", 60)
    assert place.rows('select count(*) from listings where "PublicRemarks" is not null') == [(0,)]


def test_a_selected_field_that_the_source_does_not_know_never_costs_the_listings(place):
    place.begin(Resource.PROPERTY)
    place.feeds.spark["spark/default"] = structs.replace(place.spark, select=("ListPrize", "City"))
    with pytest.raises(SourceError) as raised:
        place.replicate(Resource.PROPERTY)
    told = str(raised.value)
    assert "Correct `select` (ListPrize, City) under [spark.default] in the feeds file" in told
    assert "resources" not in told
    assert place.keys() == place.truth()


def test_a_selected_field_that_the_source_drops_later_is_told_by_the_update_too(place):
    place.feeds.spark["spark/default"] = structs.replace(
        place.spark, select=("City",), relations=()
    )
    place.replicate(Resource.PROPERTY)
    place.control("change", count=2, what="price")
    place.fault("status_400", resource="Property", match="City", times=0)
    with pytest.raises(SourceError, match="Correct `select` \\(City\\) under"):
        place.replicate(Resource.PROPERTY)


def test_a_two_sided_window_finds_the_same_changes(place):
    # a window ends by the earlier clock, so the changes are made while the source's is behind
    place.control("clock", advance_minutes=-1)
    place.begin(Resource.PROPERTY)
    place.control("change", count=5, what="price")
    place.control("clock", advance_minutes=1)
    settings = SparkSettings(25, 25, two_sided_window=True, patience_seconds=2)
    (done,) = place.replicate(Resource.PROPERTY, settings=settings)
    assert done.changed == 5


@pytest.mark.parametrize(
    ("seconds", "stored"), [(-0.4, CURSOR), (-1.0, CURSOR - SECOND), (0.2, CURSOR + SECOND / 5)]
)
def test_a_cursor_does_not_go_back_by_what_the_sources_clock_cannot_tell(seconds, stored):
    began = CURSOR + SECOND * seconds
    assert next_cursor(CURSOR.isoformat(), began) == stored.isoformat()
