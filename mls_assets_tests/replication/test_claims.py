"""A feed is the source it was first filled from; an address that never answered binds nobody."""

import hashlib
from dataclasses import replace

import pytest
from msgspec import structs

from mls_assets.configuration.feeds import load_feeds
from mls_assets.errors import ConfigurationError, FeedBusy, SourceError
from mls_assets.model.resources import Resource
from mls_assets.replication.workspace import Workspace
from mls_assets_tests.replication.place import ARMLS, SPARK


def configure(place, **addresses):
    """Configure the feeds anew; addresses that are not named are the sandbox's."""
    place.feeds = load_feeds({**place.sandbox.environment(), **addresses})


def origin(place, feed=SPARK):
    ((address,),) = place.rows("select origin from raw.origins where feed = ?", feed)
    return address


def test_a_mistyped_spark_address_can_be_corrected(place):
    right = place.spark.base_url
    configure(place, SPARK_BASE_URL=f"{right}/Tpyo")
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    assert origin(place) == f"{right}/Tpyo"
    configure(place)
    place.replicate(Resource.PROPERTY)
    assert origin(place) == right
    assert place.keys() == place.truth()


def test_a_mistyped_forge_address_can_be_corrected(place):
    right = place.forge.url
    configure(place, FORGE_URL=f"{right}tpyo")
    with pytest.raises(SourceError):
        place.follow()
    configure(place)
    place.follow()
    assert origin(place, ARMLS) == right
    assert place.keys(feed=ARMLS) == place.truth(feed=ARMLS)


def test_what_a_corrected_address_is_asked_is_a_new_question(place):
    configure(place, SPARK_BASE_URL=f"{place.spark.base_url}/Tpyo")
    place.feeds.spark[SPARK] = structs.replace(place.spark, select=("ListPrice",))
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    configure(place)
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.notes == ()
    assert place.rows("select count(*) from raw.questions") == [(1,)]


def test_a_feed_that_was_filled_is_held_to_its_address(place):
    right = place.spark.base_url
    place.replicate(Resource.PROPERTY)
    configure(place, SPARK_BASE_URL=f"{right}/Elsewhere")
    # another resource of it, of which nothing came yet, is held to it too
    for resource in (Resource.PROPERTY, Resource.MEMBER):
        # in this order, for a feed that is still configured cannot be erased
        steps = "take it out of the configuration .*mls-assets erase spark/default --yes.* anew"
        with pytest.raises(ConfigurationError, match=steps):
            place.replicate(resource)
    assert origin(place) == right


def test_one_answer_is_enough_to_be_held_to_an_address(place):
    place.replicate(Resource.PROPERTY, settings=replace(place.settings, page_budget=1))
    configure(place, SPARK_BASE_URL=f"{place.spark.base_url}/Elsewhere")
    with pytest.raises(ConfigurationError, match="was filled from"):
        place.replicate(Resource.PROPERTY)


def test_a_slash_at_the_end_makes_no_other_address(place):
    right = place.spark.base_url
    configure(place, SPARK_BASE_URL=f"{right}/")
    place.replicate(Resource.PROPERTY)
    assert origin(place) == right
    configure(place)
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()


def test_two_data_folders_with_one_warehouse_have_one_lock_a_feed(tmp_path):
    database = tmp_path / "shared" / "warehouse.duckdb"
    first, second = (
        Workspace.open(tmp_path / name, database, run_id=name) for name in ("first", "second")
    )
    waiting = second.feed_lock(SPARK)
    waiting.wait = 0
    with first.feed_lock(SPARK), pytest.raises(FeedBusy, match="first"), waiting:
        pass


def test_relations_in_another_order_are_the_same_question(place):
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=("Unit", "Media", "Room"))
    place.replicate(Resource.PROPERTY)
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=("Room", "Unit", "Media"))
    (done,) = place.replicate(Resource.PROPERTY)
    assert (done.kind, done.notes) == ("update", ())


def test_a_question_that_was_written_down_in_the_files_order_is_still_the_same(place):
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=("Unit", "Media"))
    place.replicate(Resource.PROPERTY)
    written = hashlib.sha256(b"select=;relations=Unit,Media").hexdigest()
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.questions set question_sha = ?", [written])
    for relations in (("Media", "Unit"), ("Unit", "Media")):
        place.feeds.spark[SPARK] = structs.replace(place.spark, relations=relations)
        (done,) = place.replicate(Resource.PROPERTY)
        assert (done.kind, done.notes) == ("update", ())
