"""What happens to the Spark market: changes, removals, additions, open houses, delay, clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from mls_assets.sandbox.live import Mover
from mls_assets.sandbox.market.clock import SandboxClock
from mls_assets.sandbox.market.market import Market

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday
STAMP = "2026-06-03T12:00:00Z"


@pytest.fixture
def market() -> Market:
    return Market(400, 5, real_clock=lambda: NOW)


def listing(market: Market, key: str) -> dict:
    record = market.catalogue.record("Property", key)
    assert record is not None
    assert json.loads(market.catalogue.record_json("Property", key) or b"") == record
    return record


def test_a_price_change_moves_price_and_timestamps_and_nothing_else(market: Market):
    [key] = market.spark.choose("Property", 1)
    before = listing(market, key)
    assert market.spark.change("Property", [key], "price") == [key]
    after = listing(market, key)
    changed = {name for name in before if before[name] != after[name]}
    assert {"ListPrice", "ModificationTimestamp"} <= changed
    assert changed <= {
        "ListPrice",
        "PreviousListPrice",
        "ModificationTimestamp",
        "PriceChangeTimestamp",
        "MajorChangeTimestamp",
        "MajorChangeType",
    }
    assert after["ModificationTimestamp"] == STAMP
    assert list(market.catalogue.modified_since("Property", NOW - timedelta(minutes=20))) == [key]


def test_a_status_goes_its_way_to_closed_and_hides_and_shows_the_buyer(market: Market):
    [key] = market.spark.choose("Property", 1, ["Active"])
    assert listing(market, key)["BuyerAgentKey"] is None
    market.spark.change("Property", [key], "status")
    pending = listing(market, key)
    assert pending["StandardStatus"] == "Pending"
    assert "BuyerAgentKey" not in pending
    assert pending["BuyerAgentKey@Core.Permissions"] == "None"
    market.spark.change("Property", [key], "status")
    closed = listing(market, key)
    assert closed["StandardStatus"] == "Closed"
    assert closed["CloseDate"] == "2026-06-03"
    assert closed["BuyerAgentKey"]


def test_any_status_can_be_asked_for(market: Market):
    [key] = market.spark.choose("Property", 1)
    market.spark.change("Property", [key], "status", to="Delete")
    assert listing(market, key)["StandardStatus"] == "Delete"
    assert (market.catalogue.head("Property", key) or {})["StandardStatus"] == "Delete"


def test_new_photos_get_new_keys_and_keep_the_count_right(market: Market):
    [key] = market.spark.choose("Property", 1, ["Active"])
    seen = {row["MediaKey"] for row in market.catalogue.children("Property", key, "Media")}
    for _ in range(3):
        before = [row["MediaKey"] for row in market.catalogue.children("Property", key, "Media")]
        market.spark.change("Property", [key], "photos")
        media = market.catalogue.children("Property", key, "Media")
        photos = [row for row in media if row["MediaCategory"] == "Photo"]
        assert photos[0]["MediaKey"] not in seen
        assert [row["MediaKey"] for row in media] != before
        record = listing(market, key)
        assert record["PhotosCount"] == len(photos) <= 88
        assert record["PhotosChangeTimestamp"] == STAMP
        seen.update(row["MediaKey"] for row in media)


def test_fields_can_be_set_to_anything_hidden_or_shown(market: Market):
    [key] = market.spark.choose("Property", 1)
    hidden = next(n for n in listing(market, key) if n.endswith("@Core.Permissions"))
    field = hidden.removesuffix("@Core.Permissions")
    values = {
        "BedroomsTotal": "three",
        "YearBuilt@Core.Permissions": "None",
        field: "now shown",
        "BrandNewField": [1],
        "PublicRemarks": "\ud83d",
    }
    market.spark.change("Property", [key], None, values)
    record = listing(market, key)
    assert record["BedroomsTotal"] == "three"
    assert "YearBuilt" not in record
    assert hidden not in record
    assert record["BrandNewField"] == [1]


def test_a_silent_change_leaves_the_timestamp_alone(market: Market):
    [key] = market.spark.choose("Property", 1)
    before = listing(market, key)["ModificationTimestamp"]
    market.spark.change("Property", [key], "remarks", touch=False)
    assert listing(market, key)["ModificationTimestamp"] == before
    assert list(market.catalogue.modified_since("Property", NOW - timedelta(days=1))) == []


def test_a_bulk_touch_gives_many_records_the_same_second(market: Market):
    keys = market.spark.choose("Property", 250)
    market.spark.change("Property", keys, "touch")
    assert {listing(market, key)["ModificationTimestamp"] for key in keys[:20]} == {STAMP}
    assert list(market.catalogue.modified_since("Property", NOW - timedelta(minutes=1))) == keys


def test_a_removed_record_is_just_not_there_until_it_returns(market: Market):
    catalogue = market.catalogue
    keys = market.spark.choose("Property", 3)
    assert market.spark.remove("Property", keys) == keys
    assert market.spark.remove("Property", keys) == []
    assert catalogue.count("Property") == 397
    assert not set(keys) & set(catalogue.keys("Property"))
    assert catalogue.record("Property", keys[0]) is None
    assert catalogue.head("Property", keys[0]) is None
    assert catalogue.children("Property", keys[0], "Media") == []
    market.spark.restore("Property", keys[:1])
    market.spark.restore("Property", keys[1:2], touch=False)
    assert catalogue.count("Property") == 399
    assert list(catalogue.modified_since("Property", NOW - timedelta(hours=1))) == keys[:1]
    assert set(keys[:2]) <= set(catalogue.keys("Property"))


def test_new_and_relisted_listings_have_the_greatest_keys(market: Market):
    base = list(market.catalogue.keys("Property"))
    added = market.spark.add("Property", 3, {"City": "Newtown"})
    [old] = market.spark.choose("Property", 1, ["Active"])
    pairs = market.spark.relist([old])
    assert list(market.catalogue.keys("Property")) == [*base, *added, pairs[old]]
    assert listing(market, added[0])["City"] == "Newtown"
    assert listing(market, added[0])["StandardStatus"] == "Active"
    then, now = listing(market, old), listing(market, pairs[old])
    assert then["StandardStatus"] == "Withdrawn"
    assert now["StandardStatus"] == "Active"
    assert now["ListingId"] != then["ListingId"]
    assert now["UnparsedAddress"] == then["UnparsedAddress"]
    assert market.catalogue.count("Property") == 404


def test_a_walk_sees_what_comes_behind_it_and_not_what_is_gone(market: Market):
    walk = market.catalogue.keys("Property")
    first = next(walk)
    last = list(market.catalogue.keys("Property"))[-1]
    market.spark.remove("Property", [last])
    [new] = market.spark.add("Property", 1)
    rest = list(walk)
    assert rest[0] > first
    assert rest[-1] == new
    assert last not in rest
    assert list(market.catalogue.keys("Property", after=new)) == []


def test_choices_are_decided_by_the_seed():
    def chosen(seed: int) -> list[list[str]]:
        market = Market(400, seed, real_clock=lambda: NOW)
        return [market.spark.choose("Property", 4) for _ in range(3)]

    assert chosen(5) == chosen(5)
    assert chosen(5) != chosen(6)
    assert len({tuple(keys) for keys in chosen(5)}) == 3


def test_asking_for_more_than_there_is_gives_all(market: Market):
    assert len(market.spark.choose("Property", 10_000)) == 400
    assert set(market.spark.choose("Office", 10)) == set(market.catalogue.keys("Office"))


def test_members_and_offices_change_vanish_and_come_too(market: Market):
    for resource in ("Member", "Office"):
        [key] = market.spark.choose(resource, 1)
        market.spark.change(resource, [key], None, {"Visible": False})
        record = market.catalogue.record(resource, key) or {}
        assert record["Visible"] is False
        assert record["ModificationTimestamp"] == STAMP
        [new] = market.spark.add(resource, 1)
        market.spark.remove(resource, [key])
        assert list(market.catalogue.keys(resource))[-1] == new
        assert market.catalogue.record(resource, key) is None


def test_open_houses_vanish_when_they_are_over_and_new_ones_are_announced(market: Market):
    catalogue = market.catalogue
    keys = list(catalogue.keys("OpenHouse"))
    assert keys == sorted(keys)
    assert len(keys) == catalogue.count("OpenHouse") > 3
    records = [catalogue.record("OpenHouse", key) or {} for key in keys]
    assert all(record["OpenHouseEndTime"] > STAMP for record in records)
    assert all(catalogue.head("Property", record["ListingKey"]) for record in records)
    market.clock.advance(timedelta(days=7))
    later = set(catalogue.keys("OpenHouse"))
    over = {r["OpenHouseKey"] for r in records if r["OpenHouseEndTime"] <= "2026-06-10T12:00:00Z"}
    assert over
    assert not over & later
    assert set(keys) - over <= later
    assert later - set(keys)
    announced = catalogue.modified_since("OpenHouse", NOW)
    assert set(announced) == later - set(keys)


def test_an_open_house_goes_with_its_listing(market: Market):
    catalogue = market.catalogue
    key = next(catalogue.keys("OpenHouse"))
    owner = (catalogue.record("OpenHouse", key) or {})["ListingKey"]
    assert key in [h["OpenHouseKey"] for h in catalogue.children("Property", owner, "OpenHouse")]
    market.spark.change("Property", [owner], "status", to="Closed")
    assert catalogue.record("OpenHouse", key) is None
    market.spark.change("Property", [owner], "status", to="Active")
    assert catalogue.record("OpenHouse", key)
    market.spark.remove("Property", [owner])
    assert key not in set(catalogue.keys("OpenHouse"))


def test_open_houses_can_be_moved_removed_and_added(market: Market):
    catalogue = market.catalogue
    moved, removed = market.spark.choose("OpenHouse", 2)
    market.spark.change("OpenHouse", [moved], "time")
    market.spark.remove("OpenHouse", [removed])
    [added] = market.spark.add("OpenHouse", 1)
    record = catalogue.record("OpenHouse", moved) or {}
    assert record["OpenHouseStartTime"] == "2026-06-05T15:00:00Z"
    assert record["ModificationTimestamp"] == STAMP
    keys = list(catalogue.keys("OpenHouse"))
    assert removed not in keys
    assert keys[-1] == added
    owner = (catalogue.record("OpenHouse", added) or {})["ListingKey"]
    assert added in [h["OpenHouseKey"] for h in catalogue.children("Property", owner, "OpenHouse")]


def test_a_delayed_change_appears_later_with_its_old_timestamp():
    market = Market(200, 5, delay_minutes=20, real_clock=lambda: NOW)
    keys = market.spark.choose("Property", 30)
    gone = keys[:5]
    market.spark.change("Property", keys[5:], "price")
    market.spark.remove("Property", gone)
    assert list(market.catalogue.modified_since("Property", NOW - timedelta(hours=1))) == []
    market.clock.advance(timedelta(minutes=8))
    early = set(market.catalogue.modified_since("Property", NOW - timedelta(hours=1)))
    assert 0 < len(early) < 25
    market.clock.advance(timedelta(minutes=12))
    assert list(market.catalogue.modified_since("Property", NOW - timedelta(hours=1))) == keys[5:]
    assert listing(market, keys[9])["ModificationTimestamp"] == STAMP
    assert market.catalogue.count("Property") == 195
    market.clock.advance(timedelta(hours=-3))
    assert market.catalogue.count("Property") == 195


def test_switching_the_delay_off_shows_everything():
    market = Market(200, 5, delay_minutes=20, real_clock=lambda: NOW)
    market.spark.add("Property", 4)
    assert market.catalogue.count("Property") == 200
    market.delay.set(0)
    assert market.catalogue.count("Property") == 204
    assert market.delay.waiting == 0


def test_the_clock_moves_stops_and_comes_back():
    real = [NOW]
    clock = SandboxClock(lambda: real[0])
    clock.advance(timedelta(hours=2))
    assert clock.now() == NOW + timedelta(hours=2)
    real[0] += timedelta(minutes=1)
    assert clock.now() == NOW + timedelta(hours=2, minutes=1)
    clock.freeze()
    real[0] += timedelta(minutes=1)
    assert clock.frozen
    assert clock.now() == NOW + timedelta(hours=2, minutes=1)
    clock.set(NOW)
    clock.run()
    real[0] += timedelta(minutes=1)
    assert clock.now() == NOW + timedelta(minutes=1)
    clock.reset()
    assert clock.now() == real[0]


def test_a_live_market_moves_in_every_way():
    market = Market(300, 5, real_clock=lambda: NOW)
    mover = Mover(market)
    moves = {mover.move() for _ in range(150)}
    assert {"price", "status", "photos", "add", "remove"} <= moves
    assert list(market.catalogue.modified_since("Property", NOW - timedelta(minutes=1)))
    events = sum(len(mls.records["listings"].patches) for mls in market.forge.values())
    assert events > 30
