"""What a guard holds back: hidden from readers where a licence wants it, and who let it go."""

from dataclasses import replace

import duckdb
import pytest
from msgspec import structs

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import CHILD_RESOURCES, TABLE_OF_RESOURCE, Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.reconciliation.purge import purge
from mls_assets.replication.reconciliation.sweep import sweep_keys
from mls_assets.replication.reporting.status import status
from mls_assets.replication.upkeep.erase import erase_everywhere
from mls_assets.replication.upkeep.publish import publish
from mls_assets.warehouse import sweeps
from mls_assets_tests.replication.place import ARMLS, SPARK


@pytest.fixture
def hiding(place):
    """A place whose licence wants suspects hidden; 27 of its 60 listings are gone."""
    place.begin(Resource.PROPERTY)
    place.feeds.spark[SPARK] = structs.replace(place.spark, on_block="hide")
    place.gone = place.control("remove", count=27)["keys"]
    place.blocked = place.purge()
    assert place.blocked.verdict == "blocked"
    return place


def published(place, table="listings"):
    publish(place.workspace)
    with duckdb.connect(str(place.workspace.published), read_only=True) as con:
        return {key for (key,) in con.execute(f'select "ListingKey" from {table}').fetchall()}


def test_suspects_are_hidden_with_their_children_and_nothing_is_removed(hiding):
    assert published(hiding) == hiding.truth()
    for child in CHILD_RESOURCES:
        assert published(hiding, TABLE_OF_RESOURCE[child]) <= hiding.truth()
    assert set(hiding.gone) <= hiding.keys()
    assert hiding.ledger() == []
    assert "readers do not see these 27" in hiding.blocked.explanation


def test_what_was_rejected_of_a_hidden_listing_is_hidden_too(hiding):
    with hiding.workspace.warehouse.write() as con:
        for resource, key in (("Property", hiding.gone[0]), ("Media", hiding.gone[1])):
            con.execute(
                "insert into rejected_values (feed, resource, record_key, value) values (?, ?, ?, "
                "'secret')",
                [SPARK, resource, key],
            )
    publish(hiding.workspace)
    with duckdb.connect(str(hiding.workspace.published), read_only=True) as con:
        assert con.execute("select count(*) from rejected_values").fetchall() == [(0,)]


def test_without_that_wish_readers_keep_what_is_held_back(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=27)
    assert place.purge().verdict == "blocked"
    assert published(place) == place.keys()


def test_a_listing_that_an_update_brings_again_is_shown_at_once_and_no_suspect_any_more(hiding):
    published(hiding)
    back = hiding.gone[:2]
    hiding.control("restore", keys=back)
    hiding.replicate(Resource.PROPERTY)
    assert published(hiding) >= set(back)
    kept = {key for (key,) in hiding.rows("select record_key from raw.suspects")}
    assert kept == set(hiding.gone[2:])


def test_when_the_source_lists_them_again_nothing_is_hidden(hiding):
    hiding.control("restore", keys=hiding.gone, touch=False)
    assert hiding.purge().verdict == "reconciled"
    assert published(hiding) == hiding.keys() == hiding.truth()


def test_a_wish_that_is_taken_back_ends_with_the_next_sweep(hiding):
    hiding.feeds.spark[SPARK] = structs.replace(hiding.spark, on_block="keep")
    assert hiding.purge().verdict == "blocked"
    assert published(hiding) == hiding.keys()


@pytest.mark.long
def test_a_replay_hides_too(place):
    place.begin_following()
    place.feeds = replace(place.feeds, forge=structs.replace(place.forge, on_block="hide"))
    keys = sorted(place.keys(feed=ARMLS))
    with place.workspace.warehouse.write() as con:
        # as if the tombstones of most had been lost
        for number in range(60):
            con.execute(
                "insert into raw.records (feed, resource, record_key, seen_page_id) "
                "values (?, 'Property', ?, 0)",
                [ARMLS, f"lost-{number}"],
            )
            con.execute(
                'insert into listings (feed, "ListingKey") values (?, ?)', [ARMLS, f"lost-{number}"]
            )
    assert place.replay().verdict == "blocked"
    assert published(place) == set(keys)


def test_an_approval_is_recorded_with_who_and_when(hiding):
    judged = hiding.purge(approve=hiding.blocked.sweep_id)
    assert judged.removed == 27
    assert judged.explanation.endswith(
        f" meanwhile. 27 keys of {hiding.blocked.sweep_id} were released by a tester."
    )
    ((sweep, by, recently, used_by),) = hiding.rows(
        "select sweep_id, approved_by, used_at > now() - interval 1 minute, used_by "
        "from raw.approvals"
    )
    assert (sweep, by, recently, used_by) == (
        *(hiding.blocked.sweep_id, "a tester", True),
        judged.sweep_id,
    )
    assert published(hiding) == hiding.keys() == hiding.truth()


def test_what_is_listed_again_is_shown_although_another_key_leaves_the_sets_unequal(hiding):
    hiding.control("restore", keys=hiding.gone, touch=False)
    hiding.control("add", count=1)
    swept = sweep_keys(hiding.workspace, hiding.spark, Resource.PROPERTY, hiding.settings)
    hiding.fault("nan_value", resource="Property", times=0)
    judged = purge(hiding.workspace, hiding.spark, swept.sweep_id, hiding.settings, Thresholds())
    assert judged.verdict == "unequal"
    assert published(hiding) == hiding.keys() == set(hiding.gone) | hiding.keys()
    assert hiding.state()["state"] == "current"
    assert hiding.rows("select count(*) from raw.suspects") == [(0,)]


def test_an_approval_of_what_came_back_is_not_used_up(hiding):
    hiding.control("restore", keys=hiding.gone, touch=False)
    judged = hiding.purge(approve=hiding.blocked.sweep_id)
    assert (judged.verdict, judged.removed) == ("reconciled", 0)
    assert "released" not in judged.explanation
    assert hiding.rows("select count(*) from raw.approvals") == [(0,)]


def test_a_suspect_that_a_later_sweep_listed_is_first_absent_when_it_goes_again(place):
    place.begin(Resource.PROPERTY)
    gone = place.control("remove", count=27)["keys"]
    first = place.purge()
    place.control("clock", advance_minutes=60)
    place.control("remove", keys=sorted(place.truth())[:5])
    place.control("restore", keys=gone[:1], touch=False)
    second = place.purge()
    assert second.verdict == "blocked"
    with place.workspace.warehouse.read() as con:
        absent = sweeps.first_absent(con, SPARK, Resource.PROPERTY)
    assert gone[0] not in absent
    started = dict(place.rows("select sweep_id, started_at from sweeps"))
    assert absent[gone[1]] == started[first.sweep_id] < started[second.sweep_id]


def test_an_erased_feed_has_no_block_any_more(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=27)
    blocked = place.purge()
    place.run += 1
    erase_everywhere(place.workspace, SPARK)
    place.replicate(Resource.PROPERTY)
    (entry,) = [each for each in status(place.workspace, place.feeds).feeds if each.state.rows]
    assert entry.blocked is None
    with pytest.raises(ConfigurationError):
        place.purge(approve=blocked.sweep_id)
