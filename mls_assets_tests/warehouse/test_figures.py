"""Numbers for the pages of assets: removals by day, sizes of pages."""

from datetime import timedelta

from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.publication import figures
from mls_assets_tests.warehouse.world import FEED, MINUTE, NOON, gone, land, page


def test_the_last_days_with_entries_say_what_left_and_what_came_back(warehouse: Warehouse):
    day = timedelta(days=1)
    with warehouse.write() as con:
        land(con, page("a", "b", "c"))
        land(con, page(gone("a"), gone("b"), at=NOON + MINUTE))
        land(con, page("a", at=NOON + 2 * MINUTE))
        con.execute("update deletion_ledger set removed_at = ? where event = 'removed'", [NOON])
        con.execute(
            "update deletion_ledger set removed_at = ? where record_key = 'b'", [NOON - 2 * day]
        )
        found = figures.removals_by_day(con, 4, until=NOON + day)
        assert found == [(NOON.date(), 1, 1), ((NOON - 2 * day).date(), 1, 0)]
        assert figures.removals_by_day(con, 3, until=NOON + day) == found[:1]
        assert figures.removals_by_day(con, 1, until=NOON + day) == []


def test_the_size_of_pages_is_that_of_one_run_and_resource(warehouse: Warehouse):
    with warehouse.write() as con:
        for _ in range(3):
            land(con, page("a"))
        con.execute("update raw.pages set size = 100 * page_id")
        con.execute("update raw.pages set run_id = 'another' where page_id = 1")

        def sizes(run_id: str, resource: Resource = Resource.PROPERTY) -> tuple[int, int]:
            return figures.page_sizes(con, FEED, resource, run_id=run_id)

        assert sizes("run-1") == (500, 300)
        assert sizes("another") == (100, 100)
        assert sizes("run-1", Resource.MEMBER) == (0, 0)
