"""The demo's own judgement on whether a value arrived."""

from datetime import UTC, date, datetime

import pytest

from mls_assets.demo.comparison import differences, read_json, same


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Active", "Active"),
        ("ActiveUnderContract", "Active Under Contract"),
        ("27500", 27500.0),
        ("1.10", "1.10"),
        (True, True),
        ("N", False),
        (None, None),
        ("", ""),
        ("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2004-02-04T00:00:00", date(2004, 2, 4)),
        ("Dishwasher,Range", ["Dishwasher", "Range"]),
        ([], []),
    ],
)
def test_a_value_that_arrived_is_the_same(sent, stored):
    assert same(sent, stored)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Active", "Pending"),
        ("27500", 27501.0),
        ("1.10", "1.1"),
        (True, False),
        ("", None),
        (None, ""),
        ([], None),
        ("2026-05-01T12:00:00Z", datetime(2026, 5, 1, 13, tzinfo=UTC)),
        ("Dishwasher,Range", ["Range", "Dishwasher"]),
    ],
)
def test_a_value_that_is_wrong_or_lost_is_not(sent, stored):
    assert not same(sent, stored)


def test_a_field_without_a_column_has_to_stand_in_local_fields():
    sent = read_json('{"ListPrice": 1.10, "Custom": 1.10, "Lost": 2, "Empty": null}')
    stored = {"ListPrice": 1.1, "local_fields": '{"Custom": 1.10}'}
    assert list(differences(sent, stored)) == ["Lost"]
