"""What a replay stages: the last word on each key, and that it goes again."""

from mls_assets.model.feed_names import FeedName
from mls_assets.model.records import Reject
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Connection, Warehouse
from mls_assets.warehouse.landing import replaying
from mls_assets.warehouse.removals import erasure
from mls_assets_tests.warehouse.world import (
    MINUTE,
    NOON,
    bring,
    gone,
    page,
    record,
    tables_that_mention,
)

ARMLS = FeedName("forge/armls", is_mls=True)
CANARY = "the-house-with-the-blue-door"


def _stage(con: Connection, *pages: object, sweep_id: str = "s1") -> None:
    for number, entries in enumerate(pages, start=1):
        assert isinstance(entries, tuple)
        told = page(*entries, feed=ARMLS, at=NOON + number * MINUTE)
        replaying.stage_replay_page(con, sweep_id, number, told)


def _taken(con: Connection, sweep_id: str = "s1") -> list[tuple[str, ...]]:
    return [
        tuple(record.key for record in replaying.take_replay_page(con, sweep_id, number).records)
        for number in replaying.replay_page_numbers(con, sweep_id)
    ]


def test_the_last_event_of_a_key_is_what_is_left_of_it(warehouse: Warehouse):
    with warehouse.write() as con:
        _stage(con, ("a", "b", "c"), (gone("a"), "b", "d"), (gone("d"),), ("e",), ("a",))
        assert _taken(con) == [("c",), ("b",), ("e",), ("a",)]


def test_a_record_comes_back_as_it_was_fetched(warehouse: Warehouse):
    told = record("a", NOON - MINUTE, City="Mesa")
    with warehouse.write() as con:
        _stage(con, (), (told, record("b", None)))
        taken = replaying.take_replay_page(con, "s1", 2)
    assert (taken.feed, taken.resource) == (ARMLS, Resource.PROPERTY)
    assert taken.fetched_at == NOON + 2 * MINUTE
    assert set(taken.records) == {told, record("b", None)}


def test_what_was_taken_is_not_there_any_more(warehouse: Warehouse):
    with warehouse.write() as con:
        _stage(con, ("a",), ("b",))
        replaying.take_replay_page(con, "s1", 1)
        assert replaying.replay_page_numbers(con, "s1") == [2]


def test_a_record_that_could_not_be_stored_is_told_until_its_key_comes_well(warehouse: Warehouse):
    bad = {key: Reject("no object", f"sha-{key}", key) for key in "abc"}
    nameless = Reject("no key", "sha")
    with warehouse.write() as con:
        for number, told in enumerate(
            [page("a", feed=ARMLS, rejects=(*bad.values(), nameless)), page(gone("c"), "b")], 1
        ):
            replaying.stage_replay_page(con, "s1", number, told)
        first = replaying.take_replay_page(con, "s1", 1)
    assert [one.key for one in first.records] == ["a"]
    assert set(first.rejects) == {bad["a"], nameless}


def test_a_feed_drops_its_own_staging_alone(warehouse: Warehouse):
    with warehouse.write() as con:
        _stage(con, ("a",))
        replaying.stage_replay_page(con, "s2", 1, page("a", feed=ARMLS, resource=Resource.MEMBER))
        replaying.stage_replay_page(con, "s3", 1, page("a", feed="forge/rmls"))
        replaying.drop_replay(con, ARMLS, Resource.PROPERTY)
        assert replaying.replay_page_numbers(con, "s1") == []
        assert (
            replaying.replay_page_numbers(con, "s2")
            == replaying.replay_page_numbers(con, "s3")
            == [1]
        )


def test_erasing_a_feed_reaches_what_a_replay_staged(warehouse: Warehouse):
    bring(warehouse, page("a", feed=ARMLS))
    with warehouse.write() as con:
        _stage(con, (record("a", Remarks=CANARY),))
        assert tables_that_mention(con, warehouse, CANARY) == {"raw.replayed"}
        assert erasure.left_of(con, ARMLS)["raw.replayed"] == 1
        erasure.erase_feed(con, ARMLS, "run-9")
        assert erasure.left_of(con, ARMLS) == {}
        assert tables_that_mention(con, warehouse, CANARY) == set()
