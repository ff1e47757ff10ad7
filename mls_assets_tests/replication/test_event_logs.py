"""What Forge's event logs say when they are odd: unreadable events, ends that nobody told."""

import shutil

import pytest

from mls_assets.errors import CursorWentBack, SweepVoid
from mls_assets.sources.forge import client as forge_client
from mls_assets_tests.replication.event_log import Event, EventLog, event_log
from mls_assets_tests.replication.place import ARMLS, WAREHOUSE, Place
from mls_assets_tests.sources.graphql_server import gone, live
from mls_assets_tests.sources.servers import TOKEN


@pytest.fixture
def log():
    with event_log() as running:
        yield running


@pytest.fixture
def at(tmp_path, empty_warehouse, log, monkeypatch):
    """A place that follows the log."""
    shutil.copy(empty_warehouse, tmp_path / WAREHOUSE)
    monkeypatch.setenv("FORGE_API_TOKEN", TOKEN)
    monkeypatch.setattr(forge_client, "_STANDSTILL_SECONDS", 0.01)
    return Place(log, tmp_path)


def names(first: int, last: int) -> list[str]:
    return [f"K{number:03}" for number in range(first, last + 1)]


def lives(first: int, last: int) -> list[Event]:
    return [live(key) for key in names(first, last)]


def reset(at: Place, log: EventLog, *events: Event) -> None:
    """Let the log begin anew, with an end before the event that was handled last."""
    log.events = list(events)
    with pytest.raises(CursorWentBack):
        at.follow()
    assert at.state(feed=ARMLS)["state"] == "needs_resync"


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ('{"DELETED":true,"ListingKey":"K003","ListPrice":NaN}', "tombstone"),
        ('{"ListingKey":"K003","DELETED":true,"Remarks":"a\tb"}', "tombstone"),
        (r'{"DELETED":true,"ListingKey":"K003","Remarks":"view \ud83c"}', "tombstone"),
        (
            r'{"DELETED":null,"ListingKey":"K003","StandardStatus":"Delete","Remarks":"\ud83c"}',
            "status_delete",
        ),
    ],
)
def test_a_removal_beside_an_unreadable_value_is_one_for_followers_and_replays(
    at: Place, log: EventLog, event: str, reason: str
):
    log.events = [*lives(1, 12)]
    at.follow()
    log.events.append(event)
    at.follow()
    assert "K003" not in at.keys(feed=ARMLS)
    assert at.ledger() == [("K003", "removed", reason)]
    assert at.replay().verdict == "reconciled"
    assert "K003" not in at.keys(feed=ARMLS)


def test_a_replay_proves_nothing_where_it_cannot_be_told_whether_a_record_is_gone(
    at: Place, log: EventLog
):
    log.events = lives(1, 12)
    at.follow()
    log.events += ['{"DELETED":tru,"ListingKey":"K003"}', gone("K004")]
    at.follow()
    void = at.replay()
    assert (void.verdict, void.removed) == ("void", 0)
    assert "1 record(s) of which it cannot be told whether they are gone" in void.explanation
    assert at.replay(approve=void.sweep_id).verdict == "reconciled"
    assert "K003" in at.keys(feed=ARMLS)
    log.events.append(gone("K003"))
    at.follow()
    assert at.replay().verdict == "reconciled", "a later event says what became of it"


def test_an_unreadable_record_behind_a_tombstone_lives_for_followers_and_replays(
    at: Place, log: EventLog
):
    log.events = lives(1, 12)
    at.follow()
    log.events += [gone("K003"), '{"DELETED":null,"ListingKey":"K003","ListPrice":NaN}']
    at.follow()
    assert at.rows("select record_key from rejected_values") == [("K003",)]
    assert "K003" in at.keys(feed=ARMLS)
    assert at.replay().verdict == "reconciled"
    assert at.ledger() == []


@pytest.mark.parametrize("remaining", [3, "3", None, -1, "many"])
def test_a_standstill_that_does_not_say_that_nothing_remains_ends_no_replay(
    at: Place, log: EventLog, remaining: object
):
    log.events = lives(1, 18)
    at.follow()
    reset(at, log, *lives(1, 17))
    log.events = lives(1, 18)
    log.instead = lambda after: log.page(
        after, latest_event=15, remaining=remaining, **({} if after < 15 else {"results": []})
    )
    with pytest.raises(SweepVoid):
        at.follow()
    assert (len(at.keys(feed=ARMLS)), at.ledger()) == (18, [])
    log.instead = lambda after: None
    at.follow()
    assert (len(at.keys(feed=ARMLS)), at.ledger()) == (18, [])
    assert at.state(feed=ARMLS)["state"] == "current"


def test_a_log_that_never_says_what_remains_is_followed_to_where_nothing_new_comes(
    at: Place, log: EventLog
):
    log.events = lives(1, 18)
    log.instead = lambda after: log.page(after, remaining=None)
    at.follow()
    assert len(at.keys(feed=ARMLS)) == 18
    assert at.state(feed=ARMLS)["state"] == "current"
    void = at.replay()
    assert (void.verdict, void.removed) == ("void", 0)
    assert "did not say that no events remain" in void.explanation


UNREADABLE = '{"DELETED":null,"ListingKey":"X","ListPrice":NaN}'


def test_a_record_that_cannot_be_stored_does_not_keep_a_reset_log_from_being_followed(
    at: Place, log: EventLog
):
    log.events = lives(1, 18)
    at.follow()
    reset(at, log, *lives(1, 13), UNREADABLE, *lives(14, 16))
    done = at.follow()
    assert any("stand in rejected_values" in note for note in done.notes)
    assert at.state(feed=ARMLS)["state"] == "current"
    assert at.rows("select verdict from sweeps") == [("unequal",)]
    assert at.keys(feed=ARMLS) == set(names(1, 16))
    log.asked.clear()
    log.events += [gone("K001"), live("NEW")]
    at.follow()
    assert 0 not in log.asked, "the log is not read from its start again"
    assert {"K001", "NEW"} & at.keys(feed=ARMLS) == {"NEW"}


@pytest.mark.parametrize("event", ["null", live(""), '{"DELETED":tru,"ListingKey":"X"}'])
def test_removals_alone_wait_where_a_reset_log_does_not_say_which_keys_are_alive(
    at: Place, log: EventLog, event: Event
):
    log.events = lives(1, 18)
    at.follow()
    reset(at, log, *lives(1, 13), event, live("NEW1"))
    at.follow()
    assert at.state(feed=ARMLS)["state"] == "blocked"
    (held_back,) = at.rows("select sweep_id, verdict, explanation from sweeps")
    assert held_back[1] == "blocked"
    assert f"--approve {held_back[0]}" in held_back[2]
    assert at.ledger() == []
    assert len(at.keys(feed=ARMLS)) == 19
    log.asked.clear()
    log.events += [gone("K001"), live("NEW2")]
    at.follow()
    assert 0 not in log.asked, "the log is not read from its start again"
    assert {"K001", "NEW2"} & at.keys(feed=ARMLS) == {"NEW2"}
    judged = at.replay(approve=held_back[0])
    assert judged.removed == 5
    assert at.keys(feed=ARMLS) == {*names(2, 13), "NEW1", "NEW2"}


NEWER = [live("NEW1"), live("NEW2"), gone("K004"), live("K005", ListPrice=2)]


def lag(at: Place, log: EventLog) -> None:
    """Follow a log to its end, then be answered by a replica that is 4 events behind."""
    log.events = [*lives(1, 18), *NEWER]
    at.follow()
    reset(at, log, *log.events[:18])


def test_a_replica_that_is_behind_removes_nothing_and_restores_nothing(at: Place, log: EventLog):
    lag(at, log)
    before = at.keys(feed=ARMLS), at.ledger()
    prices = at.rows('select "ListingKey", "ListPrice" from listings order by all')
    for _ in range(2):
        with pytest.raises(SweepVoid, match=r"2 key\(s\) absent, 1 back, 1 with.* a replica"):
            at.follow()
        assert (at.keys(feed=ARMLS), at.ledger()) == before
        assert at.rows('select "ListingKey", "ListPrice" from listings order by all') == prices
    log.events += [*NEWER, live("NEW3")]
    at.follow()
    assert at.state(feed=ARMLS)["state"] == "current"
    assert at.keys(feed=ARMLS) == before[0] | {"NEW3"}
    assert at.ledger() == before[1]


def test_a_log_that_ends_too_early_for_an_hour_was_reset(at: Place, log: EventLog):
    lag(at, log)
    with pytest.raises(SweepVoid):
        at.follow()
    with at.workspace.warehouse.write() as con:
        con.execute("update raw.resets set since = since - interval 1 hour")
    at.follow()
    assert at.state(feed=ARMLS)["state"] == "current"
    assert at.keys(feed=ARMLS) == set(names(1, 18))


def test_a_log_that_tells_what_the_one_before_could_not_was_reset(at: Place, log: EventLog):
    log.events = lives(1, 18)
    at.follow()
    reset(at, log, *lives(1, 12), live("OTHER"))
    at.follow()
    assert at.state(feed=ARMLS)["state"] == "current"
    assert len(at.ledger()) == 6


def test_a_source_that_knows_the_later_events_when_it_is_asked_again_was_not_reset(
    at: Place, log: EventLog
):
    lag(at, log)
    whole = [*log.events, *NEWER]

    def catch_up(after: int) -> None:
        if after == len(whole):
            log.events = whole

    log.instead = catch_up
    with pytest.raises(SweepVoid, match="the source knows them again"):
        at.follow()
    assert at.ledger() == [("K004", "removed", "tombstone")]
    at.follow()
    assert at.state(feed=ARMLS)["state"] == "current"
    assert at.ledger() == [("K004", "removed", "tombstone")]
