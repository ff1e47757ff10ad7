"""When the checks on `deletion_ledger` are green and when red."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mls_assets.checks.removals import (
    Latency,
    every_removal_explained,
    latency,
    removals_in_time,
)
from mls_assets.passes.publish import publish
from mls_assets.passes.status import FeedStatus
from mls_assets.values import Resource
from mls_assets.warehouse import FeedState
from mls_assets_tests.checks.conftest import Filled

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
STATE = FeedState("spark/default", Resource.PROPERTY)


def _publish(filled: Filled) -> None:
    publish(filled.resource.site("run-1"))


def test_a_key_that_vanished_since_the_publication_without_an_entry_is_noticed(filled: Filled):
    filled.listing("1")
    filled.listing("2")
    _publish(filled)
    assert filled.asks(every_removal_explained).passed
    filled.execute("delete from listings where \"ListingKey\" = '1'")
    result = filled.asks(every_removal_explained)
    assert not result.passed
    assert result.metadata["vanished"].value == 1


def test_an_entry_explains_it(filled: Filled):
    filled.listing("1")
    _publish(filled)
    filled.execute("delete from listings")
    filled.entry(1, "1")
    assert filled.asks(every_removal_explained).passed


def test_a_key_that_counts_as_removed_and_is_there_is_noticed(filled: Filled):
    filled.listing("1")
    filled.entry(1, "1")
    result = filled.asks(every_removal_explained)
    assert not result.passed
    assert result.metadata["still_present"].value == 1


def test_a_key_that_returned_may_be_there(filled: Filled):
    filled.listing("1")
    filled.entry(1, "1")
    filled.entry(2, "1", event="restored", reason="returned")
    assert filled.asks(every_removal_explained).passed


@pytest.mark.parametrize("lacking", ["reason", "evidence_id", "first_evidence_at", "removed_at"])
def test_an_entry_has_to_be_complete(filled: Filled, lacking: str):
    filled.entry(1, "1", **{lacking: None})
    result = filled.asks(every_removal_explained)
    assert result.metadata["incomplete"].value == 1
    assert not result.passed


@pytest.mark.parametrize(
    ("found", "severity"),
    [
        (Latency(0.1, 0.0, 5.0), None),
        (Latency(0.1, 0.0, None), None),
        (Latency(7.0, 0.0, 5.0), WARN),
        (Latency(0.1, 6.5, 5.5), WARN),
        (Latency(0.1, 12.5, -0.5), ERROR),
        (Latency(0.1, 0.0, -0.1), ERROR),
        (Latency(13.0, 0.0, 11.0), ERROR),
    ],
)
def test_a_removal_grows_late_and_then_overdue(
    found: Latency, severity: dg.AssetCheckSeverity | None
):
    assert found.severity is severity


def test_what_a_guard_holds_back_waits_since_its_first_evidence(filled: Filled):
    plain = FeedStatus(STATE, None, None, 11.0)
    filled.insert("sweeps", sweep_id="s", feed="spark/default", resource="Property")
    held = replace(plain, blocked=object(), hours_left=4.0)
    assert latency(0.5, [plain, held]) == Latency(0.5, 8.0, 4.0)


def test_a_slow_removal_of_today_is_warned_of(filled: Filled):
    now = datetime.now(UTC)
    filled.entry(1, "1", first_evidence_at=now - timedelta(hours=8), removed_at=now)
    result = filled.asks(removals_in_time)
    assert (result.passed, result.severity) == (False, WARN)
    assert result.metadata["slowest_done_hours"].value == pytest.approx(8.0, abs=0.01)


def test_a_feed_without_proof_for_twelve_hours_is_overdue(filled: Filled):
    filled.insert(
        "feeds",
        feed="spark/default",
        resource="Property",
        state="current",
        reconciled_at=datetime.now(UTC) - timedelta(hours=13),
    )
    result = filled.asks(removals_in_time)
    assert (result.passed, result.severity) == (False, ERROR)
    assert result.metadata["least_hours_left"].value == pytest.approx(-1.0, abs=0.05)
