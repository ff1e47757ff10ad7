"""Which walks are a proof, and the words for those that are not."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mls_assets.model.records import KeyPage
from mls_assets.reconcile.proof import SweepProof

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def page(*keys, more=False, count=None, keyless=0, breaches=()):
    return KeyPage(keys, keyless, NOW, "next" if more else None, count, breaches)


def reasons(*pages, after, unknown=0, distinct=None, keyless_approved=False):
    proof = SweepProof()
    for each in pages:
        proof.take(each)
    distinct = len({key for each in pages for key in each.keys}) if distinct is None else distinct
    return proof.reasons(
        distinct=distinct,
        count_after=after,
        unknown_locally=unknown,
        keyless_approved=keyless_approved,
    )


def test_an_unbroken_ascending_walk_of_the_counted_keys_is_a_proof():
    assert reasons(page("a", "b", more=True, count=3), page("c"), after=3) == ()


def test_an_empty_set_that_counts_zero_is_a_proof():
    assert reasons(page(count=0), after=0) == ()


def test_an_empty_page_in_the_middle_is_legal():
    assert reasons(page("a", more=True, count=2), page(more=True), page("b"), after=2) == ()


@pytest.mark.parametrize(("before", "after"), [(3, 5), (5, 3), (3, 3), (4, 3)])
def test_the_keys_may_lie_between_the_counts(before, after):
    assert reasons(page("a", "b", "c", count=before), after=after) == ()


def test_keys_that_are_new_to_us_may_exceed_the_counts():
    assert reasons(page("a", "b", "c", count=2), after=2, unknown=1) == ()
    (reason,) = reasons(page("a", "b", "c", count=2), after=2, unknown=0)
    assert "3 keys came, but the source counts 2 before and 2 after" in reason


def test_too_few_keys_are_no_proof():
    (reason,) = reasons(page("a", "b", count=3), after=3)
    assert "2 keys came, but the source counts 3 before and 3 after" in reason


@pytest.mark.parametrize(("before", "after", "when"), [(None, 1, "before"), (1, None, "after")])
def test_without_a_count_nothing_is_proven(before, after, when):
    (reason,) = reasons(page("a", count=before), after=after)
    assert reason == f"the source gave no usable count {when} the walk"


def test_a_walk_that_broke_off_is_no_proof():
    (reason,) = reasons(page("a", more=True, count=1), after=1)
    assert "broke off after 1 page" in reason


def test_a_set_that_came_in_one_answer_needs_no_order():
    assert reasons(page("c", "a", "b", count=3), after=3) == ()
    assert reasons(page("c", "a", "b", count=3), after=2) != ()


def test_keys_out_of_order_are_no_proof():
    (reason,) = reasons(page("a", "c", more=True, count=3), page("b"), after=3)
    assert reason == "the keys do not ascend, so the walk had no stable order"


def test_keys_of_digits_may_ascend_as_numbers():
    assert reasons(page("9", "10", "11", count=3), after=3) == ()
    assert reasons(page("10", more=True, count=3), page("9", "11"), after=3) != ()


def test_one_number_in_two_spellings_is_no_order():
    assert reasons(page("7", more=True, count=3), page("07", "8"), after=3) != ()
    assert reasons(page("07", "7", "8", count=3), after=3) == ()


def test_numbers_do_not_excuse_a_text_among_them():
    assert reasons(page("9", more=True, count=3), page("10", "x"), after=3) != ()


def test_a_few_repeats_are_no_breach_but_many_are():
    many = [f"k{number:04}" for number in range(200)]
    assert reasons(page(*many, many[-1], count=200), after=200) == ()
    (reason,) = reasons(page("a", "a", "b", "b", count=2), after=2)
    assert reason == "2 of 4 keys came twice"


def test_one_repeat_in_a_hundred_keys_is_just_no_breach():
    hundred = [f"k{number:04}" for number in range(99)]
    assert reasons(page(*hundred, hundred[-1], count=99), after=99) == ()
    assert reasons(page(*hundred[1:], hundred[-1], count=98), after=98) != ()


def test_a_breach_of_one_page_voids_the_sweep_and_is_named():
    (reason,) = reasons(page("a", count=1, breaches=("code 1024",)), after=1)
    assert reason == "page 1: code 1024"


def test_a_keyless_record_voids_unless_a_person_released_it():
    walk = page("a", count=2, keyless=1)
    (reason,) = reasons(walk, after=2)
    assert "1 record(s) without a usable key" in reason
    assert reasons(walk, after=2, keyless_approved=True) == ()


def test_keyless_records_of_all_pages_count_as_keys_that_came():
    pages = (page("a", more=True, count=5, keyless=1), page("b", keyless=2))
    assert reasons(*pages, after=5, keyless_approved=True) == ()
    assert len(reasons(*pages, after=5)) == 2


def test_one_page_by_offset_makes_the_walk_one_by_offset():
    proof = SweepProof()
    assert not proof.paged_by_skip
    for skip in (False, True, False):
        proof.take(KeyPage((), 0, NOW, "next", None, (), paged_by_skip=skip))
    assert proof.paged_by_skip is True


def test_a_thousand_broken_pages_make_few_lines():
    pages = [page(more=True, count=0, breaches=("cut",)) for _ in range(1_000)]
    assert len(reasons(*pages, page(), after=0)) == 5


def test_nobody_released_anything_unless_it_is_said():
    proof = SweepProof()
    proof.take(page("a", count=2, keyless=1))
    assert proof.reasons(distinct=1, count_after=2, unknown_locally=0)


_DIGITS = st.integers(0, 300).map(lambda number: f"{number:03}")
_KEYS = st.one_of(_DIGITS, _DIGITS, st.sampled_from(["9", "10", "a", "é", "٣٣٣"]))


@example([["001", "002"], ["002", "003"]])
@example([["001", "002"], ["000", "004"]])
@example([["001"], ["002", "003", "002"]])
@example([["001", "002", "010"], ["003"]])
@example([["8", "9"], ["10"]])
@given(st.lists(st.one_of(st.lists(_DIGITS, unique=True).map(sorted), st.lists(_KEYS)), max_size=4))
def test_a_page_followed_in_one_go_says_what_its_keys_say_one_by_one(walk):
    at_once, one_by_one = SweepProof(), SweepProof()
    for keys in walk:
        at_once.take(page(*keys, more=True))
        for key in keys:
            one_by_one.take(page(key, more=True))
    for proof in (at_once, one_by_one):
        proof.pages, proof.count_before = 0, None
    assert at_once == one_by_one
