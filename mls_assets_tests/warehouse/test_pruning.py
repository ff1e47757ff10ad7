"""The pipeline's notes do not grow for ever, and nothing that is still needed goes."""

from datetime import UTC, datetime, timedelta

from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.landing.pruning import KEPT, prune
from mls_assets.warehouse.storage.queries import Connection
from mls_assets_tests.warehouse.world import FEED, bring, gone, page

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_OLD, _NEW = _NOW - KEPT - timedelta(days=1), _NOW - timedelta(days=1)


def _page(con: Connection, number: int, stored_at: datetime, **facts: object) -> None:
    row = {
        "page_id": number,
        "feed": FEED,
        "resource": "Property",
        "kind": "update",
        "stored_at": stored_at,
        "fetched_at": stored_at,
        "removals": 0,
        **facts,
    }
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    con.execute(f"insert into raw.pages ({columns}) values ({marks})", list(row.values()))


def test_old_pages_go_but_evidence_first_ones_and_unfinished_walks_stay(warehouse: Warehouse):
    with warehouse.write() as con:
        _page(con, 1, _OLD, kind="download")
        _page(con, 2, _OLD, kind="download")
        _page(con, 3, _OLD)
        _page(con, 4, _OLD, removals=2)
        con.execute("insert into deletion_ledger (entry_id, evidence_id) values (1, 'page-4')")
        _page(con, 5, _OLD, feed="forge/armls", kind="events", remaining=500)
        _page(con, 6, _OLD, feed="forge/armls", kind="events", remaining=0)
        _page(con, 7, _OLD, feed="forge/armls", kind="events", remaining=0)
        walk = cursors.begin_walk(con, FEED, Resource.PROPERTY, "update", started_at=_OLD)
        _page(con, 8, _OLD, walk_id=walk.walk_id)
        _page(con, 9, _OLD, removals=1)  # of a key that was never here
        _page(con, 10, _NEW)
    with warehouse.write() as con:
        assert prune(con, _NOW) == 3
        left = con.execute("select page_id from raw.pages order by all").fetchall()
        assert [number for (number,) in left] == [1, 3, 4, 5, 6, 8, 10]
        assert prune(con, _NOW) == 0


def test_notes_of_old_sweeps_go_unless_something_may_follow_from_them(warehouse: Warehouse):
    with warehouse.write() as con:
        for sweep, verdict, began in (
            ("old", "reconciled", _OLD),
            ("held", "blocked", _OLD),
            ("young", "reconciled", _NEW),
        ):
            con.execute(
                "insert into sweeps (sweep_id, feed, resource, verdict) values (?, ?, ?, ?)",
                [sweep, FEED, "Property", verdict],
            )
            con.execute(
                "insert into raw.sweep_marks (sweep_id, began_here_at) values (?, ?)",
                [sweep, began],
            )
        assert prune(con, _NOW) == 1
        left = con.execute("select sweep_id from raw.sweep_marks order by all").fetchall()
        assert left == [("held",), ("young",)]
        assert con.execute("select count(*) from sweeps").fetchall() == [(3,)]


def test_pages_that_brought_a_key_back_stay_as_its_evidence(warehouse: Warehouse):
    bring(warehouse, page("first"))
    bring(warehouse, page("a"))
    bring(warehouse, page(gone("a")))
    bring(warehouse, page("a"))
    with warehouse.write() as con:
        named = con.execute(
            "select evidence_id from deletion_ledger where event = 'restored'"
        ).fetchall()
        con.execute("update raw.pages set stored_at = ?", [_OLD])
        assert prune(con, _NOW) > 0
        left = con.execute("select 'page-' || page_id from raw.pages").fetchall()
    assert len(named) == 1
    assert set(named) <= set(left)
