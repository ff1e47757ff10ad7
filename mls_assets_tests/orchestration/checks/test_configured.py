"""When what is stored is still asked for, and what is said of the rest."""

import dagster as dg

from mls_assets.orchestration.checks.configured import stored_is_configured
from mls_assets_tests.orchestration.checks.conftest import Filled


def _stored(filled: Filled, feed: str, resource: str = "Property") -> None:
    filled.insert("feeds", feed=feed, resource=resource, state="current", rows=1)
    filled.insert("raw.records", feed=feed, resource=resource, record_key="1", page_id=1)


def test_what_is_configured_is_no_offender(filled: Filled):
    _stored(filled, "spark/default")
    assert filled.asks(stored_is_configured).passed


def test_what_left_the_configuration_is_red_with_its_remedy(filled: Filled):
    _stored(filled, "spark/default")
    _stored(filled, "spark/gone")
    _stored(filled, "spark/gone", "Member")
    _stored(filled, "forge/armls")
    result = filled.asks(stored_is_configured)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.ERROR
    assert "mls-assets erase spark/gone --yes" in str(result.description)
    assert "mls-assets erase forge/armls --yes" in str(result.description)
    assert result.metadata["unconfigured"].value == 3
    assert result.metadata["offenders"].value == [
        "forge/armls Property",
        "spark/gone Member",
        "spark/gone Property",
    ]


def test_a_feed_of_which_nothing_is_stored_is_no_offender(filled: Filled):
    filled.insert("feeds", feed="spark/gone", resource="Property", state="current", rows=0)
    assert filled.asks(stored_is_configured).passed


def test_what_was_refused_of_a_feed_counts_as_stored_too(filled: Filled):
    filled.insert("rejected_values", feed="spark/gone", resource="Media", record_key="1")
    result = filled.asks(stored_is_configured)
    assert result.metadata["offenders"].value == ["spark/gone Property"]
