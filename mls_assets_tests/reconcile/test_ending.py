"""What proves that a walk over records is whole: each line is one decision."""

import pytest

from mls_assets.model.records import KeyOrder
from mls_assets.reconcile.ending import WalkCounts, at_the_end, followed, missing, read_beyond


def order(*keys):
    return followed(KeyOrder(), keys)


@pytest.mark.parametrize(
    ("seen", "before", "after", "full", "in_doubt"),
    [
        (60, 60, 60, False, False),
        (60, 60, None, False, False),
        (60, None, 60, False, False),
        (60, 60, 60, True, True),
        (60, None, None, False, True),
        (60, 60, 61, False, True),
        (60, 59, 59, False, True),
        (60, 61, 60, False, True),
    ],
)
def test_counts_that_are_just_what_came_leave_no_doubt(seen, before, after, full, in_doubt):
    assert WalkCounts(seen, before, after, full).in_doubt is in_doubt


@pytest.mark.parametrize(
    ("came", "beyond", "changed", "is_missing"),
    [
        (WalkCounts(1000, None, None), "nothing", 0, False),
        (WalkCounts(1000, None, None), "untold", 0, True),
        (WalkCounts(1000, 1000, 1000, full=True), "untold", 0, False),
        (WalkCounts(1000, 1000, 1, full=True), "untold", 0, True),
        (WalkCounts(1000, None, 1000, full=True), "untold", 0, True),
        (WalkCounts(1000, 1000, 1, full=True), "nothing", 0, False),
        (WalkCounts(1000, 1050, 1050), "untold", 1050, True),
        (WalkCounts(1000, 1050, 1050), "nothing", 1050, True),
        (WalkCounts(1000, 1050, 1000), "untold", 0, False),
        (WalkCounts(99_950, 100_000, 100_000), "nothing", 80, False),
        (WalkCounts(99_950, 100_000, 100_000), "nothing", 20, True),
        (WalkCounts(99_850, 100_000, 100_000), "nothing", 100_000, True),
        (WalkCounts(100_100, 100_000, 100_050), "untold", 0, False),
        (WalkCounts(100_100, 100_000, 100_050), "more", 0, True),
    ],
)
def test_what_may_be_missing(came, beyond, changed, is_missing):
    assert missing(came, beyond, changed) is is_missing


@pytest.mark.parametrize(
    ("keys", "asked", "answer"),
    [
        (("a", "b", "c"), ["c"], "nothing"),
        (("a", "b", "c"), ["c", "d"], "more"),
        (("a", "b", "c"), [], "untold"),
        (("a", "b", "c"), ["d"], "untold"),
        (("a", "b", "c"), ["a", "b", "c"], "untold"),
        (("a", "b", "c"), ["c", ""], "untold"),
        (("8", "9"), ["9"], "untold"),
        (("8", "9"), ["9", "10"], "more"),
        (("999", "1000", "1001"), ["1001", "2"], "untold"),
        (("202401010001", "202401010002"), ["202401010002"], "nothing"),
    ],
)
def test_what_an_answer_about_keys_behind_the_last_but_one_tells(keys, asked, answer):
    assert read_beyond(order(*keys), asked) == answer


@pytest.mark.parametrize(
    ("keys", "asked", "answer"),
    [
        ((), [], "nothing"),
        ((), ["a"], "untold"),
        (("b", "a"), ["a"], "nothing"),
        (("b", "a"), ["a", "c"], "untold"),
        (("b", "a"), ["b"], "untold"),
        (("b", "a"), [], "untold"),
    ],
)
def test_what_an_answer_from_the_last_place_on_tells(keys, asked, answer):
    assert at_the_end(order(*keys), asked) == answer


def test_an_order_is_followed_over_pages():
    assert followed(order("a"), ("b", "b", "c")) == KeyOrder("c", "b", numeric=False)
    assert followed(order("9"), ("10",)) == KeyOrder("10", "9", bytewise=False)
    assert not order("b", "a", "c").bytewise
