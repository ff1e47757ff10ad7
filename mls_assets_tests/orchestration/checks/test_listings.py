"""When the checks on `listings` are green and when red."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mls_assets.model.resources import Resource
from mls_assets.orchestration.checks.listings import (
    feeds_fresh,
    hours_since_success,
    keys_unique,
    no_half_applied_batch,
    rejected_share,
    rows_match_source,
)
from mls_assets.orchestration.checks.plotted import MAX_PLOTTED_FEEDS, of_each
from mls_assets.warehouse import FeedState
from mls_assets_tests.orchestration.checks.conftest import Filled

NOW = datetime.now(UTC)


def test_an_empty_warehouse_keeps_every_promise(filled: Filled):
    for check in (keys_unique, no_half_applied_batch, rejected_share, feeds_fresh):
        result = filled.asks(check)
        assert isinstance(result, dg.AssetCheckResult)
        assert result.passed


def test_a_key_that_is_there_twice_is_counted(filled: Filled):
    filled.listing("1")
    filled.listing("2")
    assert filled.asks(keys_unique).passed
    filled.insert("listings", feed="spark/default", ListingKey="2")
    result = filled.asks(keys_unique)
    assert not result.passed
    assert result.metadata["duplicates"].value == 1
    assert "listings: 1" in str(result.description)


def test_the_same_key_in_two_feeds_is_no_duplicate(filled: Filled):
    filled.listing("1")
    filled.listing("1", feed="forge/armls")
    assert filled.asks(keys_unique).passed


@pytest.mark.parametrize(
    ("broken_by", "named"),
    [
        ("delete from listings where \"ListingKey\" = '1'", "listings without a row: 1"),
        ("delete from raw.records where record_key = '1'", "listings without a record: 1"),
        (
            "insert into media (feed, \"ListingKey\") values ('spark/default', '9')",
            "media without a listing: 1",
        ),
    ],
)
def test_half_a_batch_is_noticed(filled: Filled, broken_by: str, named: str):
    filled.listing("1")
    filled.listing("2")
    assert filled.asks(no_half_applied_batch).passed
    filled.execute(broken_by)
    result = filled.asks(no_half_applied_batch)
    assert not result.passed
    assert result.description == named


def test_a_record_that_waits_for_normalisation_is_no_half_batch(filled: Filled):
    filled.listing("1")
    filled.insert(
        "raw.records", feed="spark/default", resource="Property", record_key="2", page_id=2
    )
    assert filled.asks(no_half_applied_batch).passed


def test_a_source_that_sends_many_bad_values_is_warned_of_without_telling_them(filled: Filled):
    filled.insert("feeds", feed="spark/default", resource="Property", state="current", rows=50)
    for number in range(2):
        filled.insert(
            "rejected_values",
            feed="spark/default",
            resource="Property",
            record_key=str(number),
            field="ListPrice",
            value="a secret price",
        )
    result = filled.asks(rejected_share)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["highest_share"].value == 0.04
    assert "secret" not in f"{result.metadata} {result.description}"


@pytest.mark.parametrize(
    ("hours", "passed", "severity"),
    [
        (0.5, True, dg.AssetCheckSeverity.WARN),
        (3.0, False, dg.AssetCheckSeverity.WARN),
        (13.0, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_a_feed_grows_late_and_then_stale(
    filled: Filled, hours: float, passed: bool, severity: dg.AssetCheckSeverity
):
    filled.insert(
        "feeds",
        feed="spark/default",
        resource="Property",
        state="current",
        last_success_at=datetime.now(UTC) - timedelta(hours=hours),
    )
    result = filled.asks(feeds_fresh)
    assert result.passed is passed
    assert result.severity is severity
    assert result.metadata["oldest_hours"].value == pytest.approx(hours, abs=0.05)
    assert result.metadata["hours spark/default Property"].value == pytest.approx(hours, abs=0.05)


@pytest.mark.parametrize(
    ("resource", "rows", "source_rows", "downloaded", "passed"),
    [
        ("Property", 5_000, 5_000, True, True),
        ("Property", 5_090, 5_000, True, True),
        ("Property", 5_101, 5_000, True, False),
        ("Property", 4_899, 5_000, True, False),
        ("Property", 30, 5, True, True),
        ("Property", 0, 5, True, False),
        ("Property", 0, 0, True, True),
        ("Property", 31, 5, True, False),
        ("Property", 10, 5_000, False, True),
        ("Property", 5_000, None, True, True),
        ("OpenHouse", 5_000, 10, True, True),
    ],
)
def test_rows_are_held_against_what_the_source_counts(
    filled: Filled,
    resource: str,
    rows: int,
    source_rows: int | None,
    downloaded: bool,
    passed: bool,
):
    filled.insert(
        "feeds",
        feed="spark/default",
        resource=resource,
        state="current",
        initial_download_complete=downloaded,
        rows=rows,
        source_rows=source_rows,
    )
    result = filled.asks(rows_match_source)
    assert result.passed is passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    if not passed:
        assert f"{rows:,} rows here" in (result.description or "")
        assert result.metadata["source_rows spark/default Property"].value == source_rows


def test_forges_rows_are_not_held_against_the_count_of_an_old_replay(filled: Filled):
    filled.insert(
        "feeds",
        feed="forge/armls",
        resource="Property",
        state="current",
        initial_download_complete=True,
        rows=500,
        source_rows=60,
    )
    assert filled.asks(rows_match_source).passed


def _gone(filled: Filled, feed: str = "spark/gone") -> None:
    filled.insert(
        "feeds",
        feed=feed,
        resource="Property",
        state="current",
        last_success_at=NOW - timedelta(days=9),
    )


def test_a_feed_that_left_the_configuration_is_late_as_long_as_anything_of_it_is_stored(
    filled: Filled,
):
    _gone(filled)
    assert filled.asks(feeds_fresh).passed
    filled.listing("1", feed="spark/gone")
    result = filled.asks(feeds_fresh)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert "spark/gone Property" in str(result.description)


def test_a_feed_whose_first_download_is_under_way_is_not_judged_but_told_of(filled: Filled):
    assert hours_since_success([FeedState("spark/a", Resource.PROPERTY)], NOW) == {}
    began = NOW - timedelta(hours=30)
    of_it = {"feed": "spark/default", "resource": "Property"}
    filled.insert("feeds", **of_it, state="downloading", source_rows=500)
    filled.insert("raw.walks", walk_id=1, **of_it, kind="download", count_before=500)
    for number in (1, 2):
        filled.insert("raw.pages", page_id=number, **of_it, kind="download", fetched_at=began)
        filled.insert("raw.records", **of_it, record_key=str(number), page_id=number)
    for check in (feeds_fresh, rows_match_source):
        result = filled.asks(check)
        assert result.passed
        assert "under way, 2 pages with 2 of 500 records" in (result.description or "")


def test_rows_that_are_on_their_way_into_the_tables_are_not_missing(filled: Filled):
    of_it = {"feed": "spark/default", "resource": "Property"}
    complete = {"state": "current", "initial_download_complete": True}
    filled.insert("feeds", **of_it, **complete, rows=0, source_rows=500)
    filled.insert("raw.records", **of_it, record_key="1", page_id=7)
    assert filled.asks(rows_match_source).passed
    filled.insert("raw.normalised", **of_it, through=7)
    assert not filled.asks(rows_match_source).passed


def test_numbers_of_each_feed_are_left_out_where_they_are_too_many_to_plot():
    few = {f"spark/{number}": 1.0 for number in range(MAX_PLOTTED_FEEDS)}
    assert len(of_each(hours=few, rows=few)) == 2 * MAX_PLOTTED_FEEDS
    assert of_each(hours={**few, "spark/more": 1.0}) == {}
