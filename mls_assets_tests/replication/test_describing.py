"""What sources tell of their own words, how often they are asked, and what if they are silent."""

from datetime import timedelta

import pytest

from mls_assets.errors import FeedBusy
from mls_assets.model.declarations import Declaration
from mls_assets.model.resources import Resource
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.upkeep.describe import describe_forge, describe_spark
from mls_assets.replication.upkeep.publish import publish
from mls_assets.sources import SparkClient
from mls_assets_tests.replication.place import ARMLS, SPARK


def test_a_spark_feed_tells_its_fields_and_its_lookups(place):
    place.begin(Resource.PROPERTY)
    assert describe_spark(place.workspace, place.spark, place.settings) == ""
    told = dict(
        place.rows(
            "select field, declared_type from source_fields where feed = ? "
            "and resource = 'Property'",
            SPARK,
        )
    )
    assert told["ListPrice"] == "Edm.Decimal"
    assert len(told) > 500
    ((listed, standard),) = place.rows("select count(*), count_if(is_standard) from lookups")
    assert 0 < standard < listed
    assert place.rows(
        "select is_standard from lookups where lookup = 'StandardStatus' and value = 'Active'"
    ) == [(True,)]


def test_every_local_field_has_a_readable_label(place):
    place.begin(Resource.PROPERTY)
    used = place.rows(
        "select distinct 'Property', unnest(json_keys(local_fields)) as field from listings "
        "order by all"
    )
    names = place.rows(
        "select resource, field from local_field_names where resource = 'Property' order by all"
    )
    assert names == used
    labels = dict(place.rows("select field, label from local_field_names"))
    assert all(labels.values())
    custom = next(name for name in labels if "_co_" in name and "_sp_" in name)
    assert "_co_" not in labels[custom]
    assert "_sp_" not in labels[custom]


def test_forge_tells_its_record_types(place):
    place.begin_following()
    assert describe_forge(place.workspace, ARMLS, place.forge, place.forge_settings) == ""
    told = dict(place.rows("select field, declared_type from source_fields where feed = ?", ARMLS))
    assert told["ListingKey"].rstrip("!") == "String"
    assert place.rows("select count(*) from lookups") == [(0,)]


def test_a_source_is_asked_once_a_day(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    describe_spark(place.workspace, place.spark, place.settings)
    monkeypatch.setattr(SparkClient, "declared", lambda _: pytest.fail("asked again"))
    assert describe_spark(place.workspace, place.spark, place.settings) == ""


def test_a_source_that_does_not_tell_fails_nothing_and_is_asked_an_hour_later(place):
    place.begin(Resource.PROPERTY)
    place.fault("status_404", resource="$metadata", times=0)
    note = describe_spark(place.workspace, place.spark, place.settings)
    assert "did not tell all of its own words" in note
    place.sandbox.faults.clear()
    assert describe_spark(place.workspace, place.spark, place.settings) == ""
    assert place.rows("select count(*) from source_fields") == [(0,)], "not yet"
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.schemas set asked_at = asked_at - ?", [timedelta(hours=2)])
    describe_spark(place.workspace, place.spark, place.settings)
    ((count,),) = place.rows("select count(*) from source_fields")
    assert count > 500


def test_a_source_without_lookups_tells_its_fields_nevertheless(place):
    place.begin(Resource.PROPERTY)
    place.fault("status_404", resource="Lookup", times=0)
    assert "404" in describe_spark(place.workspace, place.spark, place.settings)
    ((fields, lookups),) = place.rows(
        "select (select count(*) from source_fields), (select count(*) from lookups)"
    )
    assert fields > 500
    assert lookups == 0


def test_a_refusal_for_these_alone_fails_nothing(place):
    place.begin(Resource.PROPERTY)
    place.fault("status_401", resource="$metadata", times=0)
    assert "401" in describe_spark(place.workspace, place.spark, place.settings)


def test_a_feed_that_another_run_works_on_is_left_for_the_next_time(place):
    place.begin(Resource.PROPERTY)
    with place.workspace.feed_lock(SPARK):
        note = describe_spark(place.workspace, place.spark, place.settings)
    assert "not taken over" in note
    assert place.rows("select * from raw.schemas") == []


def test_normalising_again_leaves_the_same_tables_as_the_updates_did(place):
    place.begin()
    place.control("change", count=9, what="price")
    place.control("change", count=5, what="status")
    place.control("remove", count=3)
    place.control("add", count=4)
    place.replicate()
    for resource in (Resource.PROPERTY, Resource.OPEN_HOUSE):
        place.purge(resource)
    publish(place.workspace)
    before = {**place.tables(), "events": place.rows("from listing_events order by all")}
    again = normalise_landed(place.workspace, from_raw=True)
    assert again.rows["listings"] == len(place.keys())
    publish(place.workspace)
    assert {**place.tables(), "events": place.rows("from listing_events order by all")} == before
    assert before["events"]


def test_a_busy_feed_neither_stops_normalising_the_others_again_nor_is_forgotten(place):
    place.begin()
    place.follow()
    with place.workspace.feed_lock(ARMLS):
        done = normalise_landed(place.workspace, from_raw=True)
    assert done.busy == [ARMLS]
    assert done.rows["listings"] == len(place.keys())
    again = normalise_landed(place.workspace)
    assert again.busy == []
    assert again.rows["listings"] == len(place.keys(feed=ARMLS)), "its own next run does it"
    assert not normalise_landed(place.workspace).rows, "and only once"


def test_a_feed_that_was_named_and_is_busy_is_told(place):
    place.begin(Resource.PROPERTY)
    with place.workspace.feed_lock(SPARK), pytest.raises(FeedBusy):
        normalise_landed(place.workspace, [SPARK], from_raw=True)


def a_day_later(place):
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.schemas set asked_at = asked_at - ?", [timedelta(days=2)])


def test_lookups_that_came_cut_do_not_take_the_place_of_all(place):
    place.begin(Resource.PROPERTY)
    describe_spark(place.workspace, place.spark, place.settings)
    before = place.rows("from lookups order by all")
    a_day_later(place)
    place.fault("page_without_link", resource="Lookup", times=1)
    told = describe_spark(place.workspace, place.spark, place.settings)
    assert "there are more" in told
    assert place.rows("from lookups order by all") == before


def test_fields_of_a_resource_that_is_not_declared_have_not_gone(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    describe_spark(place.workspace, place.spark, place.settings)
    counted = "select resource, count(*) from source_fields where until is null group by all"
    before = sorted(place.rows(counted))
    a_day_later(place)
    declared = SparkClient.declared

    def without_members(client):
        whole = declared(client)
        fields = tuple(field for field in whole.fields if field.resource != "Member")
        return Declaration(fields, whole.body + b" ")

    monkeypatch.setattr(SparkClient, "declared", without_members)
    describe_spark(place.workspace, place.spark, place.settings)
    assert sorted(place.rows(counted)) == before
