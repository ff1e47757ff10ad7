"""Following Forge's event log, and replaying it, against the sandbox over HTTP."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from mls_assets.errors import (
    AccessLost,
    ConfigurationError,
    CursorWentBack,
    SourceError,
    SourceUnreachable,
    SweepBlocked,
    TokenRefused,
)
from mls_assets.model.records import Page, RawRecord, Reject, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.outcome import Replicated
from mls_assets.replication.replicate import forge_feeds, replicate_forge
from mls_assets.replication.settings import ForgeSettings
from mls_assets.sources import ForgeClient
from mls_assets.sources.forge.shapes import ForgeShapes
from mls_assets_tests.orchestration.assets.world import world
from mls_assets_tests.replication.place import ARMLS

RMLS = "forge/rmls"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def tell(monkeypatch):
    """Let Forge's log be these answers: keys with their city, None for a tombstone."""

    def told(*answers: Any):
        asked = []

        def pages(self, feed, mls, resource, *, after, filter=None):  # noqa: A002
            asked.append(after)
            for number, answer in enumerate(() if after else answers, start=1):
                if isinstance(answer, Exception):
                    raise answer
                yield Page(
                    feed,
                    resource,
                    NOON + timedelta(minutes=number),
                    records=tuple(
                        RawRecord(key, json.dumps({"ListingKey": key, "City": city}).encode())
                        for key, city in answer.items()
                        if isinstance(city, str)
                    ),
                    removals=tuple(
                        city or Removal(key, Reason.TOMBSTONE)
                        for key, city in answer.items()
                        if city is None or isinstance(city, Removal)
                    ),
                    rejects=tuple(city for city in answer.values() if isinstance(city, Reject)),
                    position=100 + number,
                    remaining=(len(answers) - number) * 500,
                )

        monkeypatch.setattr(ForgeClient, "pages", pages)
        return asked

    return told


def want_resync(place):
    with place.workspace.warehouse.write() as con:
        con.execute(
            "update feeds set state = 'needs_resync' where feed = ? and resource = 'Property'",
            [ARMLS],
        )


def landed(place):
    return place.rows(
        "select record_key, digest, page_id, seen_page_id from raw.records order by all"
    )


def cities(place):
    return dict(place.rows('select "ListingKey", "City" from listings order by all'))


def test_every_mls_that_forge_lists_is_a_feed(place):
    listed = forge_feeds(place.forge, ForgeSettings())
    assert [mls.key for mls in listed.mlses] == ["armls", "rmls"]
    assert listed.odd == ()


def test_following_from_nothing_brings_every_listing_and_agent(place):
    for resource in (Resource.PROPERTY, Resource.MEMBER):
        done = place.follow(resource=resource)
        assert place.keys(resource, ARMLS) == place.truth(resource, ARMLS)
        assert place.state(resource, ARMLS)["cursor"] == done.cursor
        assert place.state(resource, ARMLS)["state"] == "current"


def test_photos_become_media_in_order(place):
    place.begin_following()
    ordered = place.rows(
        """select bool_and("MediaKey" = "ListingKey" || '-' || "Order"), count(*),
        count(distinct "MediaKey") from media where feed = ?""",
        ARMLS,
    )
    assert ordered[0][0] is True
    assert ordered[0][1] == ordered[0][2] > 0


def test_a_poll_without_news_changes_nothing(place):
    place.begin_following()
    before = place.tables()
    done = place.follow()
    assert (done.pages, done.records, done.removed) == (1, 0, 0)
    assert place.tables() == before


def test_a_tombstone_removes_with_a_ledger_entry_and_a_return_is_noted(place):
    place.begin_following()
    (key,) = place.control("remove", feed=ARMLS, count=1)["keys"]
    assert place.follow().removed == 1
    assert key not in place.keys(feed=ARMLS)
    assert place.rows('select count(*) from media where "ListingKey" = ?', key) == [(0,)]
    place.control("restore", feed=ARMLS, keys=[key])
    assert place.follow().restored == 1
    assert place.ledger(feed=ARMLS) == [
        (key, "removed", "tombstone"),
        (key, "restored", "returned"),
    ]
    assert place.keys(feed=ARMLS) == place.truth(feed=ARMLS)


def test_lost_access_removes_like_a_tombstone_and_only_in_its_own_feed(place):
    place.begin_following()
    place.follow(RMLS)
    others = place.keys(feed=RMLS)
    lost = place.control("revoke", feed=ARMLS, count=3)["keys"]
    place.follow()
    place.follow(RMLS)
    assert not set(lost) & place.keys(feed=ARMLS)
    assert place.keys(feed=RMLS) == others
    assert {key for key, _, _ in place.ledger()} == set(lost)


def test_a_later_event_counts_even_if_its_record_is_dated_earlier(place):
    place.begin_following()
    back = {"ListPrice": 4321, "ModificationTimestamp": "2001-01-01T00:00:00"}
    (key,) = place.control("change", feed=ARMLS, count=1, set=back)["keys"]
    assert place.follow().changed == 1
    assert place.rows('select "ListPrice" from listings where "ListingKey" = ?', key) == [(4321.0,)]


def test_a_repeated_or_unknown_tombstone_is_harmless(place):
    place.control("remove", feed=ARMLS, count=2)
    place.follow()
    assert place.ledger() == []
    assert place.keys(feed=ARMLS) == place.truth(feed=ARMLS)


@pytest.mark.parametrize(
    "fault",
    [
        "errors_with_data",
        "errors_null_data",
        pytest.param("truncated_body", marks=pytest.mark.long),
        pytest.param("status_500_html", marks=pytest.mark.long),
    ],
)
def test_an_answer_with_errors_is_not_applied_and_moves_no_cursor(place, fault):
    place.begin_following()
    cursor = place.state(feed=ARMLS)["cursor"]
    place.control("remove", feed=ARMLS, count=2)
    place.fault(fault, surface="forge", times=0)
    with pytest.raises(SourceError):
        place.follow()
    assert place.state(feed=ARMLS)["cursor"] == cursor
    assert place.ledger() == []
    place.sandbox.faults.clear()
    place.follow()
    assert len(place.ledger()) == 2


def test_mls_null_is_lost_access_and_removes_nothing(place):
    place.begin_following()
    before = place.keys(feed=ARMLS)
    place.fault("mls_null", surface="forge", resource="listings", times=0)
    with pytest.raises(AccessLost):
        place.follow()
    assert place.keys(feed=ARMLS) == before


def test_a_log_that_was_reset_wants_a_resync_and_the_next_run_replays_it(place):
    place.begin_following()
    place.fault("cursor_back", surface="forge", by=10, times=0)
    with pytest.raises(CursorWentBack):
        place.follow()
    place.sandbox.faults.clear()
    assert place.state(feed=ARMLS)["state"] == "needs_resync"
    done = place.follow()
    assert any("replayed from event 0" in note for note in done.notes)
    assert place.state(feed=ARMLS)["state"] == "current"
    assert place.keys(feed=ARMLS) == place.truth(feed=ARMLS)


def test_a_replay_reconciles_a_feed_that_lost_a_tombstone(place):
    place.begin_following()
    (key,) = place.control("remove", feed=ARMLS, count=1)["keys"]
    # as if the tombstone had never come: the cursor passes it unseen
    event = place.control("skip_events", feed=ARMLS, resource="Property", count=1)
    with place.workspace.warehouse.write() as con:
        con.execute(
            "update feeds set cursor = (cursor::bigint + 100)::varchar where feed = ? "
            "and resource = 'Property'",
            [ARMLS],
        )
    place.control("skip_events", feed=ARMLS, resource="Property", count=200)
    place.control("change", feed=ARMLS, count=1, what="price")
    assert event is not None
    judged = place.replay()
    assert (judged.verdict, judged.removed) == ("reconciled", 1)
    assert key not in place.keys(feed=ARMLS)
    assert place.keys(feed=ARMLS) == place.truth(feed=ARMLS)
    assert place.ledger() == [(key, "removed", "absent_from_sweep")]


def test_a_replay_that_would_remove_too_much_is_blocked_and_keeps_its_cursor(place):
    place.begin_following()
    before = place.keys(feed=ARMLS)
    with place.workspace.warehouse.write() as con:
        con.execute(
            "update feeds set state = 'needs_resync' where feed = ? and resource = 'Property'",
            [ARMLS],
        )
    place.control("remove", feed=ARMLS, count=20)
    judged = place.replay()
    assert judged.verdict == "blocked"
    assert place.keys(feed=ARMLS) == before
    assert place.ledger() == []


@pytest.mark.parametrize("resync", [False, True])
def test_a_replay_that_breaks_off_is_void_and_leaves_all_as_it_was(place, tell, resync):
    tell({"a": "Bend", "b": "Bend", "c": "Bend"}, {"a": "Mesa", "c": None})
    place.follow()
    if resync:
        want_resync(place)
    before = place.tables(), landed(place), place.ledger()
    tell({"a": "Bend", "b": "Bend", "c": "Bend"}, SourceUnreachable("no answer"))
    judged = place.replay()
    assert (judged.verdict, judged.removed) == ("void", 0)
    assert place.rows("select verdict from sweeps") == [("void",)]
    place.run += 1
    assert (place.tables(), landed(place), place.ledger()) == before
    assert place.rows("select * from raw.replayed") == []


@pytest.mark.parametrize("resync", [False, True])
def test_a_refused_token_voids_a_replay_and_stays_what_it_is(place, resync):
    place.begin_following()
    if resync:
        want_resync(place)
    place.fault("status_401", surface="forge", after=1 if resync else 2, times=0)
    again = place.follow if resync else place.replay
    with pytest.raises(TokenRefused) as refused:
        again()
    assert refused.value.exit_code == 2
    (found,) = place.rows("select verdict, explanation from sweeps")
    assert found[0] == "void"
    assert str(refused.value) in found[1]
    assert place.rows("select * from raw.replayed") == []


def test_a_tombstone_that_comes_during_a_resync_removes_its_record(place, tell):
    tell({"a": "Bend", "b": "Bend", "c": "Bend"})
    place.follow()
    want_resync(place)
    tell({"a": "Bend", "b": "Bend", "c": "Bend"}, {"c": None, "d": "Mesa"})
    place.follow()
    assert cities(place) == {"a": "Bend", "b": "Bend", "d": "Mesa"}
    assert place.ledger() == [("c", "removed", "absent_from_sweep")]
    assert place.rows("select removed, changed_keys from sweeps") == [(1, [])]
    assert place.state(feed=ARMLS)["state"] == "current"
    assert place.state(feed=ARMLS)["cursor"] == "102"


def test_what_is_gone_at_the_end_of_a_replay_is_held_back_by_the_guard_like_any_other(place, tell):
    tell(dict.fromkeys("abcdef", "Bend"))
    place.follow()
    want_resync(place)
    tell(dict.fromkeys("abcdef", "Bend"), dict.fromkeys("abcde"))
    with pytest.raises(SweepBlocked):
        place.follow()
    assert set(cities(place)) == set("abcdef")
    assert place.ledger() == []


def test_the_last_event_of_a_key_is_what_a_replay_lands(place, tell):
    tell({"a": "Bend", "b": "Bend"}, {"b": None})
    place.follow()
    tell({"a": "Bend", "b": "Bend", "c": "Bend"}, {"b": None, "c": None}, {"b": "Mesa"})
    judged = place.replay()
    assert judged.verdict == "reconciled"
    assert cities(place) == {"a": "Bend", "b": "Mesa"}
    assert place.ledger() == [("b", "removed", "tombstone"), ("b", "restored", "returned")]
    assert place.rows("select * from raw.replayed") == []
    fetched = place.rows('select landed_at from listings where "ListingKey" = ?', "b")
    assert fetched == [(NOON + timedelta(minutes=3),)]


def test_a_replay_tells_of_records_that_cannot_be_stored(place, tell):
    tell({"a": "Bend"})
    place.follow()
    bad = {key: Reject("no object", f"sha-{key}", key) for key in ("b", "c")}
    tell({"b": bad["b"], "c": bad["c"]}, {"a": "Bend", "b": "Bend"})
    judged = place.replay()
    assert judged.verdict == "unequal", "c is there, but not here"
    assert "1 stand in rejected_values" in judged.explanation
    refused = place.rows("select record_key, problem from rejected_values order by all")
    assert refused == [("c", "no object (sha256 sha-c)")]


def test_a_listing_whose_newest_event_cannot_be_read_is_not_taken_for_gone(place, tell):
    listings = {f"k{number:02}": "Bend" for number in range(40)}
    tell(listings)
    place.follow()
    unreadable = {key: Reject("no object", f"sha-{key}", key) for key in list(listings)[:15]}
    tell(listings, unreadable)
    judged = place.replay()
    assert (judged.verdict, judged.removed) == ("reconciled", 0)
    assert place.keys(feed=ARMLS) == set(listings)


def test_a_replay_with_records_without_a_key_proves_nothing_until_a_person_passes_them(place, tell):
    tell({"a": "Bend", "b": "Bend"})
    place.follow()
    tell({"a": "Bend", "?": Reject("no key", "sha")})
    void = place.replay()
    assert (void.verdict, void.removed) == ("void", 0)
    assert f"Nothing was removed. If they may be passed over, run `mls-assets purge {ARMLS} " in (
        void.explanation
    )
    assert f"--approve {void.sweep_id}" in void.explanation
    judged = place.replay(approve=void.sweep_id)
    assert (judged.verdict, judged.removed) == ("reconciled", 1)
    assert judged.explanation.endswith(
        f"The records without a key that {void.sweep_id} met were released by a tester."
    )
    with pytest.raises(ConfigurationError, match="used up"):
        place.replay(approve=void.sweep_id)


def test_what_a_replay_brings_does_not_widen_what_its_guard_lets_go(place, tell):
    tell({f"old{number:02}": "Bend" for number in range(40)})
    place.follow()
    tell({f"new{number:03}": "Bend" for number in range(400)})
    judged = place.replay()
    assert (judged.verdict, judged.removed) == ("blocked", 0)
    assert "as if the source had renamed its keys" in judged.explanation
    assert judged.refetched == 400, "what is new lands nevertheless"


def test_a_listing_with_the_status_delete_is_removed_for_it(place, tell):
    tell({"a": "Bend", "b": "Bend"}, {"b": Removal("b", Reason.STATUS_DELETE)})
    place.follow()
    assert place.keys(feed=ARMLS) == {"a"}
    assert place.ledger() == [("b", "removed", "status_delete")]
    assert place.replay().verdict == "reconciled"


def test_what_a_dead_run_landed_is_normalised_before_newer_events_land(place):
    replicate_forge(place.workspace, ARMLS, place.forge, Resource.PROPERTY, place.forge_settings)
    place.control("change", feed=ARMLS, count=2, what="price")
    place.follow()
    assert {event for (event,) in place.rows("select event from listing_events")} == {
        "price_change"
    }


def test_a_replay_that_ends_before_an_event_that_was_handled_proves_nothing(place, tell):
    first = {f"k{number:02}": "Bend" for number in range(30)}
    tell(first, {f"l{number:02}": "Bend" for number in range(10)})
    place.follow()
    tell(first)
    judged = place.replay()
    assert (judged.verdict, judged.removed) == ("void", 0)
    assert "the replay ended at event 101, but events up to 102 were handled" in judged.explanation
    assert len(cities(place)) == 40


def test_a_few_removals_in_a_replay_are_no_dead_canaries(place, tell, monkeypatch):
    keys = {f"k{number:03}": "Bend" for number in range(400)}
    tell(keys)
    place.follow()
    tell(dict(list(keys.items())[12:]))
    pages = ForgeClient.pages

    def half_an_hour_later(self, *args, **kwargs):
        for page in pages(self, *args, **kwargs):
            yield replace(page, fetched_at=page.fetched_at + timedelta(minutes=30), position=200)

    monkeypatch.setattr(ForgeClient, "pages", half_an_hour_later)
    judged = place.replay()
    assert (judged.verdict, judged.removed) == ("reconciled", 12), judged.explanation


def test_a_dry_run_of_a_replay_lands_nothing_and_follows_nothing(place, tell):
    tell({"a": "Bend", "b": "Bend", "c": "Bend"})
    place.follow()
    before = place.tables(), landed(place), place.state(feed=ARMLS)
    asked = tell({"a": "Mesa", "b": "Bend", "c": "Bend"}, {"c": None, "d": "Mesa"})
    judged = place.replay(dry_run=True)
    assert (judged.verdict, judged.absent, judged.missing_locally) == ("planned", 1, 1)
    assert (place.tables(), landed(place), place.state(feed=ARMLS)) == before
    assert place.rows("select * from raw.replayed") == []
    assert asked == [0]


def test_what_a_killed_replay_staged_goes_with_the_next_run(place, tell):
    tell({"a": "Bend"})
    place.follow()
    left = (
        "insert into raw.replayed (sweep_id, feed, resource, record_key) "
        "values ('killed', ?, 'Property', 'x')"
    )
    for next_run in (place.follow, place.replay):
        with place.workspace.warehouse.write() as con:
            con.execute(left, [ARMLS])
        next_run()
        assert place.rows("select * from raw.replayed") == []
        assert set(cities(place)) == {"a"}


def test_a_replay_of_agents_where_there_is_no_query_for_them_is_nothing_wrong(place, monkeypatch):
    monkeypatch.setattr(ForgeShapes, "shape", lambda self, kind: None)
    done = place.replay(resource=Resource.MEMBER)
    assert isinstance(done, Replicated)
    assert (done.pages, done.complete) == (0, True)
    assert "no query for agents" in done.notes[0]
    assert place.follow(resource=Resource.MEMBER).notes == done.notes


def test_a_blocked_resync_does_not_read_the_whole_log_again_for_a_day(place, tell):
    tell(dict.fromkeys("abcdef", "Bend"))
    place.follow()
    want_resync(place)
    asked = tell({"a": "Bend"})
    with pytest.raises(SweepBlocked) as first:
        place.follow()
    with pytest.raises(SweepBlocked) as second:
        place.follow()
    assert asked == [0]
    assert str(second.value) == str(first.value)
    with place.workspace.warehouse.write() as con:
        con.execute("update sweeps set finished_at = finished_at - interval 25 hour")
    with pytest.raises(SweepBlocked):
        place.follow()
    assert asked == [0, 0]


def test_a_resync_is_judged_by_the_thresholds_it_is_given(place, tell):
    tell(dict.fromkeys("abcdef", "Bend"))
    place.follow()
    want_resync(place)
    tell({"a": "Bend"})
    generous = Thresholds(share=1, day_share=1)
    replicate_forge(
        place.workspace, ARMLS, place.forge, Resource.PROPERTY, ForgeSettings(2), generous
    )
    assert set(cities(place)) == {"a"}


@pytest.mark.long
def test_a_blocked_resync_of_listings_does_not_starve_the_agents(tmp_path, tell):
    with world(tmp_path, listings=20, seed=6) as here:
        tell(dict.fromkeys("abcdef", "Bend"))
        assert here.run("forge_replicate", ARMLS).success
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as con:
            con.execute("update feeds set state = 'needs_resync' where resource = 'Property'")
        tell({"a": "Bend"})
        blocked = here.run("forge_replicate", ARMLS)
        assert blocked.exit_code == 3
        assert "forge_agent_pages" in blocked.results


@pytest.mark.long
def test_a_replay_job_where_there_are_no_agents_ends_well(tmp_path, monkeypatch):
    found = ForgeShapes.shape
    monkeypatch.setattr(
        ForgeShapes, "shape", lambda self, kind: None if kind == "agents" else found(self, kind)
    )
    with world(tmp_path, listings=20, seed=6) as here:
        assert here.run("forge_replicate", ARMLS).success
        replayed = here.run("forge_replay", ARMLS)
        assert replayed.exit_code == 0
        assert replayed.results["forge_agent_pages"]["pages"] == 0
        assert "no query for agents" in replayed.results["forge_agent_pages"]["notes"]
