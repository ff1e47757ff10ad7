"""The guard's limits, at their edges."""

import pytest

from mls_assets.reconcile.guard import Canary, Thresholds, decide
from mls_assets.reconcile.plan import Plan

LIMITS = Thresholds()


def plan(local, absent, *, source=None, missing=0):
    gone = tuple(f"gone-{number:07}" for number in range(absent))
    new = tuple(f"new-{number:07}" for number in range(missing))
    return Plan(local, local - absent + missing if source is None else source, gone, (), new)


def judge(a_plan, **facts):
    facts = {"removed_last_day": 0, "canary": Canary(), **facts}
    return decide(a_plan, thresholds=LIMITS, **facts)


def canary(a_plan, absent, *, here=0):
    return Canary(absent + here, frozenset(a_plan.absent[:absent]))


@pytest.mark.parametrize(
    ("local", "allowed"),
    [(1, 0), (2, 1), (4, 2), (40, 20), (50, 25), (100, 25), (250, 25), (260, 26), (10_000, 1_000)],
)
def test_one_sweep_may_remove_a_tenth_with_a_floor_for_small_sets(local, allowed):
    assert LIMITS.allowed(local) == allowed
    assert judge(plan(local, allowed, source=local)).allowed
    blocked = judge(plan(local, allowed + 1, source=local))
    assert not blocked.allowed
    assert blocked.blocked[0] == (
        f"{allowed + 1:,} of {local:,} keys are absent, more than the {allowed:,} that one sweep "
        "may remove"
    )


def test_an_empty_source_blocks_while_anything_is_held():
    decision = judge(plan(3, 3, source=0))
    assert "no key at all while 3" in decision.blocked[0]


def test_an_empty_source_against_nothing_held_is_fine():
    assert judge(plan(0, 0, source=0)).allowed


def test_small_steps_add_up_over_a_day():
    assert judge(plan(900, 90), removed_last_day=100).allowed
    decision = judge(plan(850, 85), removed_last_day=150)
    assert decision.blocked == ("235 removals in 24 hours would be more than 20% of 1,000",)


def test_renamed_keys_are_recognised_even_where_the_share_would_allow_it():
    generous = Thresholds(share=1, floor=10**6, day_share=1)
    renamed = plan(1_000, 950, missing=950)
    decision = decide(renamed, thresholds=generous, removed_last_day=0, canary=Canary())
    assert decision.blocked == (
        "950 keys went and 950 came at once, as if the source had renamed its keys",
    )
    for few in (plan(1_000, 950, source=1_000, missing=900), plan(1_000, 950, missing=10)):
        assert decide(few, thresholds=generous, removed_last_day=0, canary=Canary()).allowed
    kept = plan(1_000, 900, missing=950)
    assert decide(kept, thresholds=generous, removed_last_day=0, canary=Canary()).allowed


def test_many_keys_that_updates_just_returned_cannot_all_be_gone():
    a_plan = plan(1_000, 20)
    assert judge(a_plan, canary=canary(a_plan, 10)).blocked == (
        "10 of 10 keys that normal passes returned in the last hour are absent",
    )
    assert judge(a_plan, canary=canary(a_plan, 9)).allowed
    # ten of more than a hundred is no tenth of them
    assert judge(a_plan, canary=canary(a_plan, 10, here=90)).allowed


def test_an_approval_releases_its_own_keys_and_no_others():
    a_plan = plan(100, 60)
    assert judge(a_plan, approved=a_plan.absent).allowed
    assert judge(a_plan, approved=a_plan.absent[:40]).allowed
    assert not judge(a_plan, approved=a_plan.absent[:30]).allowed


def test_nothing_absent_is_always_allowed():
    assert judge(plan(10, 0), removed_last_day=10**6).allowed
