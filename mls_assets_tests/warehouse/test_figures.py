"""Numbers for pictures: removals by day, sizes of pages."""

from datetime import date, timedelta

from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.publication import figures
from mls_assets_tests.warehouse.world import FEED, MINUTE, NOON, gone, land, page


def test_each_of_the_last_days_is_there_with_what_left_and_what_came_back(warehouse: Warehouse):
    with warehouse.write() as con:
        land(con, page("a", "b", "c"))
        land(con, page(gone("a"), gone("b"), at=NOON + MINUTE))
        land(con, page("a", at=NOON + 2 * MINUTE))
        con.execute("update deletion_ledger set removed_at = ? where event = 'removed'", [NOON])
        days = figures.removals_by_day(con, 3, until=NOON + timedelta(days=1))
    today: date = NOON.date()
    assert days == [
        (today - timedelta(days=1), 0, 0),
        (today, 2, 1),
        (today + timedelta(days=1), 0, 0),
    ]


def test_pages_are_those_of_the_run_in_their_order_and_the_last_ones(warehouse: Warehouse):
    with warehouse.write() as con:
        for _ in range(3):
            land(con, page("a"))
        con.execute("update raw.pages set size = 100 * page_id")
        con.execute("update raw.pages set run_id = 'another' where page_id = 1")

        def sizes(run_id: str, most: int = 9) -> list[int]:
            return figures.page_sizes(con, FEED, Resource.PROPERTY, run_id=run_id, most=most)

        assert sizes("run-1") == [200, 300]
        assert sizes("run-1", most=1) == [300]
        assert sizes("another") == [100]
        assert figures.page_sizes(con, FEED, Resource.MEMBER, run_id="run-1", most=9) == []
