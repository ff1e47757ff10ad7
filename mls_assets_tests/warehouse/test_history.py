"""What `listing_events` says of versions that follow each other."""

from datetime import datetime
from typing import Any

import pytest

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import Reason, Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.publication import publication
from mls_assets.warehouse.removals import hiding
from mls_assets.warehouse.tables import merging
from mls_assets_tests.warehouse.world import (
    FEED,
    MINUTE,
    NOON,
    bring,
    gone,
    land,
    merge_all,
    page,
    record,
)

LATER = NOON + MINUTE
ARMLS = FeedName("forge/armls", is_mls=True)


def record_at(key: str, at: datetime, fields: dict[str, Any]) -> Any:
    return record(key, at, **{**fields, "ModificationTimestamp": at.isoformat()})


def downloaded(warehouse: Warehouse, *records: tuple[str, dict[str, Any]]) -> None:
    """The first download of the feed, with these listings."""
    with warehouse.write() as con:
        walk = cursors.begin_walk(con, FEED, Resource.PROPERTY, "download", started_at=NOON)
        land(con, page(*(record_at(key, NOON, fields) for key, fields in records)), walk)
        cursors.end_walks(con, FEED, Resource.PROPERTY)
        merge_all(con)


def updated(
    warehouse: Warehouse, *records: tuple[str, dict[str, Any]], at: datetime = LATER
) -> None:
    with warehouse.write() as con:
        walk = cursors.begin_walk(con, FEED, Resource.PROPERTY, "update", started_at=at)
        land(con, page(*(record_at(key, at, fields) for key, fields in records), at=at), walk)
        cursors.end_walks(con, FEED, Resource.PROPERTY)
        merge_all(con)


def events(warehouse: Warehouse, columns: str = "event, old_value, new_value") -> list[Any]:
    with warehouse.read() as con:
        found = con.execute(f"select {columns} from listing_events order by seen_at, event")
        return found.fetchall()


def test_what_the_first_download_brings_is_no_event(warehouse: Warehouse):
    downloaded(warehouse, ("a", {"StandardStatus": "Active"}), ("b", {}))
    assert events(warehouse) == []


def test_a_listing_that_comes_later_is_new_with_its_status(warehouse: Warehouse):
    downloaded(warehouse, ("a", {}))
    updated(warehouse, ("b", {"StandardStatus": "Coming Soon"}))
    assert events(warehouse, 'event, "ListingKey", field, old_value, new_value') == [
        ("new", "b", "StandardStatus", None, "Coming Soon")
    ]


def test_a_changed_price_is_told_with_both_values_and_both_times(warehouse: Warehouse):
    downloaded(warehouse, ("a", {"ListPrice": 450_000.0}))
    told = NOON + MINUTE / 2
    updated(warehouse, ("a", {"ListPrice": 425_000.0, "PriceChangeTimestamp": told.isoformat()}))
    assert events(warehouse, "event, field, old_value, new_value, happened_at, seen_at") == [
        ("price_change", "ListPrice", "450000.0", "425000.0", told, LATER)
    ]


def test_without_a_time_of_its_own_a_change_happened_when_the_record_was_modified(
    warehouse: Warehouse,
):
    downloaded(warehouse, ("a", {"ListPrice": 1.0, "PriceChangeTimestamp": NOON.isoformat()}))
    updated(warehouse, ("a", {"ListPrice": 2.0, "PriceChangeTimestamp": NOON.isoformat()}))
    assert events(warehouse, "event, happened_at") == [("price_change", LATER)]


@pytest.mark.parametrize(
    ("old", "new", "event"),
    [
        ("Active", "Pending", "status_change"),
        ("Coming Soon", "Active", "status_change"),
        ("Pending", "Closed", "status_change"),
        ("Pending", "Active", "back_on_market"),
        ("Active Under Contract", "Active", "back_on_market"),
        ("Withdrawn", "Active", "back_on_market"),
        ("Closed", "Active", "back_on_market"),
        ("Our Own Status", "Active", "status_change"),
    ],
)
def test_a_changed_status_is_told_as_what_it_means(
    warehouse: Warehouse, old: str | None, new: str, event: str
):
    downloaded(warehouse, ("a", {"StandardStatus": old}))
    updated(warehouse, ("a", {"StandardStatus": new}))
    assert events(warehouse) == [(event, old, new)]


def test_a_version_in_which_neither_price_nor_status_changed_is_no_event(warehouse: Warehouse):
    downloaded(warehouse, ("a", {"ListPrice": 1.0, "StandardStatus": "Active"}))
    updated(warehouse, ("a", {"ListPrice": 1.0, "StandardStatus": "Active", "City": "Tempe"}))
    assert events(warehouse) == []


@pytest.mark.parametrize("field", ["ListPrice", "StandardStatus"])
def test_a_value_that_is_not_told_is_no_change(warehouse: Warehouse, field: str):
    told = 5.0 if field == "ListPrice" else "Active"
    downloaded(warehouse, ("a", {field: told}))
    updated(warehouse, ("a", {field: None}))
    updated(warehouse, ("a", {field: told}), at=LATER + MINUTE)
    assert events(warehouse) == []


def test_a_download_that_was_started_anew_is_still_the_first(warehouse: Warehouse):
    with warehouse.write() as con:
        for keys in (("a",), ("a", "b", "c")):
            walk = cursors.begin_walk(con, FEED, Resource.PROPERTY, "download", started_at=NOON)
            land(con, page(*(record_at(key, NOON, {}) for key in keys)), walk)
            merge_all(con)
        cursors.end_walks(con, FEED, Resource.PROPERTY)
    assert events(warehouse) == []


def test_a_listing_that_was_taken_off_on_the_very_page_of_its_successor_was_relisted(
    warehouse: Warehouse,
):
    downloaded(
        warehouse,
        ("a", {**PLACE, "StandardStatus": "Active"}),
        ("c", {**PLACE, "StandardStatus": "Withdrawn", "UnitNumber": "7"}),
    )
    updated(
        warehouse,
        ("a", {**PLACE, "StandardStatus": "Withdrawn"}),
        ("b", {**PLACE, "StandardStatus": "Active"}),
        ("c", {**PLACE, "StandardStatus": "Active", "UnitNumber": "7"}),
        ("d", {**PLACE, "StandardStatus": "Active", "UnitNumber": "7"}),
    )
    relisted = [row[1:] for row in events(warehouse) if row[0] == "relisted"]
    assert relisted == [("a", "b")], "c is back itself, so d is no successor"


def test_a_removed_listing_is_named_by_no_other_ones_history(warehouse: Warehouse, tmp_path: Any):
    downloaded(warehouse, ("a", {**PLACE, "StandardStatus": "Expired"}))
    updated(warehouse, ("b", {**PLACE, "StandardStatus": "Active"}))
    with warehouse.write() as con:
        hiding.hide_keys(con, FEED, Resource.PROPERTY, ["a"])
    published = publication.write_published(warehouse, tmp_path / "mls.duckdb", run_id="run-1")
    assert published.rows["listing_events"] == 1
    bring(warehouse, page(gone("a", Reason.TOMBSTONE), at=LATER))
    assert [event for event, _, _ in events(warehouse)] == ["new"]


PARCEL = {"ParcelNumber": "7"}
PLACE = {"PropertyType": "Residential", "UnparsedAddress": "1 Main St", "PostalCode": "85281"}


@pytest.mark.parametrize(
    ("before", "now", "relisted"),
    [
        ({**PLACE}, {**PLACE, "UnparsedAddress": "1 MAIN ST"}, True),
        (
            {**PLACE, **PARCEL},
            {"PropertyType": "Residential", **PARCEL},
            True,
        ),
        ({**PLACE, **PARCEL}, {**PLACE, "ParcelNumber": "8"}, False),
        ({**PLACE, **PARCEL}, {**PLACE}, False),
        ({**PLACE, "UnitNumber": "1"}, {**PLACE, "UnitNumber": "2"}, False),
        ({**PLACE}, {**PLACE, "PropertyType": "Residential Lease"}, False),
        ({**PLACE}, {**PLACE, "PostalCode": "85282"}, False),
        ({}, {}, False),
    ],
)
def test_a_place_that_comes_again_under_another_key_was_relisted(
    warehouse: Warehouse, before: dict[str, Any], now: dict[str, Any], relisted: bool
):
    downloaded(warehouse, ("a", {**before, "StandardStatus": "Expired"}))
    updated(warehouse, ("b", {**now, "StandardStatus": "Active"}))
    found = [("new", None, "Active"), *([("relisted", "a", "b")] if relisted else [])]
    assert events(warehouse) == found


@pytest.mark.parametrize(("before", "now"), [("Closed", "Active"), ("Expired", "Closed")])
def test_a_sale_after_a_sale_is_no_relisting(warehouse: Warehouse, before: str, now: str):
    downloaded(warehouse, ("a", {**PLACE, "StandardStatus": before}))
    updated(warehouse, ("b", {**PLACE, "StandardStatus": now}))
    assert [event for event, _, _ in events(warehouse)] == ["new"]


def test_of_several_earlier_listings_the_one_modified_last_was_relisted(warehouse: Warehouse):
    off = {**PLACE, "StandardStatus": "Canceled"}
    downloaded(warehouse, ("a", off), ("b", off))
    updated(warehouse, ("a", {**off, "City": "Tempe"}))
    updated(warehouse, ("c", {**PLACE, "StandardStatus": "Active"}), at=LATER + MINUTE)
    assert ("relisted", "a", "c") in events(warehouse)


def test_forges_history_begins_where_nothing_remained_for_the_first_time(warehouse: Warehouse):
    first = page(record_at("a", NOON, {}), feed=ARMLS, remaining=1)
    second = page(record_at("b", NOON, {}), feed=ARMLS, remaining=0)
    third = page(record_at("c", LATER, {}), feed=ARMLS, remaining=0, at=LATER)
    bring(warehouse, first)
    bring(warehouse, second)
    bring(warehouse, third)
    assert events(warehouse, 'event, "ListingKey"') == [("new", "c")]


def test_normalising_again_derives_nothing(warehouse: Warehouse):
    downloaded(warehouse, ("a", {"ListPrice": 1.0}))
    updated(warehouse, ("a", {"ListPrice": 2.0}), ("b", {**PLACE, "StandardStatus": "Expired"}))
    updated(warehouse, ("c", {**PLACE, "StandardStatus": "Active"}), at=LATER + MINUTE)
    before = events(warehouse)
    with warehouse.write() as con:
        merging.renormalise(con)
        merge_all(con)
    assert events(warehouse) == before
    assert [event for event, _, _ in before] == ["new", "price_change", "new", "relisted"]


def test_a_history_goes_with_its_listing_and_a_listing_that_returns_begins_a_new_one(
    warehouse: Warehouse,
):
    downloaded(warehouse, ("a", {"ListPrice": 1.0}), ("b", {"ListPrice": 1.0}))
    updated(warehouse, ("a", {"ListPrice": 2.0}), ("b", {"ListPrice": 3.0}))
    bring(warehouse, page(gone("a", Reason.TOMBSTONE), at=LATER))
    assert events(warehouse) == [("price_change", "1.0", "3.0")]
    updated(warehouse, ("a", {"ListPrice": 4.0}), at=LATER + MINUTE)
    assert [event for event, _, _ in events(warehouse)] == ["price_change", "returned"]


def test_readers_do_not_see_the_history_of_a_listing_that_is_hidden(
    warehouse: Warehouse, tmp_path: Any
):
    downloaded(warehouse, ("a", {"ListPrice": 1.0}), ("b", {"ListPrice": 1.0}))
    updated(warehouse, ("a", {"ListPrice": 2.0}), ("b", {"ListPrice": 3.0}))
    with warehouse.write() as con:
        hiding.hide_keys(con, FEED, Resource.PROPERTY, ["a"])
    published = publication.write_published(warehouse, tmp_path / "mls.duckdb", run_id="run-1")
    assert published.rows["listing_events"] == 1
