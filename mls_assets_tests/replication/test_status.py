"""What `status` tells: how closely each feed matches, and how long until a removal is overdue."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from mls_assets.errors import SourceUnreachable
from mls_assets.model.resources import Resource
from mls_assets.replication.reporting.status import FeedStatus, last_proof, status
from mls_assets.replication.reporting.status_table import as_markdown
from mls_assets.replication.upkeep.publish import publish
from mls_assets.warehouse import FeedState

PROOF = datetime(2026, 5, 1, 12, tzinfo=UTC)
EARLIER = PROOF - timedelta(hours=3)


@pytest.mark.parametrize(
    ("proof", "evidence", "base"),
    [(PROOF, None, PROOF), (PROOF, EARLIER, EARLIER), (None, EARLIER, EARLIER), (None, None, None)],
)
def test_a_removal_is_due_twelve_hours_after_the_oldest_evidence_or_the_last_proof(
    proof, evidence, base
):
    entry = FeedStatus(FeedState("spark/default", Resource.PROPERTY), None, proof, evidence, PROOF)
    assert entry.removal_deadline == (base and base + timedelta(hours=12))
    assert entry.hours_left == (base and 12 - (PROOF - base) / timedelta(hours=1))


def test_the_last_proof_of_a_spark_feed_is_its_last_reconciled_sweep():
    state = FeedState("spark/default", Resource.PROPERTY, reconciled_at=PROOF)
    assert last_proof(state, EARLIER) == PROOF


def test_a_spark_feed_that_was_never_reconciled_counts_from_its_first_download(place):
    place.begin(Resource.PROPERTY)
    ((downloaded,),) = place.rows("select min(fetched_at) from raw.pages where kind = 'download'")
    place.control("clock", advance_minutes=60)
    place.replicate(Resource.PROPERTY)
    (entry,) = [each for each in status(place.workspace, place.feeds).feeds if each.state.rows]
    assert entry.proof == downloaded


def test_forge_proves_its_removals_by_every_success():
    state = FeedState("forge/armls", Resource.PROPERTY, cursor="7", last_success_at=PROOF)
    assert last_proof(state, None) == PROOF


def test_the_status_of_a_fresh_folder_names_what_is_configured(place):
    told = status(place.workspace, place.feeds).as_json()
    assert {(entry["feed"], entry["state"]) for entry in told["feeds"]} == {
        ("spark/default", "new")
    }
    assert told["published_at"] is None


def _cut(file):
    file.write_bytes(file.read_bytes()[:100])


def _other(file):
    file.unlink()
    duckdb.connect(str(file)).close()


@pytest.mark.parametrize(
    ("harm", "state"),
    [
        (Path.unlink, "missing"),
        (lambda file: file.write_text("no database"), "unreadable"),
        (_cut, "unreadable"),
        (_other, "unreadable"),
    ],
)
def test_a_published_file_that_readers_cannot_use_is_told_with_the_remedy(place, harm, state):
    place.begin(Resource.PROPERTY)
    publish(place.workspace)
    before = status(place.workspace, place.feeds)
    assert before.as_json()["published_file"] == "readable"
    assert before.published_problem == ""
    harm(place.workspace.published)
    after = status(place.workspace, place.feeds)
    assert after.as_json()["published_file"] == state
    assert after.published_at == before.published_at
    assert str(place.workspace.published) in after.published_problem
    assert "`mls-assets publish`" in after.published_problem
    assert as_markdown(after).endswith(f", but {after.published_problem}")
    publish(place.workspace)
    assert status(place.workspace, place.feeds).published_problem == ""


def test_before_the_first_publication_its_file_is_not_missed(place):
    told = status(place.workspace, place.feeds)
    assert told.as_json()["published_file"] == "missing"
    assert told.published_problem == ""
    assert as_markdown(told).endswith("Published: never")


def test_a_blocked_feed_is_told_with_its_sweep_and_the_hours_left(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=30)
    judged = place.purge()
    (entry,) = [
        entry
        for entry in status(place.workspace, place.feeds).as_json()["feeds"]
        if entry["resource"] == "Property"
    ]
    assert entry["state"] == "blocked"
    assert entry["blocked"]["sweep_id"] == judged.sweep_id
    assert entry["blocked"]["absent"] == 30
    assert 11 < entry["hours_left"] <= 12


def test_an_mls_whose_listings_never_came_is_named_beside_the_agents_that_did(place):
    place.fault("status_502", "forge", resource="listings", times=0)
    place.follow(resource=Resource.MEMBER)
    with pytest.raises(SourceUnreachable):
        place.follow()
    with pytest.raises(SourceUnreachable):
        place.follow(feed="forge/rmls")
    told = [
        (entry["feed"], entry["resource"], entry["state"])
        for entry in status(place.workspace, place.feeds).as_json()["feeds"]
        if entry["feed"].startswith("forge/")
    ]
    assert told == [
        ("forge/armls", "Member", "current"),
        ("forge/armls", "Property", "new"),
        ("forge/rmls", "Property", "new"),
    ]


def test_agents_that_a_source_does_not_have_are_not_waited_for(place):
    place.fault("schema_cut", "forge", type="Mls", drop=["agents"], times=0)
    place.follow(resource=Resource.MEMBER)
    told = status(place.workspace, place.feeds).as_json()["feeds"]
    assert {entry["feed"] for entry in told} == {"spark/default"}
