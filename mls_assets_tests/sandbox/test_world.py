"""The synthetic world: determinism, keys, size, and records as ragged as real ones."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mls_assets.sandbox.catalogue import ENTITY_SETS, Catalogue, Shape
from mls_assets.sandbox.market.market import Market
from mls_assets.sandbox.market.spark_feed import WORLD_END
from mls_assets.sandbox.world.dice import Dice, mix
from mls_assets.sandbox.world.keys import KeySpace, key_at, micros_in, micros_of, stamp

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday


def market(listings: int = 300, seed: int = 1, **options: Any) -> Market:
    return Market(listings, seed, real_clock=lambda: NOW, **options)


def everything(catalogue: Catalogue) -> bytes:
    texts = [
        catalogue.record_json(resource, key) or b""
        for resource in ENTITY_SETS
        for key in catalogue.keys(resource)
    ]
    media = [
        catalogue.children_json("Property", key, navigation, "http://h/OData")
        for key in catalogue.keys("Property")
        for navigation in ("Media", "Room", "Unit", "OpenHouse")
    ]
    return b"".join(texts + media)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones():
    assert everything(market(120).catalogue) == everything(market(120).catalogue)
    assert everything(market(120).catalogue) != everything(market(120, seed=2).catalogue)


def test_draws_are_the_same_on_every_machine():
    dice = Dice(7, 3)
    assert [dice.below(100) for _ in range(8)] == [92, 60, 41, 57, 26, 0, 56, 26]
    assert mix(7, 3) == 0x953AEB70673E29CB
    assert list(market(3).catalogue.keys("Property")) == [
        "20170911224835541964000000",
        "20220610123332467148000000",
        "20250526082151824232000000",
    ]


def test_a_key_has_26_digits_and_tells_when_it_was_made():
    at = micros_of(datetime(2024, 7, 12, 15, 47, 55, 555836, tzinfo=UTC))
    assert key_at(at) == "20240712154755555836000000"
    assert micros_in("20240712154755555836000000") == at
    assert stamp(at) == "2024-07-12T15:47:55Z"
    for odd in ("", "R10", "2024071215475555583600000x", "20241312154755555836000000"):
        assert micros_in(odd) is None


def test_keys_ascend_with_the_index_and_any_text_is_found_by_bisection():
    space = KeySpace(99, 1_000_000, datetime(2016, 1, 1, tzinfo=UTC), WORLD_END)
    some = range(0, 1_000_000, 49_999)
    keys = [space.key(i) for i in some]
    assert keys == sorted(keys)
    assert [space.index(key) for key in keys] == list(some)
    assert [space.first_after(key) for key in keys] == [i + 1 for i in some]
    assert space.first_after(None) == space.first_after("") == space.first_after("0") == 0
    assert space.first_after("3") == space.first_after("zzz") == 1_000_000
    assert space.index(keys[3][:-1] + "1") is None


def test_a_million_listings_take_no_memory_and_no_time_to_start():
    tracemalloc.start()
    try:
        catalogue = market(1_000_000).catalogue
        assert catalogue.count("Property") == 1_000_000
        middle = next(catalogue.keys("Property", after="20210101"))
        assert catalogue.record("Property", middle)
        walked = sum(1 for _, _ in zip(range(5_000), catalogue.keys("Property"), strict=False))
        assert walked == 5_000
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()


def test_a_size_that_is_not_supported_is_refused():
    for size in (0, 1_000_001):
        with pytest.raises(ValueError, match=f"1 to 1,000,000 listings, not {size:,}"):
            market(size)


def test_v2_records_are_as_large_and_ragged_as_real_ones():
    catalogue = market(200).catalogue
    records = [catalogue.record("Property", key) or {} for key in catalogue.keys("Property")]
    sizes = [len(record) for record in records]
    assert 640 < sum(sizes) / len(sizes) < 760
    assert max(sizes) - min(sizes) > 80
    hidden = [sum(name.endswith("@Core.Permissions") for name in record) for record in records]
    assert 145 < sum(hidden) / len(hidden) < 170
    assert len({name for record in records for name in record}) > 1_100
    assert all(
        name.removesuffix("@Core.Permissions") not in record
        for record in records
        for name in record
        if name.endswith("@Core.Permissions")
    )
    flags = {value for r in records for name, value in r.items() if name == "Flooring_co_Wood"}
    assert flags == {True}


def test_values_have_the_awkward_forms_of_the_wire():
    catalogue = market(600).catalogue
    records = [catalogue.record("Property", key) or {} for key in catalogue.keys("Property")]

    def kinds(name: str) -> set[str]:
        return {type(record[name]).__name__ for record in records}

    assert kinds("ListPrice") >= {"float"}
    assert kinds("BedroomsTotal") == {"int", "NoneType"}
    assert kinds("Appliances") == {"list"}
    assert all(r["ParcelNumber"].isdigit() and len(r["ParcelNumber"]) == 17 for r in records)
    assert any(r["ParcelNumber"].startswith("0") for r in records)
    assert any(r["LotSizeAcres"] == 0.0 for r in records)
    assert any(r["ListAgentURL"] == "" for r in records)
    remarks = [r["PublicRemarks"] for r in records]
    assert None in remarks
    assert any(text and not text.isascii() for text in remarks)
    assert any(text and len(text) > 3_000 for text in remarks)
    assert "ActiveUnderContract" in {r["StandardStatus"] for r in records}
    assert "Land & Docks" in {r["PropertyType"] for r in records}
    assert len({r["ModificationTimestamp"] for r in records}) < len(records)


def test_v3_sends_only_what_metadata_declares_and_arrays_for_local_options():
    catalogue = market(60).catalogue.with_shape("v3")
    declared = catalogue.properties("Property")
    for key in catalogue.keys("Property"):
        record = catalogue.record("Property", key) or {}
        assert {name.removesuffix("@Core.Permissions") for name in record} <= declared.keys()
    assert any(
        isinstance(
            (catalogue.record("Property", key) or {}).get("Restrictions_co_Restrictions"), list
        )
        for key in catalogue.keys("Property")
    )


@pytest.mark.parametrize("shape", ["v2", "v3"])
def test_the_fast_text_is_the_record(shape: Shape):
    catalogue = market(80).catalogue.with_shape(shape)
    for resource in ENTITY_SETS:
        for key in list(catalogue.keys(resource))[:80]:
            record = catalogue.record(resource, key)
            assert json.loads(catalogue.record_json(resource, key) or b"") == record
            head = catalogue.head(resource, key) or {}
            assert record is not None
            assert head == {name: record[name] for name in head}
    for key in catalogue.keys("Property"):
        for navigation in catalogue.navigations("Property"):
            text = catalogue.children_json("Property", key, navigation, "http://h/OData")
            rows = json.loads(text)
            assert all(row.pop("@odata.id") for row in rows)
            assert rows == catalogue.children("Property", key, navigation)


def test_media_count_as_on_spark():
    catalogue = market(300).catalogue
    counts = []
    for key in catalogue.keys("Property"):
        media = catalogue.children("Property", key, "Media")
        counts.append(len(media))
        record = catalogue.record("Property", key) or {}
        categories = Counter(row["MediaCategory"] for row in media)
        assert categories["Photo"] == record["PhotosCount"]
        assert sum(row["PreferredPhotoYN"] is True for row in media) == 1
        for category, count in categories.items():
            orders = [row["Order"] for row in media if row["MediaCategory"] == category]
            assert orders == list(range(1, count + 1))
        assert all(row["ResourceRecordKey"] == key for row in media)
    assert 34 < sum(counts) / len(counts) < 42
    assert min(counts) >= 1
    assert max(counts) <= 88


def test_children_keys_are_unique_and_rooms_do_not_name_their_listing():
    catalogue = market(150).catalogue
    keys: list[str] = []
    units = 0
    for key in catalogue.keys("Property"):
        rooms = catalogue.children("Property", key, "Room")
        assert all("ListingKey" not in room for room in rooms)
        assert all(isinstance(room["RoomLength"], str) for room in rooms)
        rows = catalogue.children("Property", key, "Unit")
        units += bool(rows)
        income = (catalogue.record("Property", key) or {})["PropertyType"] == "Residential Income"
        assert bool(rows) == income
        keys += [room["RoomKey"] for room in rooms] + [unit["UnitTypeKey"] for unit in rows]
        keys += [row["MediaKey"] for row in catalogue.children("Property", key, "Media")]
    assert units
    assert len(keys) == len(set(keys))


def test_base_records_are_older_than_any_sandbox():
    catalogue = market(200).catalogue
    for resource in ("Property", "Member", "Office"):
        assert list(catalogue.modified_since(resource, WORLD_END)) == []
        heads = [catalogue.head(resource, key) or {} for key in catalogue.keys(resource)]
        newest = max(head["ModificationTimestamp"] for head in heads)
        assert newest < "2026-01-01T00:00:00Z"
    since = WORLD_END - timedelta(days=200)
    recent = list(catalogue.modified_since("Property", since))
    assert recent == sorted(recent)
    assert 0 < len(recent) < 200


def test_lookups_have_keys_of_their_own_form():
    catalogue = market(10).catalogue
    keys = list(catalogue.keys("Lookup"))
    assert keys == sorted(keys)
    assert len(keys) == catalogue.count("Lookup") > 200
    assert all(len(key.split("-")) == 4 for key in keys)
    assert list(catalogue.keys("Lookup", keys[4])) == keys[5:]


def test_custom_fields_have_readable_labels():
    labels = market(10).catalogue.local_names()
    assert labels["Auction_sp_Terms_co_Absolute"] == "Auction Terms: Absolute"
    assert labels["Co_hyphen_Ownership_co_Co_hyphen_Ownership"] == "Co-Ownership"
