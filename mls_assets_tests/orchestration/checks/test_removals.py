"""When the checks on `deletion_ledger` are green and when red."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from mls_assets.model.resources import Resource
from mls_assets.orchestration.checks.removals import (
    Latency,
    every_removal_explained,
    latency,
    removals_in_time,
)
from mls_assets.orchestration.resources import RemovalTimes
from mls_assets.replication.reporting.status import FeedStatus
from mls_assets.replication.upkeep.publish import publish
from mls_assets.warehouse import FeedState
from mls_assets_tests.orchestration.checks.conftest import Filled

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
STATE = FeedState("spark/default", Resource.PROPERTY)


def _publish(filled: Filled) -> None:
    publish(filled.resource.workspace("run-1"))


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
    absent: dict[str, Any] = {lacking: None}
    filled.entry(1, "1", **absent)
    result = filled.asks(every_removal_explained)
    assert result.metadata["incomplete"].value == 1
    assert not result.passed


def _latency(done: float = 0.0, waiting: float = 0.0, proof: float = 0.0) -> Latency:
    return Latency({"f": done}, {"f": waiting}, {"f": proof})


@pytest.mark.parametrize("kind", ["done", "waiting", "proof"])
def test_what_is_slower_than_allowed_is_named_whatever_it_is(kind: str):
    found = _latency(**{kind: 6.5})
    assert found.slower_than({"f": 7.0}) == []
    (late,) = found.slower_than({"f": 6.0})
    assert late.startswith("f: ")
    assert "6.5 h" in late


def test_evidence_and_proof_are_told_apart_by_feed_and_resource():
    now = datetime.now(UTC)
    proven, seen = now - timedelta(hours=7), now - timedelta(hours=1)
    held = FeedStatus(STATE, None, proven, seen, now)
    found = latency({("spark/default", Resource.OFFICE): 0.5}, [held])
    name = "spark/default Property"
    assert found == Latency({"spark/default Office": 0.5}, {name: 1.0}, {name: 7.0})
    assert found.metadata[f"waiting_hours {name}"] == 1.0
    assert found.metadata["proof_hours"] == 7.0


def _asked(filled: Filled, **times: float) -> dg.AssetCheckResult:
    evaluate: Any = removals_in_time.node_def
    return evaluate.compute_fn.decorated_fn(filled.resource, RemovalTimes(**times))


def test_a_slow_removal_of_today_is_warned_of(filled: Filled):
    now = datetime.now(UTC)
    filled.entry(1, "1", first_evidence_at=now - timedelta(hours=8), removed_at=now)
    result = _asked(filled)
    assert (result.passed, result.severity) == (False, WARN)
    assert result.metadata["done_hours"].value == pytest.approx(8.0, abs=0.01)
    assert _asked(filled, warn_hours=9.0).passed
    assert _asked(filled, fail_hours=7.0).severity is ERROR


def test_a_removal_counts_until_readers_are_rid_of_it(filled: Filled):
    filled.listing("1")
    _publish(filled)
    now = datetime.now(UTC)
    filled.entry(
        1, "1", first_evidence_at=now - timedelta(hours=8), removed_at=now - timedelta(hours=7.9)
    )
    filled.execute("delete from listings")
    filled.execute("delete from raw.records")
    assert not _asked(filled).passed
    filled.execute("update deletion_ledger set published_at = removed_at")
    assert _asked(filled).passed


def test_a_key_that_came_back_before_any_publication_waits_for_nothing(filled: Filled):
    filled.listing("1")
    _publish(filled)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    filled.entry(1, "1", first_evidence_at=long_ago, removed_at=long_ago)
    filled.entry(2, "1", event="restored", reason="returned")
    assert _asked(filled).passed


def test_a_first_download_that_takes_days_is_no_overdue_removal(filled: Filled):
    began = datetime.now(UTC) - timedelta(days=2)
    of_it = {"feed": "spark/default", "resource": "Property"}
    filled.insert("feeds", **of_it, state="downloading")
    filled.insert("raw.pages", page_id=1, **of_it, kind="download", fetched_at=began)
    assert _asked(filled).passed


def test_a_feed_without_proof_for_twelve_hours_is_overdue(filled: Filled):
    filled.insert(
        "feeds",
        feed="spark/default",
        resource="Property",
        state="current",
        reconciled_at=datetime.now(UTC) - timedelta(hours=13),
    )
    result = _asked(filled)
    assert (result.passed, result.severity) == (False, ERROR)
    assert result.metadata["proof_hours spark/default Property"].value == pytest.approx(
        13.0, abs=0.05
    )
