"""Records that lie outside of every window: they are known, so each purge asks for them by key."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mls_assets.model.resources import Resource

NAMES = 'select "MemberKey", "MemberFullName" from members where "MemberKey" in (?, ?) order by 1'


@pytest.mark.parametrize("modified", [None, "0099-01-01T00:00:00Z", "soon"])
def test_changes_of_records_without_a_usable_timestamp_come_with_the_next_purge(place, modified):
    keys = sorted(place.truth(Resource.MEMBER))[:2]
    dated = {"ModificationTimestamp": modified}
    place.control("change", resource="Member", keys=keys, set={**dated, "MemberFullName": "Old"})
    (done,) = place.replicate(Resource.MEMBER)
    assert "2 Member records have no usable ModificationTimestamp" in done.notes[0]
    place.control("change", resource="Member", keys=keys, set={**dated, "MemberFullName": "New"})
    (done,) = place.replicate(Resource.MEMBER)
    assert done.changed == 0
    judged = place.purge(Resource.MEMBER)
    assert judged.verdict == "reconciled", judged.explanation
    assert "2 of them were asked for by key, 2 had changed" in judged.explanation
    assert place.rows(NAMES, *keys) == [(key, "New") for key in keys]


def test_a_record_dated_in_the_future_takes_its_correction(place):
    keys = sorted(place.truth(Resource.MEMBER))[:2]
    far = {"ModificationTimestamp": "2046-01-01T00:00:00Z", "MemberFullName": "Old"}
    place.control("change", resource="Member", keys=keys, set=far)
    place.replicate(Resource.MEMBER)
    assert place.rows(NAMES, *keys) == [(key, "Old") for key in keys]
    now = {"ModificationTimestamp": datetime.now(UTC).isoformat(), "MemberFullName": "New"}
    place.control("change", resource="Member", keys=keys[:1], set=now)
    (done,) = place.replicate(Resource.MEMBER)
    assert done.changed == 1
    # the other one's correction lies outside of every window
    back = {"ModificationTimestamp": "2001-01-01T00:00:00Z", "MemberFullName": "New"}
    place.control("change", resource="Member", keys=keys[1:], set=back)
    judged = place.purge(Resource.MEMBER)
    assert "1 of them were asked for by key, 1 had changed" in judged.explanation
    assert place.rows(NAMES, *keys) == [(key, "New") for key in keys]


def test_a_dated_record_that_loses_its_timestamp_comes_with_the_next_purge(place):
    place.begin()
    keys = sorted(place.truth(Resource.MEMBER))[:2]
    lost = {"ModificationTimestamp": None, "MemberFullName": "New"}
    place.control("change", resource="Member", keys=keys, set=lost)
    (done,) = place.replicate(Resource.MEMBER)
    assert done.changed == 0
    judged = place.purge(Resource.MEMBER)
    assert "2 of them were asked for by key, 2 had changed" in judged.explanation
    assert place.rows(NAMES, *keys) == [(key, "New") for key in keys]
    judged = place.purge(Resource.MEMBER)
    assert "2 of them were asked for by key, 0 had changed" in judged.explanation


@pytest.mark.parametrize("status", ["status_404", "status_502"])
def test_where_the_source_does_not_say_what_is_undated_the_verdict_says_so(place, status):
    place.begin()
    place.settings = replace(place.settings, patience_seconds=0.2)
    place.fault(status, resource="Member", match=" eq null", times=0)
    judged = place.purge(Resource.MEMBER)
    assert judged.verdict == "reconciled"
    assert "did not say which records have no ModificationTimestamp" in judged.explanation


def test_each_purge_asks_for_so_many_and_the_next_one_for_the_others(place, monkeypatch):
    monkeypatch.setattr("mls_assets.replication.undated.MOST_A_PURGE", 1)
    keys = sorted(place.truth(Resource.MEMBER))[:2]
    for name in ("Old", "New"):
        place.control(
            "change",
            resource="Member",
            keys=keys,
            set={"ModificationTimestamp": None, "MemberFullName": name},
        )
        place.replicate(Resource.MEMBER)
    assert "1 of them were asked for by key" in place.purge(Resource.MEMBER).explanation
    place.purge(Resource.MEMBER)
    assert place.rows(NAMES, *keys) == [(key, "New") for key in keys]


def test_a_purge_of_dated_records_asks_for_none(place):
    place.begin()
    judged = place.purge(Resource.MEMBER)
    assert "ModificationTimestamp" not in judged.explanation


def test_a_dry_run_asks_for_none(place):
    keys = sorted(place.truth(Resource.MEMBER))[:1]
    place.control("change", resource="Member", keys=keys, set={"ModificationTimestamp": None})
    place.replicate(Resource.MEMBER)
    judged = place.purge(Resource.MEMBER, dry_run=True)
    assert "asked for by key" not in judged.explanation
