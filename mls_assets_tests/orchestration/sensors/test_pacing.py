"""When sensors ask again: the decisions alone, on a clock of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.orchestration.sensors.pacing import (
    UPDATE_FLOOR,
    History,
    Landed,
    read_times,
    reason_to_run,
    reason_to_wait,
    sweep_due_at,
    wait_after,
    write_times,
)

HOUR = 3600.0


def test_a_run_in_flight_is_the_reason_to_wait():
    assert reason_to_wait(History(in_flight="run x is in progress"), 0) == "run x is in progress"


def test_without_a_failure_nothing_has_to_wait():
    assert reason_to_wait(History(), 0) is None
    assert reason_to_wait(History(ended_at=100.0, last_run_id="a"), 101.0) is None


def test_each_failure_doubles_the_wait_up_to_a_bound():
    assert [wait_after(number, 1) for number in (1, 2, 3)] == [60, 120, 240]
    assert wait_after(9, 1) == wait_after(10_000, 1) == HOUR
    assert wait_after(1, 2) == HOUR / 2
    assert wait_after(99, 2) == 6 * HOUR


def test_resources_that_came_through_do_not_wait_long_for_one_that_does_not():
    assert [wait_after(number, 1, partly=True) for number in (1, 2, 3)] == [60, 120, 240]
    assert wait_after(99, 1, partly=True) == UPDATE_FLOOR
    assert wait_after(99, 2, partly=True) == 6 * HOUR, "a refused token is not knocked with"
    failed = History(failures=9, exit_code=1, partly=True, ended_at=1000.0, last_run_id="a")
    assert reason_to_wait(failed, 1000.0 + UPDATE_FLOOR) is None


def test_a_failed_run_is_asked_for_again_once_its_wait_is_over():
    failed = History(failures=2, exit_code=1, ended_at=1000.0, last_run_id="a")
    assert "2 run(s) failed" in (reason_to_wait(failed, 1119.0) or "")
    assert reason_to_wait(failed, 1120.0) is None


def test_one_run_follows_each_run_whatever_became_of_it():
    assert History(last_run_id="a").run_key != History(last_run_id="b").run_key
    assert History().run_key == History(in_flight="x").run_key


@pytest.mark.parametrize(
    ("landed", "due"),
    [
        ({"pages": None}, "pages was never materialised"),
        ({"pages": Landed(at=990.0, complete=False)}, "pages has more to do"),
        ({"pages": Landed(at=400.0, complete=True)}, "the last run was 10 min ago"),
        ({"pages": Landed(at=401.0, complete=True)}, None),
    ],
)
def test_some_runs_are_due_without_asking_the_source(
    landed: dict[str, Landed | None], due: str | None
):
    assert reason_to_run(landed, now=1000.0, floor=600.0) == due


def test_a_position_is_an_event_id_or_the_beginning():
    assert Landed(cursor="179").position == 179
    assert Landed(cursor="2026-05-01T12:00:00+00:00").position == 0
    assert Landed().position == 0


@pytest.mark.parametrize("cursor", [None, "", "no json", "[1]", '{"a": "b"}'])
def test_an_unreadable_cursor_remembers_nothing(cursor: str | None):
    assert read_times(cursor) == {}


def test_a_cursor_is_read_as_it_was_written():
    assert read_times(write_times({"spark/a": 12.5})) == {"spark/a": 12.5}


@given(
    last=st.floats(1.7e9, 1.9e9),
    hours=st.floats(0.1, 48),
    feed=st.sampled_from([f"spark/{name}" for name in ("default", "a", "beaches", "x-y")]),
)
def test_the_next_sweep_is_due_within_its_hours_and_never_at_once(
    last: float, hours: float, feed: str
):
    due = sweep_due_at(last, hours, feed)
    assert last + hours * 3600 / 2 < due <= last + hours * 3600
    if hours >= 2:
        assert last + (hours - 1) * 3600 <= due
        assert 5 <= due % 3600 / 60 < 55


def test_feeds_sweep_at_minutes_of_their_own():
    minutes = {sweep_due_at(1.8e9, 6, f"spark/feed{number}") % 3600 for number in range(12)}
    assert len(minutes) > 6
