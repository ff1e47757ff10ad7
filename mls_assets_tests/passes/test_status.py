"""What `status` tells: how closely each feed matches, and how long until a removal is overdue."""

from datetime import UTC, datetime, timedelta

import pytest

from mls_assets.passes.status import removal_deadline, status
from mls_assets.values import Resource
from mls_assets.warehouse import FeedState

PROOF = datetime(2026, 5, 1, 12, tzinfo=UTC)
EARLIER = PROOF - timedelta(hours=3)


@pytest.mark.parametrize(
    ("state", "evidence", "base"),
    [
        ({"reconciled_at": PROOF}, None, PROOF),
        ({"reconciled_at": PROOF}, EARLIER, EARLIER),
        ({"cursor": PROOF.isoformat()}, None, PROOF),
        ({}, None, None),
    ],
)
def test_a_removal_is_due_twelve_hours_after_the_oldest_evidence_or_the_last_proof(
    state, evidence, base
):
    found = removal_deadline(FeedState("spark/default", Resource.PROPERTY, **state), evidence)
    assert found == (base and base + timedelta(hours=12))


def test_forge_proves_its_removals_by_every_success():
    state = FeedState("forge/armls", Resource.PROPERTY, cursor="7", last_success_at=PROOF)
    assert removal_deadline(state, None) == PROOF + timedelta(hours=12)


def test_the_status_of_a_fresh_folder_names_what_is_configured(place):
    told = status(place.site, place.feeds).as_json()
    assert {(entry["feed"], entry["state"]) for entry in told["feeds"]} == {
        ("spark/default", "new")
    }
    assert told["published_at"] is None


def test_a_blocked_feed_is_told_with_its_sweep_and_the_hours_left(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=30)
    judged = place.purge()
    (entry,) = [
        entry
        for entry in status(place.site, place.feeds).as_json()["feeds"]
        if entry["resource"] == "Property"
    ]
    assert entry["state"] == "blocked"
    assert entry["blocked"]["sweep_id"] == judged.sweep_id
    assert entry["blocked"]["absent"] == 30
    assert 11 < entry["hours_left"] <= 12
