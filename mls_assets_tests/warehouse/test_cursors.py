"""States, cursors and walks, and that a source stays the source of its feed."""

from pathlib import Path

import pytest

from mls_assets.errors import ConfigurationError, FeedBusy
from mls_assets.model.resources import Resource
from mls_assets.warehouse import FeedState, Warehouse
from mls_assets.warehouse.landing import cursors, origins
from mls_assets.warehouse.landing.cursors import ENDED
from mls_assets.warehouse.publication import publication
from mls_assets_tests.warehouse.world import FEED, MINUTE, NOON, land, merge_all, page

PROPERTY = Resource.PROPERTY


def test_a_resource_is_new_then_downloading_then_current(warehouse: Warehouse):
    with warehouse.write() as con:
        assert cursors.state_of(con, FEED, PROPERTY) == FeedState(FEED, PROPERTY)
        walk = cursors.begin_walk(con, FEED, PROPERTY, "download", started_at=NOON, count_before=3)
        assert cursors.state_of(con, FEED, PROPERTY).state == "downloading"
        land(con, page("a", "b"), walk)
        land(con, page("c"), walk)
        land(con, page("d"))
        assert cursors.keys_seen(con, walk) == 3
        merge_all(con)
        cursors.succeed(
            con, FEED, PROPERTY, cursor="c1", at=NOON, initial_complete=True, source_rows=4
        )
        cursors.succeed(con, FEED, PROPERTY, cursor="c2", at=NOON + MINUTE)
        assert cursors.states(con) == [
            FeedState(
                FEED,
                PROPERTY,
                "current",
                "c2",
                initial_download_complete=True,
                last_poll_at=NOON + MINUTE,
                last_success_at=NOON + MINUTE,
                newest_modification=NOON,
                rows=4,
                source_rows=4,
            )
        ]


def test_a_walk_goes_on_where_it_was_left_and_only_once(warehouse: Warehouse):
    with warehouse.write() as con:
        walk = cursors.begin_walk(con, FEED, PROPERTY, "update", started_at=NOON, since=NOON)
        first = cursors.advance_walk(con, walk, "https://source/next?1")
        assert cursors.open_walk(con, FEED, PROPERTY, "update") == first
        assert first.pages == 1
        with pytest.raises(FeedBusy, match="another run moved this update on"):
            cursors.advance_walk(con, walk, "https://source/next?other")
        last = cursors.advance_walk(con, first, ENDED)
        assert cursors.open_walk(con, FEED, PROPERTY, "update") == last
        assert cursors.open_walk(con, FEED, PROPERTY, "download") is None
        cursors.end_walks(con, FEED, PROPERTY, kind="download")
        assert cursors.open_walk(con, FEED, PROPERTY, "update")
        cursors.end_walks(con, FEED, PROPERTY)
        assert cursors.open_walk(con, FEED, PROPERTY, "update") is None
        with pytest.raises(FeedBusy):
            cursors.advance_walk(con, last, ENDED)


def test_a_pass_gives_way_when_the_cursor_moved_meanwhile(warehouse: Warehouse):
    with warehouse.write() as con:
        cursors.expect_cursor(con, FEED, PROPERTY, None)
        cursors.advance_events(con, FEED, PROPERTY, cursor="7", at=NOON, current=False)
        cursors.expect_cursor(con, FEED, PROPERTY, "7")
        with pytest.raises(FeedBusy, match="moved from None to 7"):
            cursors.expect_cursor(con, FEED, PROPERTY, None)


def test_events_make_a_feed_current_when_none_remains(warehouse: Warehouse):
    with warehouse.write() as con:
        cursors.advance_events(con, FEED, PROPERTY, cursor="7", at=NOON, current=False)
        under_way = cursors.state_of(con, FEED, PROPERTY)
        cursors.advance_events(con, FEED, PROPERTY, cursor="9", at=NOON, current=True)
        done = cursors.state_of(con, FEED, PROPERTY)
    assert (under_way.state, under_way.cursor, under_way.last_success_at) == (
        "downloading",
        "7",
        None,
    )
    assert (done.state, done.cursor, done.initial_download_complete) == ("current", "9", True)


def test_a_block_outlives_updates_and_a_proof_and_ends_when_nothing_is_held_back(
    warehouse: Warehouse,
):
    with warehouse.write() as con:
        cursors.succeed(con, FEED, PROPERTY, cursor="c1", at=NOON)
        cursors.block(con, FEED, PROPERTY, source_rows=7)
        cursors.succeed(con, FEED, PROPERTY, cursor="c2", at=NOON + MINUTE)
        assert cursors.state_of(con, FEED, PROPERTY).state == "blocked"
        cursors.reconciled(con, FEED, PROPERTY, at=NOON + MINUTE, source_rows=5)
        cursors.reconciled(con, FEED, PROPERTY, at=NOON, source_rows=None)
        assert cursors.state_of(con, FEED, PROPERTY).state == "blocked"
        cursors.unblock(con, FEED, PROPERTY)
        state = cursors.state_of(con, FEED, PROPERTY)
        assert (state.state, state.reconciled_at, state.source_rows) == (
            "current",
            NOON + MINUTE,
            5,
        )
        cursors.needs_resync(con, FEED, PROPERTY)
        cursors.block(con, FEED, PROPERTY, source_rows=7)
        assert cursors.state_of(con, FEED, PROPERTY).state == "needs_resync"


def test_a_resync_drops_walks_that_asked_the_old_question(warehouse: Warehouse):
    with warehouse.write() as con:
        cursors.begin_walk(con, FEED, PROPERTY, "download", started_at=NOON)
        cursors.needs_resync(con, FEED, PROPERTY)
        assert cursors.open_walk(con, FEED, PROPERTY, "download") is None


def test_a_poll_without_news_changes_nothing_for_readers(warehouse: Warehouse):
    with warehouse.write() as con:
        cursors.succeed(con, FEED, PROPERTY, cursor="c1", at=NOON)
    target = Path(warehouse.address).with_name("mls.duckdb")
    publication.write_published(warehouse, target, run_id="run-1")
    with warehouse.write() as con:
        land(con, page())
        cursors.succeed(con, FEED, PROPERTY, cursor="c2", at=NOON + MINUTE)
        assert not publication.changed_since_publication(con, target)
        land(con, page("a"))
        assert publication.changed_since_publication(con, target)


def test_a_feed_stays_with_the_source_it_was_filled_from(warehouse: Warehouse):
    spark = ("https://one.example/Reso/OData",)
    with warehouse.write() as con:
        assert origins.bind_origin(con, FEED, *spark, PROPERTY, "q1") == "new"
        assert origins.bind_origin(con, FEED, *spark, PROPERTY, "q1") == "same"
        assert origins.bind_origin(con, FEED, *spark, Resource.MEMBER, "q1") == "new"
        assert origins.bind_origin(con, FEED, *spark, PROPERTY, "q2") == "asked_otherwise"
        assert origins.bind_origin(con, FEED, *spark, PROPERTY, "q2") == "same"
        land(con, page())
        with pytest.raises(ConfigurationError, match="mls-assets erase spark/default --yes"):
            origins.bind_origin(con, FEED, "https://two.example", PROPERTY, "q2")
        origins.forget_origin(con, FEED)
        assert origins.bind_origin(con, FEED, "https://two.example", PROPERTY, "q") == "new"


@pytest.mark.parametrize(
    ("known", "configured"),
    [
        ("https://one.example/Reso/OData", "https://one.example/Reso/OData/"),
        ("https://one.example/Reso/OData", "HTTPS://One.Example:443/Reso/OData"),
        ("https://one.example", "https://one.example:443/"),
        ("http://127.0.0.1:80/graphql", "http://127.0.0.1/graphql"),
        ("http://[::1]:8400/graphql", "http://[::1]:8400/graphql//"),
    ],
)
def test_an_address_is_the_same_however_it_is_spelt(
    warehouse: Warehouse, known: str, configured: str
):
    stored = "select origin from raw.origins"
    with warehouse.write() as con:
        origins.bind_origin(con, FEED, known, PROPERTY, "q")
        first = con.execute(stored).fetchall()
        # one that was stored before addresses were compared like this
        con.execute("update raw.origins set origin = ?", [known])
        land(con, page("a"))
        assert origins.bind_origin(con, FEED, configured, PROPERTY, "q") == "same"
        assert con.execute(stored).fetchall() == first


@pytest.mark.parametrize(
    "other",
    [
        "https://one.example/reso/odata",
        "https://one.example:8443/Reso/OData",
        "http://one.example/Reso/OData",
        "https://one.example/Version/3/Reso/OData",
    ],
)
def test_another_path_port_or_scheme_is_another_source(warehouse: Warehouse, other: str):
    with warehouse.write() as con:
        origins.bind_origin(con, FEED, "https://one.example/Reso/OData", PROPERTY, "q")
        land(con, page("a"))
        with pytest.raises(ConfigurationError, match="was filled from"):
            origins.bind_origin(con, FEED, other, PROPERTY, "q")


def test_a_source_that_never_answered_gives_way_to_another(warehouse: Warehouse):
    with warehouse.write() as con:
        assert origins.bind_origin(con, FEED, "https://one.exmaple", PROPERTY, "q") == "new"
        land(con, page("a", feed="spark/other"))
        assert origins.bind_origin(con, FEED, "https://one.example", PROPERTY, "q") == "new"
        assert con.execute("select feed, origin from raw.origins").fetchall() == [
            (FEED, "https://one.example")
        ]
