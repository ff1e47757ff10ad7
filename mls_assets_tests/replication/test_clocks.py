"""Clocks that run ahead, and what becomes of edits that were made meanwhile."""

from datetime import UTC, datetime, timedelta

import pytest

from mls_assets.model.resources import Resource
from mls_assets.replication.clocks import about_skew, last_sane
from mls_assets.sources.transport.session import HttpSession

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def polls(begin, count):
    return [begin + 5 * MINUTE * number for number in range(count)]


@pytest.mark.parametrize(
    ("cursors", "now", "sane"),
    [
        # two polls a day ahead
        ([*polls(NOON, 3), *polls(NOON + DAY, 2)], NOON + 30 * MINUTE, NOON + 10 * MINUTE),
        # an hour ahead for so long that its first cursors lie in the past by now
        ([*polls(NOON, 3), *polls(NOON + 75 * MINUTE, 40)], NOON + 4 * HOUR, NOON + 10 * MINUTE),
        # a clock that was set right by two seconds
        (polls(NOON, 3), NOON + 10 * MINUTE - timedelta(seconds=2), NOON + 5 * MINUTE),
        # polls six hours apart, of which the last two were taken two hours ahead: any of these
        # gaps may be the jump, and only the oldest cursor was surely taken before it
        (
            [NOON, NOON + 6 * HOUR, NOON + 14 * HOUR, NOON + 20 * HOUR],
            NOON + 18 * HOUR + 30 * MINUTE,
            NOON,
        ),
        # nothing sane is known
        ([NOON + DAY], NOON, NOON - 30 * DAY),
        ([], NOON, NOON - 30 * DAY),
    ],
)
def test_the_last_sane_cursor_is_that_before_the_jump(cursors, now, sane):
    assert last_sane(cursors, now) == sane


def test_clocks_that_differ_are_told_from_five_minutes_on():
    assert about_skew(None) == about_skew(5 * MINUTE) == ()
    assert "90 min behind" in about_skew(90 * MINUTE)[0]
    assert "60 min ahead" in about_skew(-HOUR)[0]


def test_a_sources_clock_that_ran_ahead_for_two_polls_loses_no_edit(place):
    place.replicate(Resource.OFFICE, Resource.MEMBER)
    place.control("clock", advance_minutes=60 * 24)
    for _ in range(2):
        (done,) = place.replicate(Resource.MEMBER)
        assert "ahead of this machine's" in done.notes[0]
        assert datetime.fromisoformat(place.state(Resource.MEMBER)["cursor"]) <= datetime.now(UTC)
    place.control("clock", advance_minutes=-60 * 24)
    (key,) = place.control("change", resource="Member", count=1, set={"MemberFullName": "New"})[
        "keys"
    ]
    place.replicate(Resource.MEMBER)
    name = place.rows('select "MemberFullName" from members where "MemberKey" = ?', key)
    assert name == [("New",)]


def test_where_no_date_is_told_a_clock_of_ours_that_ran_ahead_loses_no_edit(place, monkeypatch):
    ahead = [timedelta(0)]
    made = HttpSession.__init__

    def with_our_clock(self, *args, **settings):
        made(self, *args, **settings, now=lambda: datetime.now(UTC) + ahead[0])

    monkeypatch.setattr(HttpSession, "__init__", with_our_clock)
    monkeypatch.setattr("mls_assets.sources.transport.session.server_date", lambda _: None)
    place.replicate(Resource.MEMBER)
    ahead[0] = 2 * DAY
    place.replicate(Resource.MEMBER)
    (key,) = place.control("change", resource="Member", count=1, set={"MemberFullName": "New"})[
        "keys"
    ]
    place.replicate(Resource.MEMBER)
    name = 'select "MemberFullName" from members where "MemberKey" = ?'
    assert place.rows(name, key) != [("New",)], "asked for is the day after tomorrow"
    ahead[0] = timedelta(0)
    (done,) = place.replicate(Resource.MEMBER)
    assert place.rows(name, key) == [("New",)]
    assert "in the future" in done.notes[0]
    assert "asked for again" in done.notes[0]
    assert datetime.fromisoformat(place.state(Resource.MEMBER)["cursor"]) <= datetime.now(UTC)
    (done,) = place.replicate(Resource.MEMBER)
    assert done.notes == ()


def test_a_download_that_began_in_the_future_begins_again(place):
    place.fault("status_404", resource="Property", after=1)
    with pytest.raises(Exception, match="404"):
        place.replicate(Resource.PROPERTY)
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.walks set started_at = started_at + interval 1 day")
    (done,) = place.replicate(Resource.PROPERTY)
    assert "began again" in done.notes[0]
    assert done.unchanged == 25
    assert datetime.fromisoformat(place.state()["cursor"]) <= datetime.now(UTC)


def test_a_record_of_the_future_is_neither_the_newest_nor_news(place):
    place.begin(Resource.PROPERTY)
    newest = "select newest_modification from feeds where resource = 'Property'"
    before = place.rows(newest)
    place.control(
        "change", count=1, set={"ModificationTimestamp": "2099-01-01T00:00:00Z", "City": "Fargo"}
    )
    (done,) = place.replicate(Resource.PROPERTY)
    assert done.changed == 1
    assert place.rows(newest) == before
