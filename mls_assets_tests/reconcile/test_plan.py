"""The plan against a naive model of sets, and the digest against sort and sha256."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.reconcile.digest import digest
from mls_assets.reconcile.plan import LocalKey, make_plan

keys = st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6))


def in_batches(values):
    return [values[start : start + 3] for start in range(0, len(values), 3)]


def in_order(values):
    return sorted(values, key=str.encode)


@given(before=keys, meanwhile=keys, source=keys)
def test_a_plan_is_what_naive_sets_say(before, meanwhile, source):
    local = before | meanwhile
    plan = make_plan(
        [LocalKey(key, key not in meanwhile) for key in in_order(local)], in_order(source)
    )
    both = local & source
    assert plan == make_plan(
        [LocalKey(key, key not in meanwhile) for key in in_order(local - both)],
        in_order(source - both),
        common=len(both),
    )
    assert set(plan.absent) == (local - meanwhile) - source
    assert set(plan.arrived) == meanwhile - source
    assert set(plan.missing) == source - local
    assert (plan.local, plan.source) == (len(local), len(source))


@given(before=keys, meanwhile=keys, source=keys)
def test_nothing_that_arrived_meanwhile_is_ever_a_suspect(before, meanwhile, source):
    plan = make_plan(
        [LocalKey(key, key not in meanwhile) for key in in_order(before | meanwhile)],
        in_order(source),
    )
    assert not set(plan.absent) & meanwhile


def test_keys_out_of_order_are_refused_rather_than_planned_with():
    with pytest.raises(ValueError, match="local keys are not in ascending order"):
        make_plan([LocalKey("b", True), LocalKey("a", True)], ["a", "b"])
    with pytest.raises(ValueError, match="source keys are not in ascending order"):
        make_plan([LocalKey("a", True)], ["a", "a"])


@given(key_set=keys, data=st.data())
def test_a_digest_is_what_sort_and_sha256sum_print(key_set, data):
    without = data.draw(st.sets(st.sampled_from(sorted(key_set) or ["none"])))
    kept = in_order(key_set - without)
    expected = hashlib.sha256("".join(f"{key}\n" for key in kept).encode()).hexdigest()
    found = digest(in_batches(in_order(key_set)), without=without)
    assert (found.keys, found.sha256) == (len(kept), expected)


def test_what_is_left_out_of_a_digest_ends_nothing():
    assert digest([["a", "b"], ["c"]], without={"b"}) == digest([["a", "c"]])
    assert digest([["a"], ["c"]]).keys == 2


def test_the_digest_of_no_keys_is_that_of_an_empty_text():
    assert digest([]).sha256 == hashlib.sha256(b"").hexdigest()
