"""The whole room once with the real RESO tables and the real normaliser."""

from pathlib import Path

import duckdb

from mls_assets import reso
from mls_assets.model.records import ChildSet
from mls_assets.model.resources import Resource
from mls_assets.sources.spark.dialect import SPARK_DIALECT
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.publication import compaction, invariants, publication
from mls_assets.warehouse.schema import migrations
from mls_assets.warehouse.storage.addresses import storage_at
from mls_assets.warehouse.tables import merging
from mls_assets_tests.warehouse.world import FEED, gone, land, orphans, page, record


def test_a_listing_goes_all_the_way_through_the_real_tables(tmp_path: Path):
    warehouse = Warehouse(
        storage_at(str(tmp_path / "warehouse.duckdb")), reso.RESO_TABLES, reso.BRIEF_COLUMNS
    )
    listing = record(
        "a",
        ListingKey="a",
        ListPrice="27500",
        BedroomsTotal="many",
        Appliances=["Oven"],
        OriginatingSystemName="armls",
        Custom_Field=1.10,
    )
    photo = ChildSet("a", Resource.MEDIA, b'[{"MediaKey": "m1", "Order": 1}, {"Order": 2}]')
    with warehouse.write() as con:
        land(con, page(listing, photo, record("b", ListingKey="b")))
        pending = merging.pending_records(con, FEED, Resource.PROPERTY)
        assert pending is not None
        ready = reso.normalise_batch(
            SPARK_DIALECT,
            FEED,
            Resource.PROPERTY,
            pending.records,
            pending.children,
            mls_of=merging.mls_of_listings(con, FEED, pending),
        )
        merged = merging.merge_batch(
            con,
            FEED,
            Resource.PROPERTY,
            frames=ready.frames,
            replaced=ready.replaced,
            rejected=ready.rejected,
            pending=pending,
        )
        assert merged.rows == {"listings": 2, "media": 1}
        assert sum(merged.rejected.values()) == len(ready.rejected) == 2
        types = con.execute(
            'select "ListPrice", "Appliances", mls from listings where "ListingKey" = \'a\''
        ).fetchall()
        assert types == [(27500.0, ["Oven"], "armls")]
        land(con, page(gone("a")))
        assert con.execute("select count(*) from rejected_values").fetchall() == [(0,)]
        assert invariants.duplicate_keys(con) == {}
        assert orphans(con) == {}
    target = tmp_path / "mls.duckdb"
    assert publication.write_published(warehouse, target, run_id="run-1").published_entries == 1
    assert compaction.rewrite_file(warehouse, run_id="run-1").scrubbed == 1
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.execute('select "ListingKey" from listings_brief').fetchall() == [("b",)]


def test_a_warehouse_that_was_just_made_has_nothing_to_be_brought_up_to(tmp_path: Path):
    warehouse = Warehouse(
        storage_at(str(tmp_path / "warehouse.duckdb")), reso.RESO_TABLES, reso.BRIEF_COLUMNS
    )
    with warehouse.read() as con:
        assert not migrations.is_outdated(con, warehouse.schema)
