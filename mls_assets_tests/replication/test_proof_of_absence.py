"""What silence proves: nothing, unless the source answers for keys that it has, each time."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.reconciliation.case import ApprovalOf, Reconciliation
from mls_assets.replication.reconciliation.purge import purge
from mls_assets.replication.reconciliation.sweep import sweep_keys
from mls_assets.warehouse.landing import cursors
from mls_assets_tests.replication.lying import KEYS, Answer, LyingSource, honest, lying_source
from mls_assets_tests.replication.place import SPARK, WAREHOUSE, Place
from mls_assets_tests.replication.test_ways_a_sweep_can_lie import SMALL, _gone, both, having, on
from mls_assets_tests.sources.servers import TOKEN, Asked, as_json, keys_of_filter, reply


@pytest.fixture
def source():
    with lying_source() as running:
        yield running


@pytest.fixture
def asking(tmp_path, empty_warehouse, source, monkeypatch):
    """A place that replicates the source; only keys matter, so no relation is asked for."""
    shutil.copy(empty_warehouse, tmp_path / WAREHOUSE)
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", TOKEN)
    place = Place(source, tmp_path, SMALL)
    place.spark = structs.replace(place.spark, relations=())
    return place


def test_a_question_that_is_cut_in_two_carries_its_controls_in_both_halves(
    asking: Place, source: LyingSource
):
    asking.replicate(Resource.PROPERTY)
    asked = []

    def answer(question: Asked):
        if "$filter" in question.options:
            keys = keys_of_filter(question)
            asked.append(keys)
            if len(keys) > 8:
                return reply(414, "too long")
            if len(asked) == 2:
                return as_json({"value": []})
        return source.answer(question)

    source.server.otherwise = answer
    source.lie = _gone(KEYS[:8], by_key=True)
    judged = asking.purge()
    assert judged.verdict == "void"
    assert "proves nothing" in judged.explanation
    assert set(asked[1]) - set(KEYS[:8]), "the half that was not answered had its controls"
    assert asking.keys() == set(KEYS)


def test_what_is_missing_here_and_not_told_when_asked_for_is_no_change_meanwhile(
    asking: Place, source: LyingSource
):
    source.keys = KEYS[:25]
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS
    source.lie = on("by key", having(records=[]))
    judged = asking.purge()
    assert judged.verdict != "reconciled", judged.explanation
    assert asking.rows("select coalesce(len(changed_keys), 0) from sweeps") == [(0,)]


def test_a_source_whose_keys_are_all_new_here_is_asked_with_some_of_them_as_controls(
    asking: Place, source: LyingSource
):
    source.keys = ()
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS
    source.lie = on("by key", having(records=[]))
    judged = asking.purge()
    assert judged.verdict == "void", judged.explanation
    assert "proves nothing" in judged.explanation
    source.lie = honest
    judged = asking.purge()
    assert (judged.verdict, judged.refetched) == ("reconciled", len(KEYS))


def test_what_landed_behind_the_back_of_a_judgement_is_not_removed(
    asking: Place, source: LyingSource, monkeypatch: pytest.MonkeyPatch
):
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS[3:]

    def landing_meanwhile(case: Reconciliation, suspects: Sequence[str]) -> Sequence[str]:
        with asking.workspace.warehouse.write() as con:
            con.execute(
                "update raw.records set seen_page_id = 1000000 where record_key = ?", [KEYS[0]]
            )
        return suspects

    monkeypatch.setattr(
        "mls_assets.replication.reconciliation.judge.confirm_absent", landing_meanwhile
    )
    judged = asking.purge()
    assert (judged.verdict, judged.removed) == ("reconciled", 2)
    assert asking.keys() == {KEYS[0], *KEYS[3:]}
    assert asking.rows("select changed_keys from sweeps") == [([KEYS[0]],)]


def test_an_approval_whose_keys_stay_is_not_used_up_by_the_removal_of_others(
    asking: Place, source: LyingSource
):
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS[:15]
    blocked = asking.purge()
    assert blocked.verdict == "blocked"
    source.keys = KEYS[3:]
    approved = ApprovalOf(blocked.sweep_id, "a tester")
    judged = asking.purge(approve=approved.sweep_id)
    assert (judged.verdict, judged.removed) == ("reconciled", 3)
    assert "released" not in judged.explanation
    assert asking.rows("select * from raw.approvals") == []
    with pytest.raises(ConfigurationError, match="came through since"):
        asking.purge(approve=blocked.sweep_id)


def test_an_approval_of_keyless_records_is_used_up_by_the_judgement_and_not_before(
    asking: Place, source: LyingSource
):
    asking.replicate(Resource.PROPERTY)

    def keyless(answer: Answer) -> Answer:
        if answer.kind == "walk" and answer.number == 1:
            answer = replace(answer, records=[{"ListingKey": None}, *answer.records])
        return answer if answer.kind == "by key" else replace(answer, count=len(KEYS) + 1)

    source.lie = keyless
    void = asking.purge()
    assert f"--approve {void.sweep_id}" in void.void
    approved = ApprovalOf(void.sweep_id, "a tester")
    dead = sweep_keys(
        asking.workspace, asking.spark, Resource.PROPERTY, asking.settings, approve=approved
    )
    assert not dead.void, "its run dies before the judgement"
    assert asking.purge(approve=void.sweep_id, dry_run=True).verdict == "planned"
    assert asking.purge(approve=void.sweep_id).verdict == "reconciled"
    with pytest.raises(ConfigurationError, match="used up"):
        asking.purge(approve=void.sweep_id)


def test_a_feed_that_is_downloaded_afresh_is_purged_meanwhile(asking: Place, source: LyingSource):
    asking.replicate(Resource.PROPERTY)
    with asking.workspace.warehouse.write() as con:
        con.execute("update feeds set state = 'downloading'")
    source.keys = KEYS[3:]
    judged = asking.purge()
    assert (judged.verdict, judged.removed) == ("reconciled", 3)
    assert asking.state()["state"] == "downloading"


def test_a_source_whose_clock_is_ahead_makes_no_proof_younger_than_it_is(asking: Place):
    asking.replicate(Resource.PROPERTY)
    ahead = datetime.now(UTC) + timedelta(days=365)
    with asking.workspace.warehouse.write() as con:
        cursors.reconciled(con, SPARK, Resource.PROPERTY, at=ahead, source_rows=None)
    assert asking.state()["reconciled_at"] <= datetime.now(UTC)
    with asking.workspace.warehouse.write() as con:
        con.execute("update feeds set reconciled_at = ?", [ahead])
        cursors.reconciled(con, SPARK, Resource.PROPERTY, at=ahead, source_rows=None)
    assert asking.state()["reconciled_at"] <= datetime.now(UTC), "what an older program stored"


def test_a_waiting_sweep_is_not_judged_by_another_source(asking: Place):
    asking.replicate(Resource.PROPERTY)
    swept = sweep_keys(asking.workspace, asking.spark, Resource.PROPERTY, asking.settings)
    elsewhere = structs.replace(asking.spark, base_url=f"{asking.spark.base_url}/other")
    with pytest.raises(ConfigurationError, match="erase"):
        purge(asking.workspace, elsewhere, swept.sweep_id, asking.settings, Thresholds())


def test_what_is_missing_by_the_thousand_is_downloaded_and_not_fetched_by_key(
    asking: Place, source: LyingSource, monkeypatch: pytest.MonkeyPatch
):
    source.keys = KEYS[:20]
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS
    monkeypatch.setattr("mls_assets.replication.reconciliation.confirmation.MAX_FETCHED_BY_KEY", 10)
    judged = asking.purge()
    assert judged.verdict == "void"
    assert f"{len(KEYS) - 20} of {len(KEYS)} keys are missing" in judged.explanation
    assert asking.state()["state"] == "needs_resync"
    asking.replicate(Resource.PROPERTY)
    assert asking.purge().verdict == "reconciled"


def test_what_went_between_the_sweep_and_the_question_is_named(asking: Place, source: LyingSource):
    source.keys = KEYS[:25]
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS[:26]
    source.lie = on("by key", lambda answer: answer.without(KEYS[25:26]))
    judged = asking.purge()
    assert (judged.verdict, judged.missing_locally, judged.refetched) == ("reconciled", 1, 0)
    assert asking.rows("select changed_keys from sweeps") == [([KEYS[25]],)]


def test_keyless_records_and_a_block_are_released_one_after_the_other(
    asking: Place, source: LyingSource
):
    asking.replicate(Resource.PROPERTY)
    source.keys = KEYS[:15]

    def keyless(answer: Answer) -> Answer:
        if answer.kind == "walk" and answer.number == 1:
            answer = replace(answer, records=[{"ListingKey": None}, *answer.records])
        return answer if answer.kind == "by key" else replace(answer, count=16)

    source.lie = keyless
    void = asking.purge()
    assert "without a usable key" in void.void
    blocked = asking.purge(approve=void.sweep_id)
    assert blocked.verdict == "blocked", blocked.explanation
    judged = asking.purge(approve=blocked.sweep_id)
    assert (judged.verdict, judged.removed) == ("reconciled", 25), judged.explanation
    with pytest.raises(ConfigurationError):
        asking.purge(approve=judged.sweep_id)


def test_keys_that_the_source_lists_as_deleted_leave_no_room_for_a_short_count(
    asking: Place, source: LyingSource
):
    asking.replicate(Resource.PROPERTY)
    source.deleted = KEYS[:5]
    asking.replicate(Resource.PROPERTY)
    assert asking.keys() == set(KEYS[5:])
    source.lie = both(on("walk", having(count=35)), on("count", having(count=35)))
    assert "the source counts 35 before" in asking.purge().void
