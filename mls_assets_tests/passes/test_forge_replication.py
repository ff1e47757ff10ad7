"""Following Forge's event log, and replaying it, against the sandbox over HTTP."""

import pytest

from mls_assets.errors import AccessLost, CursorWentBack, SourceError
from mls_assets.passes.replicate import forge_feeds
from mls_assets.passes.settings import ForgeSettings
from mls_assets.values import Resource
from mls_assets_tests.passes.place import ARMLS

RMLS = "forge/rmls"


def test_every_mls_that_forge_lists_is_a_feed(place):
    assert [mls.key for mls in forge_feeds(place.forge, ForgeSettings())] == ["armls", "rmls"]


def test_following_from_nothing_brings_every_listing_and_agent(place):
    for resource in (Resource.PROPERTY, Resource.MEMBER):
        done = place.follow(resource=resource)
        assert place.keys(resource, ARMLS) == place.truth(resource, ARMLS)
        assert place.state(resource, ARMLS)["cursor"] == done.cursor
        assert place.state(resource, ARMLS)["state"] == "current"


def test_photos_become_media_in_order(place):
    place.follow()
    ordered = place.rows(
        """select bool_and("MediaKey" = "ListingKey" || '-' || "Order"), count(*),
        count(distinct "MediaKey") from media where feed = ?""",
        ARMLS,
    )
    assert ordered[0][0] is True
    assert ordered[0][1] == ordered[0][2] > 0


def test_a_poll_without_news_changes_nothing(place):
    place.follow()
    before = place.tables()
    done = place.follow()
    assert (done.pages, done.records, done.changed_anything) == (1, 0, False)
    assert place.tables() == before


def test_a_tombstone_removes_with_a_ledger_entry_and_a_return_is_noted(place):
    place.follow()
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
    place.follow()
    place.follow(RMLS)
    others = place.keys(feed=RMLS)
    lost = place.control("revoke", feed=ARMLS, count=3)["keys"]
    place.follow()
    place.follow(RMLS)
    assert not set(lost) & place.keys(feed=ARMLS)
    assert place.keys(feed=RMLS) == others
    assert {key for key, _, _ in place.ledger()} == set(lost)


def test_a_later_event_counts_even_if_its_record_is_dated_earlier(place):
    place.follow()
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
    "fault", ["errors_with_data", "errors_null_data", "truncated_body", "status_500_html"]
)
def test_an_answer_with_errors_is_not_applied_and_moves_no_cursor(place, fault):
    place.follow()
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
    place.follow()
    before = place.keys(feed=ARMLS)
    place.fault("mls_null", surface="forge", times=0)
    with pytest.raises(AccessLost):
        place.follow()
    assert place.keys(feed=ARMLS) == before


def test_a_log_that_was_reset_wants_a_resync_and_the_next_run_replays_it(place):
    place.follow()
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
    place.follow()
    (key,) = place.control("remove", feed=ARMLS, count=1)["keys"]
    # as if the tombstone had never come: the cursor passes it unseen
    event = place.control("skip_events", feed=ARMLS, resource="Property", count=1)
    with place.site.warehouse.write() as con:
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
    place.follow()
    before = place.keys(feed=ARMLS)
    with place.site.warehouse.write() as con:
        con.execute(
            "update feeds set state = 'needs_resync' where feed = ? and resource = 'Property'",
            [ARMLS],
        )
    place.control("remove", feed=ARMLS, count=20)
    judged = place.replay()
    assert judged.verdict == "blocked"
    assert place.keys(feed=ARMLS) == before
    assert place.ledger() == []


def test_a_replay_that_breaks_off_is_void(place):
    place.follow()
    place.fault("status_401", surface="forge", after=2, times=0)
    judged = place.replay()
    assert judged.verdict == "void"
    assert place.rows("select verdict from sweeps") == [("void",)]
