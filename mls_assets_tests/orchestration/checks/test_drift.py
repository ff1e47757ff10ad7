"""When `fields_drift` warns, and that it never stops anything."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from mls_assets.model.declarations import Declaration, DeclaredField
from mls_assets.model.resources import Resource
from mls_assets.orchestration.checks.drift import fields_drift
from mls_assets.warehouse.landing import vocabulary
from mls_assets_tests.orchestration.checks.conftest import Filled

FEED = "spark/default"


def declare(filled: Filled, *names: str, days_ago: float = 0) -> None:
    fields = tuple(DeclaredField(Resource.PROPERTY, name, "Edm.String") for name in names)
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    with filled.resource.workspace("run-1").warehouse.write() as con:
        vocabulary.declare(con, FEED, Declaration(fields, " ".join(names).encode()), moment)


def test_what_came_and_went_is_named_for_a_week(filled: Filled):
    declare(filled, "City", "Gone", days_ago=20)
    assert filled.asks(fields_drift).passed
    declare(filled, "City", "Come", days_ago=6)
    result = filled.asks(fields_drift)
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "spark/default Property.Come came (Edm.String)" in str(result.description)
    assert "Property.Gone went" in str(result.description)
    assert {name: value.value for name, value in result.metadata.items()} == {
        "came": 1,
        "went": 1,
        "changed": 0,
    }


def test_what_happened_before_is_no_news(filled: Filled):
    declare(filled, "City", "Gone", days_ago=20)
    declare(filled, "City", days_ago=8)
    assert filled.asks(fields_drift).passed


def test_many_changes_are_counted_and_some_are_named(filled: Filled):
    declare(filled, "City", days_ago=1)
    declare(filled, "City", *(f"New{number:02}" for number in range(30)))
    assert filled.asks(fields_drift).description.endswith("and 10 others")
