"""On which day and at what local time an open house begins, and which are to come."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.publication.publication import write_published
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.tables import open_houses
from mls_assets_tests.warehouse.world import FEED, bring, page, record

STATES = {"AZ": "America/Phoenix", "NY": "America/New_York"}
#: Saturday evening in Phoenix and New York, Sunday in UTC.
STARTS = datetime(2026, 11, 29, 1, tzinfo=UTC)
LOCAL = '"OpenHouseDate", starts_local::varchar, time_zone, date_from_start'


def held(warehouse: Warehouse, key: str, state: str | None = None, **values: Any) -> None:
    """Store an open house and its listing, which bears the same key."""
    bring(warehouse, page(record(key)))
    bring(warehouse, page(record(key), resource=Resource.OPEN_HOUSE))
    with warehouse.write() as con:
        con.execute(
            'update listings set "StateOrProvince" = ? where "ListingKey" = ?', [state, key]
        )
        for name, value in {"ListingKey": key, **values}.items():
            con.execute(
                f'update open_houses set "{name}" = ? where "OpenHouseKey" = ?', [value, key]
            )


def localised(warehouse: Warehouse, feeds: Mapping[str, str | None]) -> list[tuple[Any, ...]]:
    with warehouse.write() as con:
        open_houses.localise(con, feeds, STATES)
        return con.execute(f'select {LOCAL} from open_houses order by "OpenHouseKey"').fetchall()


def test_the_day_is_that_of_the_start_in_the_time_zone_of_the_feed(warehouse: Warehouse):
    held(warehouse, "a", "NY", OpenHouseStartTime=STARTS)
    assert localised(warehouse, {FEED: "America/Phoenix"}) == [
        (date(2026, 11, 28), "2026-11-28 18:00:00", "America/Phoenix", True)
    ]


def test_without_a_setting_the_state_of_the_listing_tells_the_time_zone(warehouse: Warehouse):
    held(warehouse, "a", "NY", OpenHouseStartTime=STARTS)
    assert localised(warehouse, {FEED: None}) == [
        (date(2026, 11, 28), "2026-11-28 20:00:00", "America/New_York", True)
    ]


def test_where_no_time_zone_is_known_nothing_is_guessed(warehouse: Warehouse):
    held(warehouse, "a", "TX", OpenHouseStartTime=STARTS)
    held(warehouse, "b", None, OpenHouseStartTime=STARTS)
    assert localised(warehouse, {FEED: None}) == [(None, None, None, False)] * 2


def test_a_date_that_the_source_gave_stays(warehouse: Warehouse):
    held(warehouse, "a", "AZ", OpenHouseStartTime=STARTS, OpenHouseDate=date(2026, 11, 27))
    held(warehouse, "b", "AZ", OpenHouseDate=date(2026, 11, 27))
    assert localised(warehouse, {FEED: None}) == [
        (date(2026, 11, 27), "2026-11-28 18:00:00", "America/Phoenix", False),
        (date(2026, 11, 27), None, "America/Phoenix", False),
    ]


def test_another_setting_corrects_what_was_worked_out_and_the_same_changes_nothing(
    warehouse: Warehouse,
):
    held(warehouse, "a", OpenHouseStartTime=STARTS)
    assert localised(warehouse, {FEED: "America/New_York"})[0][:3] == (
        date(2026, 11, 28),
        "2026-11-28 20:00:00",
        "America/New_York",
    )
    with warehouse.read() as con:
        before = counters.current(con, "changes")
    localised(warehouse, {FEED: "America/New_York"})
    localised(warehouse, {"spark/other": "America/Phoenix"})
    with warehouse.read() as con:
        assert counters.current(con, "changes") == before
    assert localised(warehouse, {FEED: "UTC"})[0][:2] == (date(2026, 11, 29), "2026-11-29 01:00:00")
    assert localised(warehouse, {FEED: None}) == [(None, None, None, False)]
    with warehouse.read() as con:
        assert counters.current(con, "changes") > before


def test_readers_find_what_is_to_come_with_its_local_times(warehouse: Warehouse, tmp_path: Path):
    soon = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    held(warehouse, "past", "AZ", OpenHouseStartTime=STARTS - timedelta(days=900))
    held(warehouse, "soon", "AZ", OpenHouseStartTime=soon, OpenHouseEndTime=soon)
    localised(warehouse, {FEED: None})
    target = tmp_path / "mls.duckdb"
    write_published(warehouse, target, run_id="r")
    with duckdb.connect(str(target), read_only=True) as con:
        found = con.execute(
            'select "OpenHouseKey", starts_local, "City" from open_houses_upcoming'
        ).fetchall()
    local = (soon - timedelta(hours=7)).replace(tzinfo=None)
    assert found == [("soon", local, None)]
