"""What left the configuration is told until it is erased; what is configured is not erased."""

from dataclasses import replace

import pytest
from msgspec import structs

from mls_assets.configuration.feeds import Feeds, ForgeAccess, SparkFeed, load_feeds
from mls_assets.errors import AccessLost, ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.replication.replicate import replicate_forge, replicate_spark
from mls_assets.replication.reporting.status import status
from mls_assets.replication.upkeep.erase import erase_everywhere
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.upkeep.unconfigured import line_to_remove
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse.publication.publication import PublicationRefused
from mls_assets_tests.replication.place import ARMLS, SPARK
from mls_assets_tests.replication.test_ending import published

NOTHING = Feeds()
ONE_LESS = tuple(each for each in SparkFeed("x").resources if each is not Resource.MEMBER)


def states(place, feeds):
    return {
        (entry.state.feed, entry.state.resource): entry.state.state
        for entry in status(place.workspace, feeds).feeds
    }


def test_a_feed_that_left_the_configuration_is_told_with_its_deadline_and_its_remedy(place):
    place.begin(Resource.PROPERTY)
    told = status(place.workspace, NOTHING)
    (entry,) = told.feeds
    assert entry.state.state == "unconfigured"
    assert entry.state.rows == 60
    assert entry.hours_left is not None
    (unasked,) = told.unasked
    assert "mls-assets erase spark/default --yes" in str(unasked)
    assert "SPARK_ACCESS_TOKEN" in str(unasked)
    # and it is as before when it is configured again
    assert states(place, place.feeds)[SPARK, Resource.PROPERTY] == "current"


def test_readers_are_told_too_although_nothing_else_has_changed(place):
    place.begin(Resource.PROPERTY)
    asked = "select state from feeds where resource = 'Property'"
    publish(place.workspace, feeds=place.feeds)
    assert published(place, asked) == [("current",)]
    assert publish(place.workspace, only_if_changed=True, feeds=place.feeds) is None
    assert publish(place.workspace, only_if_changed=True, feeds=NOTHING) is not None
    assert published(place, asked) == [("unconfigured",)]
    assert publish(place.workspace, only_if_changed=True, feeds=place.feeds) is not None
    assert published(place, asked) == [("current",)]


def test_what_a_guard_held_back_of_it_is_nobodys_to_decide(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=30)
    assert place.purge().verdict == "blocked"
    (entry,) = status(place.workspace, NOTHING).feeds
    assert entry.state.state == "unconfigured"
    assert entry.blocked is None


def test_an_erasure_of_a_configured_feed_is_refused_with_the_line_to_take_out(place):
    place.begin(Resource.PROPERTY)
    with pytest.raises(ConfigurationError, match="unset SPARK_ACCESS_TOKEN"):
        erase_everywhere(place.workspace, SPARK, feeds=place.feeds)
    assert len(place.keys()) == 60
    assert place.ledger() == []
    assert erase_everywhere(place.workspace, SPARK, feeds=NOTHING).ledger_entries == 60


def test_an_erasure_leaves_the_warehouse_also_where_another_feed_holds_publication_back(place):
    place.begin()
    place.follow()
    publish(place.workspace)
    with place.workspace.warehouse.write() as con:
        con.execute("delete from listings where feed = ?", [SPARK])
    with pytest.raises(PublicationRefused, match=r"erased from the warehouse.*spark/default"):
        erase_everywhere(place.workspace, ARMLS, feeds=NOTHING)
    assert place.keys(feed=ARMLS) == set()
    entry = "select published_at, raw_scrubbed_at from deletion_ledger where feed = ?"
    assert all(at is None and scrubbed for at, scrubbed in place.rows(entry, ARMLS))
    publish(place.workspace, accept_loss=True)
    assert all(at and scrubbed for at, scrubbed in place.rows(entry, ARMLS))


def test_one_resource_is_erased_with_an_entry_for_each_key_and_the_others_stay(place):
    place.replicate(Resource.PROPERTY, Resource.MEMBER)
    listings, members = place.keys(), place.keys(Resource.MEMBER)
    with pytest.raises(ConfigurationError, match="resources"):
        erase_everywhere(place.workspace, SPARK, Resource.MEMBER, feeds=place.feeds)
    narrowed = replace(place.feeds, spark={SPARK: structs.replace(place.spark, resources=ONE_LESS)})
    assert states(place, narrowed)[SPARK, Resource.MEMBER] == "unconfigured"
    (unasked,) = status(place.workspace, narrowed).unasked
    assert "mls-assets erase spark/default --resource Member --yes" in str(unasked)
    done = erase_everywhere(place.workspace, SPARK, Resource.MEMBER, feeds=narrowed)
    assert done.ledger_entries == len(members)
    assert done.rows["members"] == len(members)
    assert place.keys() == listings
    assert place.keys(Resource.MEMBER) == set()
    assert place.state(Resource.MEMBER) == {}
    assert {key for key, _, reason in place.ledger(resource="Member")} == members
    assert place.ledger(resource="Property") == []
    assert status(place.workspace, narrowed).unasked == ()
    with pytest.raises(ConfigurationError, match="Nothing is stored"):
        erase_everywhere(place.workspace, SPARK, Resource.MEMBER, feeds=narrowed)
    # widened again it is downloaded like a new one, and its keys have returned
    (again,) = place.replicate(Resource.MEMBER)
    assert again.restored == len(members)
    assert place.keys(Resource.MEMBER) == members


def test_erasing_the_listings_takes_their_children_and_leaves_the_members(place):
    place.replicate(Resource.PROPERTY, Resource.MEMBER)
    assert place.rows("select count(*) > 0 from media") == [(True,)]
    erase_everywhere(place.workspace, SPARK, Resource.PROPERTY, feeds=NOTHING)
    for table in ("listings", "media", "rooms", "unit_types", "raw.children", "listing_events"):
        assert place.rows(f"select count(*) from {table}") == [(0,)], table
    assert place.keys(Resource.MEMBER) == place.truth(Resource.MEMBER)
    place.replicate(Resource.MEMBER)


@pytest.mark.parametrize("feed", [SPARK, ARMLS])
def test_a_run_that_waited_while_its_feed_was_erased_does_not_bring_it_back(place, feed):
    workspace = Workspace.open(place.folder, run_id="waited", asks_for=NOTHING.asks_for)
    with pytest.raises(ConfigurationError, match="not configured"):
        if feed == SPARK:
            replicate_spark(workspace, place.spark, Resource.PROPERTY, place.settings)
        else:
            replicate_forge(workspace, feed, place.forge, Resource.PROPERTY, place.forge_settings)
    assert place.rows("select count(*) from raw.origins") == [(0,)]


def test_relations_that_are_not_asked_for_any_more_leave_when_the_fresh_download_ends(place):
    place.begin(Resource.PROPERTY)
    assert place.rows("select count(*) > 0 from rooms") == [(True,)]
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=("Media",))
    (told,) = status(place.workspace, place.feeds).remarks
    assert "PropertyRooms" in told
    place.replicate(Resource.PROPERTY, settings=replace(place.settings, page_budget=1))
    assert place.rows("select count(*) > 0 from rooms") == [(True,)], "until that ends"
    for _ in range(9):
        place.replicate(Resource.PROPERTY)
    for table in ("rooms", "unit_types"):
        assert place.rows(f"select count(*) from {table}") == [(0,)]
    assert place.rows("select distinct resource from raw.children") == [("Media",)]
    assert place.rows("select count(*) > 0 from media") == [(True,)]
    assert status(place.workspace, place.feeds).remarks == ()
    # and come back when they are asked for again
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=("Media", "Room"))
    place.replicate(Resource.PROPERTY)
    assert place.rows("select count(*) > 0 from rooms") == [(True,)]


def test_a_feed_under_another_name_is_told_of_with_both_names_and_the_way_out(place):
    place.begin(Resource.PROPERTY)
    renamed = structs.replace(place.spark, name="spark/other")
    feeds = replace(place.feeds, spark={"spark/other": renamed})
    workspace = Workspace.open(place.folder, run_id="renamed", asks_for=feeds.asks_for)
    done = replicate_spark(workspace, renamed, Resource.PROPERTY, place.settings)
    (note,) = done.notes
    assert "spark/other and spark/default" in note
    assert "mls-assets erase spark/default --yes" in note
    (told,) = status(workspace, feeds).remarks
    assert "60 listings are here twice" in told


def test_two_feeds_of_one_address_with_tokens_of_their_own_are_no_slip(place):
    place.begin(Resource.PROPERTY)
    second = structs.replace(place.spark, name="spark/other", token_env="OTHER_TOKEN")
    feeds = replace(place.feeds, spark={SPARK: place.spark, "spark/other": second})
    asking = structs.replace(second, token_env=place.spark.token_env)
    replicate_spark(place.workspace, asking, Resource.PROPERTY, place.settings)
    assert status(place.workspace, feeds).remarks == ()


def _mlses(place, monkeypatch, *keys):
    """Let Forge list these MLSs only, and know no other."""
    known = place.sandbox.market.forge
    for key in [key for key in known if key not in keys]:
        monkeypatch.delitem(known, key)


def _follow_in_vain(place, times=1):
    for _ in range(times):
        with pytest.raises(AccessLost):
            place.follow()


def test_a_vanished_mls_stays_and_is_told_once_two_answers_agree(place, monkeypatch):
    place.begin_following()
    feeds = replace(place.feeds, spark={})
    with monkeypatch.context() as patched:
        _mlses(place, patched, "rmls")
        _follow_in_vain(place)
        assert status(place.workspace, feeds).unasked == (), "one odd answer proves nothing"
        _follow_in_vain(place)
        (unasked,) = status(place.workspace, feeds).unasked
        assert "Forge does not know it any more" in str(unasked)
        assert "mls-assets erase forge/armls --yes" in str(unasked)
        assert states(place, feeds)[ARMLS, Resource.PROPERTY] == "unconfigured"
        assert len(place.keys(feed=ARMLS)) > 0
    # it came back: nothing is said, and the count starts anew
    place.follow()
    assert status(place.workspace, feeds).unasked == ()
    assert states(place, feeds)[ARMLS, Resource.PROPERTY] == "current"
    assert place.rows("select count(*) from raw.vanished") == [(0,)]


def test_of_a_misspelt_mls_nothing_is_left_and_the_right_name_is_told(place):
    with pytest.raises(AccessLost, match="did you mean armls\\? Correct `mlses` under \\[forge\\]"):
        place.follow(feed="forge/ARMLS")
    with pytest.raises(AccessLost, match="check the access, or erase the feed"):
        place.follow(feed="forge/nobody")
    assert place.rows("select count(*) from raw.questions") == [(0,)]
    told = status(place.workspace, place.feeds)
    assert not any(entry.state.feed.startswith("forge/") for entry in told.feeds)
    assert told.not_asked == (
        "forge: not asked yet; `mls-assets replicate` asks it which MLSs it lists",
    )
    with pytest.raises(ConfigurationError, match=r"^Nothing is stored of 'forge/ARMLS'"):
        erase_everywhere(place.workspace, "forge/ARMLS", feeds=place.feeds)
    place.follow()
    assert status(place.workspace, place.feeds).not_asked == ()
    assert {entry.state.feed for entry in status(place.workspace, place.feeds).feeds} >= {ARMLS}


def test_an_mls_that_is_null_but_listed_has_not_vanished(place):
    place.begin_following()
    place.fault("mls_null", "forge", resource="listings", times=0)
    _follow_in_vain(place, times=3)
    assert status(place.workspace, place.feeds).unasked == ()


def test_a_vanished_mls_that_is_configured_by_name_is_told_with_the_line_to_take_out(
    place, monkeypatch
):
    place.begin_following()
    _mlses(place, monkeypatch, "rmls")
    _follow_in_vain(place, times=2)
    named = structs.replace(place.forge, mlses=("armls", "rmls"))
    feeds = replace(place.feeds, spark={}, forge=named, file="feeds.toml")
    (unasked,) = status(place.workspace, feeds).unasked
    assert 'take "armls" out of `mlses` in [forge] of feeds.toml' in str(unasked)
    with pytest.raises(ConfigurationError, match="`mlses`"):
        erase_everywhere(place.workspace, ARMLS, feeds=feeds)


def test_an_mls_is_erased_when_it_is_excluded_or_forge_lists_it_no_more(place, monkeypatch):
    place.begin_following()
    with pytest.raises(ConfigurationError, match="exclude"):
        erase_everywhere(place.workspace, ARMLS, feeds=place.feeds)
    place.fault("status_502", "forge", times=0)
    with pytest.raises(ConfigurationError, match="exclude"):
        erase_everywhere(place.workspace, ARMLS, feeds=place.feeds)
    place.sandbox.faults.clear()
    _mlses(place, monkeypatch, "rmls")
    assert erase_everywhere(place.workspace, ARMLS, feeds=place.feeds).ledger_entries > 0
    assert place.keys(feed=ARMLS) == set()


FILE = "feeds.toml"
TWO = Feeds(
    {"spark/a": SparkFeed("spark/a", resources=(Resource.PROPERTY, Resource.MEMBER))},
    ForgeAccess("https://h/g", mlses=("armls", "rmls")),
    FILE,
)
ALL = Feeds({}, ForgeAccess("https://h/g"), FILE)
VARIABLES = load_feeds(
    {"SPARK_ACCESS_TOKEN": "t", "FORGE_API_TOKEN": "t", "FORGE_URL": "https://h/g"}
)


@pytest.mark.parametrize(
    ("feeds", "feed", "resource", "line"),
    [
        (TWO, "spark/a", None, "take the table [spark.a] out of feeds.toml"),
        (
            TWO,
            "spark/a",
            Resource.MEMBER,
            'set resources = ["Property"] in [spark.a] of feeds.toml',
        ),
        (TWO, "forge/armls", None, 'take "armls" out of `mlses` in [forge] of feeds.toml'),
        (ALL, "forge/armls", None, 'set exclude = ["armls"] in [forge] of feeds.toml'),
        (
            ALL,
            "forge/armls",
            Resource.MEMBER,
            'set resources = ["Property"] in [forge] of feeds.toml (for every MLS)',
        ),
        (VARIABLES, SPARK, None, "unset SPARK_ACCESS_TOKEN"),
    ],
)
def test_the_line_that_asks_for_a_feed_is_named(feeds, feed, resource, line):
    assert line_to_remove(feeds, feed, resource) == line


@pytest.mark.parametrize(("feed", "resource"), [("forge/armls", None), (SPARK, Resource.MEMBER)])
def test_what_variables_cannot_say_is_told_as_a_file_that_says_it(tmp_path, feed, resource):
    lines = line_to_remove(VARIABLES, feed, resource).split("`")[1::2]
    path = tmp_path / "feeds.toml"
    path.write_text("\n".join(lines))
    feeds = load_feeds({"MLS_ASSETS_FEEDS": str(path)})
    assert not feeds.asks_for(feed, resource)
    assert feeds.asks_for(SPARK)
    assert feeds.asks_for("forge/rmls")
    assert feeds.spark[SPARK].base_url == VARIABLES.spark[SPARK].base_url
