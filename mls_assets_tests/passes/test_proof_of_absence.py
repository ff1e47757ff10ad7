"""What silence proves: nothing, unless the source answers for keys that it has, each time."""

import shutil
from dataclasses import replace

import pytest

from mls_assets.errors import ConfigurationError
from mls_assets.values import Resource
from mls_assets_tests.passes.lying import KEYS, Answer, LyingSource, lying_source
from mls_assets_tests.passes.place import SPARK, WAREHOUSE, Place
from mls_assets_tests.passes.test_ways_a_sweep_can_lie import SMALL, _gone, both, having, on
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
    place.feeds.spark[SPARK] = replace(place.spark, relations=())
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
