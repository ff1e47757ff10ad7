"""What a sweep stores and streams, and what an approval releases."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Reason, Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse import Warehouse, sweeps
from mls_assets.warehouse.publication import publication
from mls_assets.warehouse.removals import hiding
from mls_assets.warehouse.storage.queries import Connection
from mls_assets.warehouse.sweeps import staging
from mls_assets.warehouse.tables import open_houses
from mls_assets_tests.warehouse.world import (
    FEED,
    MINUTE,
    NOON,
    bring,
    gone,
    keys_in,
    land,
    merge_all,
    page,
    record,
)

PROPERTY = Resource.PROPERTY


def _begin(con: Connection, sweep_id: str = "s1", resource: Resource = PROPERTY) -> None:
    sweeps.begin_sweep(con, sweep_id, FEED, resource, NOON, "run-1")


def test_a_sweep_leaves_a_row_whatever_becomes_of_it(warehouse: Warehouse):
    with warehouse.write() as con:
        _begin(con, "dead")
        sweeps.stage_keys(con, "dead", ["a"])
        _begin(con, "s1")
        sweeps.update_sweep(con, "s1", pages=3, source_keys=2)
        assert sweeps.count_staged(con, "dead") == 0
        dead = sweeps.sweep_row(con, "dead")
        assert (dead.verdict, dead.finished_at is None) == ("void", False)
        sweeps.close_sweep(
            con, "s1", verdict=Verdict.RECONCILED, explanation="equal", changed_keys=["x"]
        )
        newest = sweeps.find_sweep(con, "s1")
        assert newest is not None
        assert (newest.pages, newest.changed_keys, newest.verdict) == (
            3,
            ["x"],
            "reconciled",
        )
        assert sweeps.find_sweep(con, "unknown") is None
        assert sweeps.latest_sweep(con, FEED, Resource.MEMBER) is None
        with pytest.raises(ValueError, match="no columns colour"):
            sweeps.update_sweep(con, "s1", colour="red")
        with pytest.raises(ValueError, match="no sweep unknown"):
            sweeps.sweep_row(con, "unknown")


def flat(batches):
    return [key for batch in batches for key in batch]


def test_both_key_sets_are_streamed_in_bytewise_order(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(staging, "_BATCH", 2)
    keys = ["a", "B", "é", "10", "9", "a b", "a-b"]
    bring(warehouse, page(*keys))
    with warehouse.write() as con:
        _begin(con)
        land(con, page("a", "new"))
        merge_all(con)
        sweeps.stage_keys(con, "s1", [*keys, "a"])
        sweeps.stage_keys(con, "s1", ["zz"])
        staged = flat(sweeps.staged_batches(con, "s1"))
        local = flat(sweeps.local_batches(con, "s1"))
        found = sweeps.key_difference(con, "s1")
        assert staged == sorted([*keys, "zz"], key=str.encode)
        assert local == sorted([*keys, "new"], key=str.encode)
        assert found == sweeps.KeyDifference(7, [("new", False)], ["zz"])
        con.execute("delete from raw.sweep_keys where record_key in ('a', '9')")
        found = sweeps.key_difference(con, "s1")
        assert found == sweeps.KeyDifference(5, [("9", True), ("a", False), ("new", False)], ["zz"])
        sweeps.stage_keys(con, "s1", ["a", "9"])
        assert sweeps.count_staged(con, "s1") == 8
        assert sweeps.unknown_locally(con, "s1") == 1
        assert set(sweeps.sample_staged(con, "s1", 3)) < set(keys)


def test_a_key_that_the_source_lists_as_deleted_is_accounted_for(warehouse: Warehouse):
    bring(
        warehouse,
        page("a", "b"),
        page(gone("b", Reason.STATUS_DELETE), gone("never here", Reason.STATUS_DELETE)),
    )
    with warehouse.write() as con:
        _begin(con)
        sweeps.stage_keys(con, "s1", ["a", "b", "never here"])
        assert flat(sweeps.staged_batches(con, "s1")) == ["a"]
        land(con, page("b"))
        assert flat(sweeps.staged_batches(con, "s1")) == ["a", "b"], "it lives again"


def test_open_houses_that_are_over_count_only_if_the_source_still_lists_them(
    warehouse: Warehouse,
):
    day = timedelta(days=1)
    houses = {
        "ended": {"OpenHouseStartTime": NOON - day, "OpenHouseEndTime": NOON - MINUTE},
        "ended, listed": {"OpenHouseEndTime": NOON - MINUTE},
        "running": {"OpenHouseStartTime": NOON - MINUTE, "OpenHouseEndTime": NOON + MINUTE},
        "started, no end": {"OpenHouseStartTime": NOON - MINUTE},
        "started yesterday, no end": {"OpenHouseStartTime": NOON - day},
        "long ago": {"OpenHouseDate": (NOON - 5 * day).date()},
        "yesterday, somewhere still today": {"OpenHouseDate": (NOON - day).date()},
        "today": {"OpenHouseDate": NOON.date()},
        "undated": {},
    }
    entries = [record(key, ListingKey="a") for key in houses]
    bring(warehouse, page(*entries, resource=Resource.OPEN_HOUSE))
    with warehouse.write() as con:
        for key, times in houses.items():
            for column, value in times.items():
                con.execute(
                    f'update open_houses set "{column}" = ? where "OpenHouseKey" = ?', [value, key]
                )
        _begin(con, resource=Resource.OPEN_HOUSE)
        sweeps.stage_keys(con, "s1", ["ended, listed"])
        local = flat(sweeps.local_batches(con, "s1"))
        assert local == sorted(
            [
                *("ended, listed", "running", "started, no end", "today", "undated"),
                "yesterday, somewhere still today",
            ]
        )
        assert open_houses.over_by(con, FEED, ["running", "ended", "today"], NOON + day) == {
            "running",
            "ended",
        }


def test_a_replay_stages_what_is_alive_at_its_end(warehouse: Warehouse):
    with warehouse.write() as con:
        _begin(con)
        sweeps.stage_events(con, "s1", alive=["a", "b"], gone=[])
        sweeps.stage_events(con, "s1", alive=["a", "c"], gone=["b", "x"])
        assert flat(sweeps.staged_batches(con, "s1")) == ["a", "c"]


def test_two_walks_over_a_set_can_be_held_side_by_side(warehouse: Warehouse):
    with warehouse.write() as con:
        _begin(con)
        sweeps.stage_keys(con, "s1", ["a", "b", "b"])
        sweeps.stage_keys(con, "s1/again", ["b", "a"])
        assert sweeps.staged_difference(con, "s1", "s1/again") == 0
        sweeps.stage_keys(con, "s1/again", ["c"])
        assert sweeps.staged_difference(con, "s1", "s1/again") == 1
        sweeps.drop_staged_keys(con, "s1/again")
        assert sweeps.staged_difference(con, "s1", "s1/again") == 2


def test_a_guard_can_ask_what_came_and_went_lately(warehouse: Warehouse):
    bring(warehouse, page("old", at=NOON - 2 * MINUTE), page("a", "b"), page(gone("b")))
    with warehouse.write() as con:
        lately = {"since": NOON - MINUTE, "until": NOON + MINUTE, "among": ["a", "old"]}
        assert sweeps.recently_seen(con, FEED, PROPERTY, **lately) == (1, {"a"})
        assert sweeps.recently_seen(con, FEED, PROPERTY, **{**lately, "until": NOON}) == (0, set())
        assert sweeps.count_removed_by_sweeps(con, FEED, PROPERTY, NOON) == 0, (
            "a tombstone is no sweep's"
        )
        sweeps.begin_sweep(con, "sweep", FEED, PROPERTY, NOON, "run-1")
        con.execute(
            "update deletion_ledger set reason = 'absent_from_sweep', evidence_id = 'sweep'"
        )
        assert sweeps.count_removed_by_sweeps(con, FEED, PROPERTY, NOON) == 1
        sweeps.use_approval(con, "keyless", "sweep", "somebody", released=0)
        assert sweeps.count_removed_by_sweeps(con, FEED, PROPERTY, NOON) == 1
        sweeps.use_approval(con, "blocked", "sweep", "somebody", released=1)
        assert sweeps.count_removed_by_sweeps(con, FEED, PROPERTY, NOON) == 0
        con.execute("delete from raw.approvals")
        assert sweeps.count_removed_by_sweeps(con, FEED, PROPERTY, datetime.now(UTC) + MINUTE) == 0


def test_a_proven_sweep_waits_to_be_judged(warehouse: Warehouse):
    with warehouse.write() as con:
        _begin(con)
        assert sweeps.waiting_sweeps(con, FEED) == []
        sweeps.update_sweep(con, "s1", source_keys=2)
        assert [row.sweep_id for row in sweeps.waiting_sweeps(con, FEED)] == ["s1"]
        assert sweeps.waiting_sweeps(con, FEED, hours=-1) == [], "too old"
        assert abs(sweeps.began_here_at(con, "s1") - datetime.now(UTC)) < MINUTE
        sweeps.close_sweep(con, "s1", verdict="void", explanation="")
        assert sweeps.waiting_sweeps(con, FEED) == []


def test_a_blocked_sweep_is_shown_until_one_comes_through(warehouse: Warehouse):
    bring(warehouse, page("a", "b"))
    with warehouse.write() as con:
        _begin(con)
        sweeps.keep_suspects(con, "s1", ["a", "gone meanwhile"])
        sweeps.close_sweep(con, "s1", verdict="blocked", explanation="too many")
        sweeps.begin_sweep(con, "s2", FEED, PROPERTY, NOON + MINUTE, "run-2")
        sweeps.close_sweep(con, "s2", verdict="void", explanation="broke off")
        assert [row.sweep_id for row in sweeps.blocked_sweeps(con)] == ["s1"]
        assert sweeps.oldest_evidence(con) == {(FEED, PROPERTY): NOON}
        sweeps.begin_sweep(con, "s3", FEED, PROPERTY, NOON + 2 * MINUTE, "run-3")
        sweeps.close_sweep(con, "s3", verdict=Verdict.RECONCILED, explanation="equal")
        sweeps.forget_suspects(con, FEED, PROPERTY)
        assert sweeps.blocked_sweeps(con) == []
        assert sweeps.oldest_evidence(con) == {}


def test_an_approval_releases_the_suspects_of_its_sweep_once_and_for_a_day(warehouse: Warehouse):
    with warehouse.write() as con:
        _begin(con, "s1")
        sweeps.keep_suspects(con, "s1", ["a", "b"])
        sweeps.close_sweep(con, "s1", verdict="blocked", explanation="too many")
        assert sweeps.approval(con, "s1", FEED, PROPERTY).keys == {"a", "b"}
        for sweep_id, feed, why in (
            ("s9", FEED, "no sweep of spark/default Property has this id"),
            ("s1", "spark/other", "no sweep of spark/other"),
        ):
            with pytest.raises(ConfigurationError, match=why):
                sweeps.approval(con, sweep_id, feed, PROPERTY)
        sweeps.use_approval(con, "s1", "s2", "somebody", released=2)
        with pytest.raises(ConfigurationError, match="used up by sweep s2"):
            sweeps.approval(con, "s1", FEED, PROPERTY)
        _begin(con, "s3")
        with pytest.raises(ConfigurationError, match="it is running"):
            sweeps.approval(con, "s3", FEED, PROPERTY)
        day_old = datetime.now(UTC) - timedelta(hours=25)
        sweeps.close_sweep(con, "s3", verdict="blocked", explanation="", finished_at=day_old)
        with pytest.raises(ConfigurationError, match="25 hours ago"):
            sweeps.approval(con, "s3", FEED, PROPERTY)
        _begin(con, "s4")
        sweeps.mark_keyless(con, "s4")
        sweeps.close_sweep(con, "s4", verdict="void", explanation="keyless")
        assert sweeps.approval(con, "s4", FEED, PROPERTY).keyless
        sweeps.use_approval(con, "s4", "s5", "somebody", released=0)
        assert sweeps.approval(con, "s4", FEED, PROPERTY, user="s5").keyless, "its own"
        _begin(con, "s6")
        sweeps.close_sweep(con, "s6", verdict="blocked", explanation="")
        _begin(con, "s7")
        sweeps.close_sweep(con, "s7", verdict=Verdict.RECONCILED, explanation="")
        with pytest.raises(ConfigurationError, match="sweep s7 came through since"):
            sweeps.approval(con, "s6", FEED, PROPERTY)


def test_hidden_suspects_are_left_out_of_the_published_file_until_it_reconciles(
    warehouse: Warehouse,
):
    target = Path(warehouse.address).with_name("mls.duckdb")
    bring(
        warehouse, page("a", "b"), page(record("oh", ListingKey="a"), resource=Resource.OPEN_HOUSE)
    )
    with warehouse.write() as con:
        hiding.hide_keys(con, FEED, PROPERTY, ["a"])
    assert publication.write_published(warehouse, target, run_id="run-1").rows["listings"] == 1
    with warehouse.write() as con:
        assert keys_in(con, "listings") == ["a", "b"]
        sweeps.forget_suspects(con, FEED, PROPERTY)
    shown = publication.write_published(warehouse, target, run_id="run-1")
    assert (shown.rows["listings"], shown.rows["open_houses"]) == (2, 1)
