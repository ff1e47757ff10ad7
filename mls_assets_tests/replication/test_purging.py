"""Sweeps and purges of a Spark feed: what is removed, and the many ways in which nothing is."""

import hashlib

import pytest
from msgspec import structs

from mls_assets.errors import AnswerBroken, ConfigurationError
from mls_assets.model.resources import KEYED_RESOURCES, Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.reconciliation.case import SweepResult
from mls_assets.replication.reconciliation.purge import purge
from mls_assets.replication.reconciliation.sweep import SweptKeys, sweep_keys
from mls_assets.replication.replicate import replicate_spark
from mls_assets.sources import SparkClient
from mls_assets_tests.replication.place import SPARK


def row_of(place, judged):
    columns = (
        "verdict, explanation, source_keys, local_keys_before, absent, confirmed_absent, removed, "
        "spared, missing_locally, refetched, local_keys_after, changed_keys, source_digest, "
        "local_digest, started_at, finished_at"
    )
    ((*values,),) = place.rows(f"select {columns} from sweeps where sweep_id = ?", judged.sweep_id)
    return dict(zip(columns.split(", "), values, strict=True))


def test_after_a_purge_both_key_sets_are_equal_and_every_removal_is_explained(place):
    place.begin()
    gone = place.control("remove", count=4)["keys"]
    for resource in KEYED_RESOURCES:
        judged = place.purge(resource)
        assert judged.verdict == "reconciled", judged.explanation
        assert place.keys(resource) == place.truth(resource)
    entries = place.ledger(resource="Property")
    assert sorted(entries) == [(key, "removed", "absent_from_sweep") for key in sorted(gone)]
    for table in ("media", "rooms", "unit_types", "open_houses"):
        assert place.rows(
            f'select count(*) from {table} where "ListingKey" in (select unnest(?::varchar[]))',
            gone,
        ) == [(0,)]


def test_the_digests_of_a_reconciled_sweep_are_those_of_the_sources_keys(place):
    place.begin(Resource.PROPERTY)
    row = row_of(place, place.purge())
    text = "".join(f"{key}\n" for key in sorted(place.truth()))
    assert row["source_digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert row["local_digest"] == row["source_digest"]
    assert row["source_keys"] == row["local_keys_after"] == 60
    assert place.state()["reconciled_at"] == row["started_at"]


def test_what_is_missing_locally_is_fetched_with_its_children(place):
    place.begin(Resource.PROPERTY)
    (lost,) = place.rows("select min(record_key) from raw.records")[0]
    with place.workspace.warehouse.write() as con:
        con.execute("delete from raw.records where record_key = ?", [lost])
        con.execute("delete from raw.children where listing_key = ?", [lost])
        for table in ("listings", "media", "rooms", "unit_types"):
            con.execute(f'delete from {table} where "ListingKey" = ?', [lost])
    judged = place.purge()
    assert (judged.verdict, judged.missing_locally, judged.refetched) == ("reconciled", 1, 1)
    assert place.keys() == place.truth()
    assert place.rows('select count(*) > 0 from media where "ListingKey" = ?', lost) == [(True,)]


def test_a_listing_that_arrives_during_the_sweep_is_no_suspect(place):
    place.begin(Resource.PROPERTY)
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    (key,) = place.control("add", count=1)["keys"]
    place.replicate(Resource.PROPERTY)
    judged = purge(place.workspace, place.spark, swept.sweep_id, place.settings, Thresholds())
    assert judged.verdict == "reconciled"
    assert key in place.keys()
    assert row_of(place, judged)["changed_keys"] == [key]


def test_a_suspect_that_answers_by_key_is_spared(place):
    place.begin(Resource.PROPERTY)
    (key,) = place.control("remove", count=1)["keys"]
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    place.control("restore", keys=[key])
    judged = purge(place.workspace, place.spark, swept.sweep_id, place.settings, Thresholds())
    assert (judged.verdict, judged.absent, judged.spared, judged.removed) == ("reconciled", 1, 1, 0)
    assert row_of(place, judged)["changed_keys"] == [key]
    assert place.ledger() == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("status_401", "broke off"),
        pytest.param("status_503_1024", "1024", marks=pytest.mark.long),
        ("order_broken", "do not ascend"),
        pytest.param("null_key", "without a usable key", marks=pytest.mark.long),
    ],
)
def test_a_sweep_through_a_fault_of_the_sandbox_removes_nothing_and_says_why(place, fault, words):
    # only keys matter here, so nothing else is fetched
    place.feeds.spark[SPARK] = structs.replace(place.spark, relations=())
    place.replicate(Resource.PROPERTY)
    place.control("remove", count=3)
    before = place.keys()
    once = fault == "status_503_1024"
    place.fault(fault, resource="Property", after=1, times=1 if once else 0)
    result = place.purge()
    place.sandbox.faults.clear()
    explanation = result.void if isinstance(result, SweptKeys) else result.explanation
    assert words in explanation
    assert place.rows("select verdict from sweeps") == [("void",)]
    assert place.keys() == before
    assert place.ledger() == []
    # and the next one is not hindered by it
    assert place.purge().verdict == "reconciled"
    assert len(place.ledger()) == 3


def test_too_many_removals_at_once_are_blocked_and_updates_go_on(place):
    place.begin(Resource.PROPERTY)
    gone = place.control("remove", count=27)["keys"]
    judged = place.purge()
    assert (judged.verdict, judged.exit_code, judged.removed) == ("blocked", 3, 0)
    assert "--approve" in judged.explanation
    assert place.state()["state"] == "blocked"
    assert set(gone) <= place.keys()
    place.control("change", count=2, what="price")
    (done,) = place.replicate(Resource.PROPERTY)
    assert (done.kind, done.changed) == ("update", 2)
    assert place.state()["state"] == "blocked"


def test_an_approval_lets_exactly_the_blocked_keys_go_once(place):
    place.begin(Resource.PROPERTY)
    gone = place.control("remove", count=27)["keys"]
    blocked = place.purge()
    place.control("restore", keys=gone[:2])
    judged = place.purge(approve=blocked.sweep_id)
    assert (judged.verdict, judged.removed) == ("reconciled", 25)
    assert place.keys() == place.truth()
    assert place.state()["state"] == "current"
    with pytest.raises(ConfigurationError):
        place.purge(approve=blocked.sweep_id)


def test_an_approval_releases_its_own_keys_and_the_others_wait(place):
    place.begin(Resource.PROPERTY)
    released = place.control("remove", count=27)["keys"]
    blocked = place.purge()
    others = place.control("remove", count=30)["keys"]
    judged = place.purge(approve=blocked.sweep_id)
    assert (judged.verdict, judged.exit_code, judged.removed) == ("blocked", 3, 27)
    assert {key for key, _, _ in place.ledger()} == set(released)
    assert set(others) <= place.keys()


def test_an_approval_that_nothing_came_of_is_not_used_up(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=27)
    blocked = place.purge()
    with monkeypatch.context() as patched:
        patched.setattr(SparkClient, "existing_keys", refusing)
        assert place.purge(approve=blocked.sweep_id).verdict == "void"
    assert place.purge(approve=blocked.sweep_id).removed == 27


def refusing(*_):
    raise AnswerBroken("it was silent")


def test_what_a_person_approved_does_not_block_the_next_removals(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=27)
    place.purge(approve=place.purge().sweep_id)
    place.control("remove", count=1)
    assert place.purge().verdict == "reconciled"


def test_the_evidence_of_what_was_held_back_is_the_sweep_that_found_it_first(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=27)
    blocked = place.purge()
    place.control("clock", advance_minutes=90)
    place.purge(approve=blocked.sweep_id)
    ((first, started),) = place.rows(
        "select min(first_evidence_at), (select started_at from sweeps where sweep_id = ?) "
        "from deletion_ledger",
        blocked.sweep_id,
    )
    assert first == started


def test_a_sweep_that_was_killed_after_its_removal_is_no_void_one(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=2)
    with monkeypatch.context() as patched:
        patched.setattr(
            "mls_assets.replication.reconciliation.judge.fetch_missing", lambda *_: exit_now()
        )
        with pytest.raises(KeyboardInterrupt):
            place.purge()
    assert place.purge().verdict == "reconciled"
    assert place.rows("select verdict, removed from sweeps order by finished_at") == [
        ("unequal", 2),
        ("reconciled", 0),
    ]


def test_a_sweep_that_removed_and_cannot_be_judged_again_is_no_void_one(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=2)
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    judge = (place.workspace, place.spark, swept.sweep_id, place.settings, Thresholds())
    with monkeypatch.context() as patched:
        patched.setattr(
            "mls_assets.replication.reconciliation.judge.fetch_missing", lambda *_: exit_now()
        )
        with pytest.raises(KeyboardInterrupt):
            purge(*judge)
    with monkeypatch.context() as patched:
        patched.setattr("mls_assets.replication.reconciliation.judge.normalise_locked", refusing)
        assert purge(*judge).verdict == "unequal"
    assert place.rows("select verdict, removed from sweeps") == [("unequal", 2)]


def test_a_sweep_whose_keys_are_gone_is_void(place):
    place.begin(Resource.PROPERTY)
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    with place.workspace.warehouse.write() as con:
        con.execute("delete from raw.sweep_keys")
    judged = purge(place.workspace, place.spark, swept.sweep_id, place.settings, Thresholds())
    assert (judged.verdict, len(place.keys())) == ("void", 60)


def test_a_record_that_is_there_but_cannot_be_kept_leaves_the_sets_unequal(place):
    place.begin(Resource.PROPERTY)
    (key,) = place.control("add", count=1)["keys"]
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    place.fault("nan_value", resource="Property", times=0)
    judged = purge(place.workspace, place.spark, swept.sweep_id, place.settings, Thresholds())
    assert judged.verdict == "unequal"
    assert key in judged.explanation


def exit_now():
    raise KeyboardInterrupt


@pytest.mark.parametrize("approval", ["no-such-sweep", "{reconciled}"])
def test_an_approval_that_does_not_hold_is_refused_before_anything_is_asked(place, approval):
    place.begin(Resource.PROPERTY)
    reconciled = place.purge()
    with pytest.raises(ConfigurationError):
        place.purge(approve=approval.format(reconciled=reconciled.sweep_id))
    assert place.rows("select count(*) from sweeps") == [(1,)]


def test_an_empty_source_is_blocked_and_empty_against_empty_reconciles(place):
    place.begin(Resource.OFFICE)
    offices = sorted(place.truth(Resource.OFFICE))
    place.control("remove", resource="Office", keys=offices)
    judged = place.purge(Resource.OFFICE)
    assert judged.verdict == "blocked"
    assert "no key at all" in judged.explanation
    approved = place.purge(Resource.OFFICE, approve=judged.sweep_id)
    assert approved.verdict == "reconciled", approved.explanation
    assert place.keys(Resource.OFFICE) == set()
    assert place.purge(Resource.OFFICE).verdict == "reconciled"


def test_a_sweep_leaves_a_changed_question_to_the_next_replication(place):
    place.begin(Resource.PROPERTY)
    place.feeds.spark[SPARK] = structs.replace(place.spark, select=("ListPrice",))
    asked = place.rows("select * from raw.questions")
    for dry_run, verdict in ((True, "planned"), (False, "reconciled")):
        assert place.purge(dry_run=dry_run).verdict == verdict
        assert place.rows("select * from raw.questions") == asked
        assert place.state()["state"] == "current"
    (done,) = place.replicate(Resource.PROPERTY)
    assert "the question changed" in done.notes[0]


def test_a_dry_run_leaves_a_planned_row_and_removes_nothing(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=3)
    judged = place.purge(dry_run=True)
    assert (judged.verdict, judged.exit_code, judged.absent) == ("planned", 0, 3)
    assert row_of(place, judged)["verdict"] == "planned"
    assert len(place.keys()) == 60
    assert judged.explanation.endswith(
        "Nothing was removed; `mls-assets purge spark/default` does it"
    )


def test_a_dry_run_that_would_be_blocked_names_the_way_to_the_approval(place):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=28)
    plan = place.purge(dry_run=True)
    assert plan.exit_code == 3
    assert (
        "Nothing was removed, and a dry run cannot be approved: run `mls-assets purge spark/"
        in (plan.explanation)
    )
    with pytest.raises(ConfigurationError, match="it was a dry run; run `mls-assets purge spark/"):
        place.purge(approve=plan.sweep_id)
    assert place.ledger() == []


def test_another_source_is_not_swept_under_a_feeds_name(place):
    place.begin(Resource.OFFICE)
    elsewhere = place.spark.base_url.replace("/Reso", "/v1/Reso")
    place.feeds.spark[SPARK] = structs.replace(place.spark, base_url=elsewhere)
    with pytest.raises(ConfigurationError, match="erase"):
        place.purge(Resource.OFFICE)
    assert place.rows("select count(*) from sweeps") == [(0,)]


def test_nothing_is_swept_before_a_download_is_complete(place):
    with pytest.raises(ConfigurationError, match="replicate spark/default"):
        place.purge()
    assert place.rows("select count(*) from sweeps") == [(0,)]


def test_an_open_house_that_is_over_is_history_and_no_suspect(place):
    place.begin()
    held = place.keys(Resource.OPEN_HOUSE)
    assert held
    place.control("clock", advance_minutes=60 * 24 * 30)
    coming = place.truth(Resource.OPEN_HOUSE)
    assert not coming & held
    judged = place.purge(Resource.OPEN_HOUSE)
    assert (judged.verdict, judged.absent) == ("reconciled", 0), judged.explanation
    assert place.keys(Resource.OPEN_HOUSE) == held | coming
    assert place.ledger(resource="OpenHouse") == []


def test_a_coming_open_house_that_was_called_off_is_removed(place):
    place.begin()
    (key,) = place.control("remove", resource="OpenHouse", count=1)["keys"]
    judged = place.purge(Resource.OPEN_HOUSE)
    assert (judged.verdict, judged.removed) == ("reconciled", 1), judged.explanation
    assert place.ledger(resource="OpenHouse") == [(key, "removed", "absent_from_sweep")]


def test_a_purge_of_one_feed_never_touches_another(place):
    place.begin(Resource.PROPERTY)
    place.follow()
    others = place.keys(feed="forge/armls")
    place.control("remove", count=3)
    place.purge()
    assert place.keys(feed="forge/armls") == others


def test_a_judgement_without_a_fresh_sweep_is_refused(place):
    place.begin(Resource.PROPERTY)
    judged = place.purge()
    again = purge(place.workspace, place.spark, judged.sweep_id, place.settings, Thresholds())
    assert isinstance(again, SweepResult)
    assert again.verdict == "void"
    assert place.rows("select verdict from sweeps") == [("reconciled",)]


def test_a_source_that_fails_after_the_removal_is_told_as_unequal(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    place.control("remove", count=2)
    place.control("add", count=1)
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    place.fault("status_404", resource="Property", after=1)
    judged = purge(place.workspace, place.spark, swept.sweep_id, place.settings, Thresholds())
    assert (judged.verdict, judged.removed) == ("unequal", 2)
    replicate_spark(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    normalise_landed(place.workspace)
    assert place.purge().verdict == "reconciled"
