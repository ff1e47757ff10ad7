"""Landing a page: what becomes of records, child sets, removals and rejects."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.model.records import RawRecord, Reject, Removal, UntoldCollection
from mls_assets.model.resources import Reason, Resource
from mls_assets.replication.outcome import Replicated
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import child_sets, cursors, landing
from mls_assets.warehouse.landing.figures import Landing
from mls_assets.warehouse.landing.versions import StoredVersion, sort_records
from mls_assets.warehouse.removals import unasked
from mls_assets.warehouse.storage.arrow import digest_of
from mls_assets_tests.warehouse.world import (
    FEED,
    MINUTE,
    NOON,
    bring,
    gone,
    keys_in,
    land,
    ledger_entries,
    merge_all,
    page,
    photos,
    record,
)


def test_records_are_new_then_unchanged_then_changed_and_never_older(warehouse: Warehouse):
    with warehouse.write() as con:
        assert land(con, page("a", "b")) == Landing(page_id=1, new=2)
        assert land(con, page("a", "b", "c")) == Landing(page_id=2, new=1, unchanged=2)
        later = record("a", NOON + MINUTE, City="Tempe")
        assert land(con, page(later)) == Landing(page_id=3, changed=1)
        assert land(con, page(record("a", City="Mesa"))) == Landing(page_id=4, stale=1)
        stored = landing.bodies(con, FEED, Resource.PROPERTY, ["a", "b", "nobody"])
        pages = con.execute(
            "select record_key, page_id, seen_page_id from raw.records order by all"
        ).fetchall()
    assert stored == {"a": later.body, "b": record("b").body}
    assert pages == [("a", 3, 4), ("b", 1, 2), ("c", 2, 2)]


def test_of_equal_or_missing_timestamps_the_later_fetch_counts(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a"))
        for version in (record("a", City="Mesa"), record("a", None), record("a", City="Tempe")):
            assert land(con, page(version)).changed == 1
            assert landing.bodies(con, FEED, Resource.PROPERTY, ["a"]) == {"a": version.body}


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(days=7_300)])
def test_a_date_in_the_future_makes_no_version_newer(warehouse: Warehouse, ahead: timedelta):
    now = datetime.now(UTC)
    with warehouse.write() as con:
        land(con, page(record("a", now + ahead, City="Old"), record("b", now + ahead), at=now))
        corrected = record("a", now - MINUTE, City="New")
        deleted = Removal("b", Reason.STATUS_DELETE, now - MINUTE)
        told = land(con, page(corrected, deleted, at=now))
        assert (told.changed, told.stale, told.removed) == (1, 0, 1)
        assert landing.bodies(con, FEED, Resource.PROPERTY, ["a"]) == {"a": corrected.body}
        back = land(con, page(record("a", now - 2 * MINUTE, City="Old"), at=now))
        assert back.stale == 1, "from here on as ever"


def test_of_a_key_that_comes_twice_in_a_page_the_last_counts(warehouse: Warehouse):
    with warehouse.write() as con:
        assert land(con, page(record("a", City="Mesa"), record("a", City="Tempe"))).new == 1
        assert b"Tempe" in landing.bodies(con, FEED, Resource.PROPERTY, ["a"])["a"]


@given(st.permutations([record("a", NOON + n * MINUTE, n=n) for n in range(5)]))
def test_in_whatever_order_versions_come_the_newest_stays(versions: list[RawRecord]):
    stored: dict[str, StoredVersion] = {}
    kept = None
    for version in versions:
        judged = sort_records([version], stored, now=NOON + 9 * MINUTE)
        for taken in judged.new + judged.changed:
            kept = taken
            stored["a"] = StoredVersion(digest_of(taken.body), taken.modified_at)
    assert kept == record("a", NOON + 4 * MINUTE, n=4)


def test_of_forges_events_the_later_counts_whatever_its_timestamp(warehouse: Warehouse):
    feed = "forge/armls"
    with warehouse.write() as con:
        land(con, page(record("a", NOON + MINUTE), feed=feed, in_event_order=True))
        later = record("a", NOON, City="Mesa")
        assert land(con, page(later, feed=feed, in_event_order=True)).changed == 1
        assert landing.bodies(con, feed, Resource.PROPERTY, ["a"]) == {"a": later.body}


def test_a_status_delete_in_forges_log_counts_although_its_mls_dates_it_back(
    warehouse: Warehouse,
):
    feed = "forge/armls"
    with warehouse.write() as con:
        land(con, page(record("a", NOON), feed=feed))
        deleted = Removal("a", Reason.STATUS_DELETE, NOON - MINUTE)
        assert land(con, page(deleted, feed=feed, in_event_order=True)).removed == 1


def test_feeds_and_resources_do_not_mix(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a"))
        assert land(con, page("a", feed="spark/other")).new == 1
        assert land(con, page("a", resource=Resource.MEMBER)).new == 1
        land(con, page(gone("a"), feed="spark/other"))
        left = con.execute("select feed, resource from raw.records order by all").fetchall()
    assert left == [(FEED, "Member"), (FEED, "Property")]


def test_a_child_set_lands_only_with_its_listing(warehouse: Warehouse):
    with warehouse.write() as con:
        assert land(con, page(photos("a", "1"))).child_sets == 0
        assert land(con, page("a", photos("a", "1"), photos("b", "2"))).child_sets == 1
        assert land(con, page(photos("a", "1"))).child_sets == 0, "the same again"
        assert land(con, page(photos("a"))).child_sets == 1, "an empty set is a set"
        assert child_sets.stored_child_sets(con, FEED, ["a", "b"]) == {"a": {Resource.MEDIA}}


def test_a_collection_that_comes_cut_after_it_was_left_out_is_cut_and_waits_behind_others(
    warehouse: Warehouse,
):
    media = {Resource.MEDIA}
    with warehouse.write() as con:
        land(con, page("a", "b", untold=(UntoldCollection("a", Resource.MEDIA),)))
        assert child_sets.cut(con, FEED, media, 9) == []
        for minutes, key in enumerate("abab"):
            cut = UntoldCollection(key, Resource.MEDIA, cut=True)
            land(con, page(untold=(cut,), at=NOON + minutes * MINUTE))
        land(con, page(untold=(UntoldCollection("a", Resource.MEDIA),), at=NOON + 9 * MINUTE))
        assert child_sets.cut(con, FEED, media, 9) == [
            ("b", Resource.MEDIA),
            ("a", Resource.MEDIA),
        ]
        land(con, page(untold=(UntoldCollection("a", Resource.ROOMS, cut=True),), at=NOON))
        assert child_sets.cut(con, FEED, media, 1) == [("b", Resource.MEDIA)]


def test_what_is_not_asked_for_any_more_is_not_waited_for_either(warehouse: Warehouse):
    with warehouse.write() as con:
        cut = [UntoldCollection("a", child, cut=True) for child in (Resource.MEDIA, Resource.ROOMS)]
        land(con, page("a", untold=tuple(cut)))
        unasked.drop_children(con, FEED, {Resource.MEDIA})
        assert con.execute("select resource from raw.untold").fetchall() == [("Media",)]


def test_the_sum_of_landings_has_every_figure_of_each(warehouse: Warehouse):
    with warehouse.write() as con:
        first = land(con, page("a", "b", photos("a", "1")))
        second = land(
            con, page("a", record("b", NOON + MINUTE, City="Mesa"), gone("c"), photos("b", "2"))
        )
    total = Replicated(FEED, Resource.PROPERTY, "update").plus(first).plus(second)
    assert total.pages == 2
    assert total.figures == {
        name: first.figures[name] + second.figures[name] for name in total.figures
    }
    assert (total.new, total.changed, total.unchanged, total.child_sets) == (2, 1, 1, 2)
    assert total.records == 4


def test_a_stale_record_brings_no_children_and_a_removed_one_neither(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page(record("a", NOON + MINUTE), "b"))
        stale = page(record("a"), photos("a", "1"), gone("b"), photos("b", "2"))
        assert land(con, stale).child_sets == 0
        assert child_sets.stored_child_sets(con, FEED, ["a", "b"]) == {}


def test_a_page_removes_what_it_says_and_a_return_is_entered(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a", "b"))
        told = land(con, page(gone("a"), gone("b", Reason.STATUS_DELETE), gone("never here")))
        assert told.removed == 2
        assert land(con, page(gone("a"))).removed == 0, "telling it again changes nothing"
        assert land(con, page("a", at=NOON + MINUTE)).restored == 1
        assert land(con, page("a")).restored == 0
        assert ledger_entries(con) == [
            ("Property", "a", "removed", "tombstone"),
            ("Property", "b", "removed", "status_delete"),
            ("Property", "a", "restored", "returned"),
        ]
        restored = con.execute(
            "select mls, evidence_id, first_evidence_at, removed_at from deletion_ledger "
            "where event = 'restored'"
        ).fetchall()
    assert restored == [(FEED, "page-4", NOON + MINUTE, None)]


def test_why_a_record_was_refused_is_kept_once_and_never_its_content(warehouse: Warehouse):
    refused = (Reject("no key", "11aa"), Reject("NaN in it", "22bb", key="a"))
    with warehouse.write() as con:
        assert land(con, page("b", rejects=refused)).rejected == 2
        land(con, page("b", rejects=refused))
        kept = con.execute(
            "select record_key, field, value, problem, page_id from rejected_values order by all"
        ).fetchall()
        assert kept == [
            ("a", None, None, "NaN in it (sha256 22bb)", 2),
            (None, None, None, "no key (sha256 11aa)", 2),
        ]
        land(con, page("a"))
        assert keys_in(con, "rejected_values", "record_key") == [None], "it came well now"


def test_the_facts_of_a_page_are_kept_and_the_newest_modification_noted(warehouse: Warehouse):
    facts: dict[str, Any] = {"size": 10, "sha256": "ff", "position": 5, "remaining": 2, "count": 9}
    with warehouse.write() as con:
        land(con, page(record("a", NOON + MINUTE), record("b", None), **facts))
        land(con, page(record("c", NOON)))
        found = con.execute(
            "select records, size, sha256, position, remaining, source_count from raw.pages"
        ).fetchall()
        newest = cursors.state_of(con, FEED, Resource.PROPERTY).newest_modification
    assert found == [(2, 10, "ff", 5, 2, 9), (1, 0, "", None, None, None)]
    assert newest == NOON + MINUTE


def test_a_landing_that_breaks_off_leaves_nothing(warehouse: Warehouse):
    with pytest.raises(RuntimeError), warehouse.write() as con:
        land(con, page("a", photos("a", "1"), gone("b")))
        raise RuntimeError
    with warehouse.read() as con:
        for table in warehouse.schema.tables:
            if table.name not in ("raw.meta", "raw.schema_versions"):
                assert con.execute(f"select count(*) from {table.name}").fetchall() == [(0,)]


def test_the_same_pages_twice_leave_the_tables_of_once(warehouse: Warehouse):
    pages = [page("a", "b", photos("a", "1")), page(gone("b")), page("c", at=NOON + MINUTE)]
    query = (
        "select record_key, digest from raw.records union all "
        "select listing_key, digest from raw.children order by all"
    )
    bring(warehouse, *pages)
    with warehouse.read() as con:
        once = (con.execute(query).fetchall(), keys_in(con, "listings"), keys_in(con, "media"))
    with warehouse.write() as con:
        for one in pages[:1] + pages:
            land(con, one)
            merge_all(con)
        assert once == (
            con.execute(query).fetchall(),
            keys_in(con, "listings"),
            keys_in(con, "media"),
        )


def test_an_older_version_of_what_was_deleted_by_status_counts_as_told_and_stays_away(
    warehouse: Warehouse,
):
    deleted = Removal("a", Reason.STATUS_DELETE, NOON)
    with warehouse.write() as con:
        land(con, page("a"))
        land(con, page(deleted))
        walk = cursors.begin_walk(con, FEED, Resource.PROPERTY, "update", started_at=NOON)
        assert land(con, page(record("a", NOON - MINUTE), "b"), walk).stale == 1
        assert keys_in(con, "raw.records", "record_key") == ["b"]
        assert cursors.keys_seen(con, walk) + cursors.not_kept(con, walk) == 2
