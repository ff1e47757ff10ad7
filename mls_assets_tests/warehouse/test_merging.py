"""Merging: what waits for normalisation, and what replaces what."""

import json

import polars as pl
import pytest

from mls_assets.model.records import Reject
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.publication import invariants
from mls_assets.warehouse.storage.queries import Connection
from mls_assets.warehouse.tables import merging
from mls_assets_tests.warehouse.world import (
    FEED,
    MINUTE,
    NOON,
    REJECTED,
    RESO_TABLES,
    bring,
    gone,
    keys_in,
    land,
    merge,
    merge_all,
    orphans,
    page,
    photos,
    record,
)


def _pending(con: Connection, **bounds: int) -> merging.Pending:
    pending = merging.pending_records(con, FEED, Resource.PROPERTY, **bounds)
    assert pending is not None
    return pending


def test_whole_pages_wait_in_order_within_the_bounds(warehouse: Warehouse):
    with warehouse.write() as con:
        for keys in ("ab", "cd", "ef"):
            land(con, page(*keys, photos(keys[0], "1")))
        by_records = _pending(con, max_records=6)
        assert [entry.key for entry in by_records.records] == ["a", "b", "c", "d"]
        assert [entry.listing_key for entry in by_records.children] == ["a", "c"]
        assert by_records.through == 2
        assert _pending(con, max_bytes=1).through == 1, "at least one page"
        assert by_records.records[0].body == record("a").body
        assert by_records.records[0].landed_at == NOON
        merge(con, by_records)
        assert [entry.key for entry in _pending(con).records] == ["e", "f"]
        merge_all(con)
        assert merging.pending_records(con, FEED, Resource.PROPERTY) is None


def test_a_merge_replaces_rows_and_counts_them(warehouse: Warehouse):
    bring(
        warehouse, page(record("a", City="Mesa", Appliances=["Oven"]), "b", photos("a", "1", "2"))
    )
    with warehouse.write() as con:
        land(con, page(record("a", NOON + MINUTE, City="Tempe", Appliances=[]), photos("a", "3")))
        assert [done.rows for done in merge_all(con)] == [{"listings": 1, "media": 1}]
        rows = con.execute('select "ListingKey", "City", "Appliances" from listings order by 1')
        assert rows.fetchall() == [("a", "Tempe", []), ("b", None, None)]
        assert keys_in(con, "media") == ["3"]
        assert cursors.state_of(con, FEED, Resource.PROPERTY).rows == 2
        land(con, page(photos("a")))
        merge_all(con)
        assert keys_in(con, "media") == []
        assert invariants.duplicate_keys(con) == {}


def test_a_removal_between_reading_and_merging_wins(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page(record("a", Bad="1"), "b", photos("a", "1"), photos("b", "2")))
        pending = _pending(con)
        land(con, page(gone("a")))
        assert merge(con, pending).rows == {"listings": 1, "media": 1}
        assert keys_in(con, "listings") == ["b"]
        assert keys_in(con, "media") == ["2"]
        assert keys_in(con, "rejected_values", "record_key") == []
        assert invariants.removed_but_present(con) == 0


def test_a_newer_version_between_reading_and_merging_waits_for_its_turn(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page(record("a", City="Mesa"), photos("a", "1")))
        pending = _pending(con)
        land(con, page(record("a", NOON + MINUTE, City="Tempe"), photos("a", "2")))
        assert merge(con, pending).rows == {"listings": 0, "media": 0}
        merge_all(con)
        assert con.execute('select "City" from listings').fetchall() == [("Tempe",)]
        assert keys_in(con, "media") == ["2"]


def test_children_that_come_in_the_record_itself_are_replaced_with_it(warehouse: Warehouse):
    # Forge: photos are part of the listing, so no child set has landed
    schema = dict.fromkeys(RESO_TABLES["media"].column_names, pl.String)
    with warehouse.write() as con:
        land(con, page("a", "b"))
        pending = _pending(con)
        land(con, page(gone("b")))
        rows = [{"feed": FEED, "ListingKey": key, "MediaKey": f"{key}-1"} for key in "ab"]
        media = pl.DataFrame(rows, schema=schema).with_columns(
            pl.col("landed_at").str.to_datetime(time_unit="us", time_zone="UTC")
        )
        merging.merge_batch(
            con,
            FEED,
            Resource.PROPERTY,
            frames={"media": media},
            replaced={"media": ["a", "b"]},
            rejected=pl.DataFrame([], schema=REJECTED),
            pending=pending,
        )
        assert keys_in(con, "media") == ["a-1"]


def test_rejected_values_are_those_of_the_version_that_is_here(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page(record("a", Bad="x"), photos("a", "1", Bad="y")))
        merge_all(con)
        query = "select resource, record_key, value from rejected_values order by all"
        both = [("Media", "a", "y"), ("Property", "a", "x")]
        assert con.execute(query).fetchall() == both
        merging.renormalise(con)
        merge_all(con)
        assert con.execute(query).fetchall() == both, "normalising again adds nothing"
        land(con, page(rejects=(Reject("NaN in it", "22bb", key="a"),)))
        merging.renormalise(con, FEED)
        merge_all(con)
        assert (("Property", "a", None)) in con.execute(query).fetchall(), "a later refusal stays"
        land(con, page(record("a", NOON + MINUTE), photos("a", "1")))
        merge_all(con)
        assert con.execute(query).fetchall() == []


def test_children_and_open_houses_are_told_the_mls_of_their_listing(warehouse: Warehouse):
    bring(warehouse, page(record("a", mls="armls"), "b"))
    with warehouse.write() as con:
        land(con, page(photos("a", "1")))
        assert merging.mls_of_listings(con, FEED, _pending(con)) == {"a": "armls"}
        house = record("oh", ListingKey="a")
        odd = record("odd", ListingKey=["a"])
        land(con, page(house, odd, resource=Resource.OPEN_HOUSE))
        pending = merging.pending_records(con, FEED, Resource.OPEN_HOUSE)
        assert pending is not None
        assert merging.mls_of_listings(con, FEED, pending) == {"a": "armls"}


def test_a_batch_is_merged_as_a_whole_or_not_at_all(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a", photos("a", "1")))
    with pytest.raises(RuntimeError), warehouse.write() as con:
        merge_all(con)
        raise RuntimeError
    with warehouse.write() as con:
        assert keys_in(con, "media") == []
        merge_all(con)
        assert json.loads(con.execute("select local_fields from media").fetchall()[0][0])
        assert orphans(con) == {}


def test_a_refusal_behind_a_good_version_in_one_page_stays_until_a_later_page(
    warehouse: Warehouse,
):
    refused = Reject("NaN in it", "22bb", key="a")
    with warehouse.write() as con:
        land(con, page(record("a", Bad="x"), rejects=(refused,)))
        merge_all(con)
        query = "select value, problem from rejected_values order by all"
        assert con.execute(query).fetchall() == [
            ("x", "no number"),
            (None, "NaN in it (sha256 22bb)"),
        ]
        land(con, page(record("a", Bad="y")))
        merge_all(con)
        assert con.execute(query).fetchall() == [("y", "no number")]
