"""Removal: from every table at once, with an entry for each key that was here and no other."""

from datetime import UTC, datetime
from typing import Any

from mls_assets.model.feed_names import FeedName
from mls_assets.model.records import Reject
from mls_assets.model.resources import Reason, Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.removals import ledger
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.schema.ddl import column_list
from mls_assets.warehouse.schema.tables import LEDGER
from mls_assets.warehouse.storage.queries import Connection, rows
from mls_assets_tests.warehouse.world import (
    FEED,
    MINUTE,
    NOON,
    bring,
    gone,
    keys_in,
    land,
    ledger_entries,
    orphans,
    page,
    photos,
    record,
    tables_that_mention,
)

CANARY = "the-house-with-the-blue-door"


def _remove(con: Connection, *keys: str, feed: str = FEED, **options: Resource) -> int:
    return ledger.remove_keys(
        con,
        feed=feed,
        resource=options.get("resource", Resource.PROPERTY),
        keys=keys,
        reason=Reason.ABSENT_FROM_SWEEP,
        evidence_id="sweep-1",
        first_evidence_at=NOON,
        removed_at=NOON + MINUTE,
        run_id="run-1",
    )


def test_a_removed_listing_is_in_no_table_any_more(warehouse: Warehouse):
    secret: dict[str, Any] = {"Bad": CANARY, "Remarks": CANARY}
    bring(
        warehouse,
        page(record("a", **secret), photos("a", "m1", **secret), record("b")),
        page(record("oh1", ListingKey="a", **secret), resource=Resource.OPEN_HOUSE),
        page(record("oh2", ListingKey="b"), resource=Resource.OPEN_HOUSE),
    )
    with warehouse.write() as con:
        assert tables_that_mention(con, warehouse, CANARY) == {
            "listings",
            "media",
            "open_houses",
            "rejected_values",
            "raw.records",
            "raw.children",
        }
        assert _remove(con, "a", "never here") == 1
        assert tables_that_mention(con, warehouse, CANARY) == set()
        assert ledger_entries(con) == [
            ("Property", "a", "removed", "absent_from_sweep"),
            ("OpenHouse", "oh1", "removed", "absent_from_sweep"),
        ]
        assert keys_in(con, "listings") == ["b"]
        assert keys_in(con, "open_houses") == ["oh2"]
        assert cursors.state_of(con, FEED, Resource.OPEN_HOUSE).rows == 1
        assert orphans(con) == {}


def test_an_entry_says_all_that_proves_the_removal(warehouse: Warehouse):
    bring(warehouse, page(record("a", mls="armls")))
    with warehouse.write() as con:
        _remove(con, "a")
        entry = rows(con, f"select {column_list(LEDGER)} from deletion_ledger")[0]
    assert dict(zip(LEDGER.column_names, entry, strict=True)) == {
        "entry_id": 1,
        "feed": FEED,
        "source": "spark",
        "mls": "armls",
        "resource": "Property",
        "record_key": "a",
        "event": "removed",
        "reason": "absent_from_sweep",
        "evidence_id": "sweep-1",
        "first_evidence_at": NOON,
        "removed_at": NOON + MINUTE,
        "raw_scrubbed_at": None,
        "published_at": None,
        "run_id": "run-1",
    }


def test_a_record_that_only_landed_is_removed_and_named_after_its_feed(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a"))
        armls = FeedName("forge/armls", is_mls=True)
        land(con, page("a", feed=armls))
        land(con, page(gone("a"), feed=armls))
        assert _remove(con, "a") == 1
        found = con.execute("select source, mls from deletion_ledger order by entry_id").fetchall()
    assert found == [("forge", "armls"), ("spark", FEED)]


def test_what_was_refused_of_a_key_goes_although_it_never_became_a_row(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page(rejects=(Reject("NaN in it", "22bb", key="a"),)))
        assert _remove(con, "a") == 0
        assert keys_in(con, "rejected_values", "record_key") == []
        assert ledger_entries(con) == []


def test_numbers_of_entries_never_come_back(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a", "b", "c"))
        _remove(con, "c", "a")
        con.execute("delete from deletion_ledger")
        _remove(con, "b")
        assert keys_in(con, "deletion_ledger", "entry_id") == [3]
        assert counters.current(con, "entry_id") == 3


def test_the_last_event_of_a_key_decides_whether_it_is_gone(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a", "b", "c"))
        _remove(con, "a", "b")
        land(con, page("a"))
        _remove(con, "a")
        land(con, page("a", at=datetime.now(UTC)))
        events = con.execute(
            "select event from deletion_ledger where record_key = 'a' order by entry_id"
        ).fetchall()
    assert [event for (event,) in events] == ["removed", "restored"] * 2


def test_another_feed_with_the_same_keys_is_left_alone(warehouse: Warehouse):
    bring(warehouse, page("a", photos("a", "1")), page("a", photos("a", "1"), feed="spark/other"))
    with warehouse.write() as con:
        _remove(con, "a")
        for table in ("listings", "media", "raw.records", "raw.children"):
            assert keys_in(con, table, "feed") == ["spark/other"]
