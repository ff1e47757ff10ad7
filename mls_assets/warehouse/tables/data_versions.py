"""Versions of what is stored, for Dagster's data versions: equal as long as nothing changed.

Counted from the tables themselves and never from a clock or a run: a poll that brings nothing
new leaves them as they are, so what stands downstream stays in step.
"""

from mls_assets.model.resources import TABLE_OF_RESOURCE, Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.storage.queries import Connection, rows
from mls_assets.warehouse.tables.merging import RENORMALISED


def version_of_landing(con: Connection, feed: str, resource: Resource) -> str:
    """Return the version of a feed's raw records (of listings also of their collections)."""
    found = rows(
        con,
        "select count(*), max(page_id) from raw.records where feed = ? and resource = ?",
        [feed, resource],
    )
    if resource is Resource.PROPERTY:
        found += rows(con, "select count(*), max(page_id) from raw.children where feed = ?", [feed])
    return _joined(found)


def versions_of_tables(con: Connection) -> dict[str, str]:
    """Return the version of each RESO table: how many rows it has, and when the newest landed.

    Also how often what had landed was normalised again, for that gives rows no new time.
    """
    again = counters.current(con, RENORMALISED)
    return {
        table: _joined(
            [*rows(con, f"select count(*), epoch_us(max(landed_at)) from {table}"), (again, None)]
        )
        for table in TABLE_OF_RESOURCE.values()
    }


def version_of_ledger(con: Connection) -> str:
    """Return the version of the ledger: its newest entry, and how many have left the file.

    When an entry was published is left out: the publication that sets it would be out of step.
    """
    return _joined(rows(con, "select max(entry_id), count(raw_scrubbed_at) from deletion_ledger"))


def version_of_sweeps(con: Connection) -> str:
    """Return the version of the verdicts: how many there are, and when the newest was given."""
    return _joined(
        rows(
            con,
            "select count(*), epoch_us(max(finished_at)) from sweeps where verdict <> ?",
            [Verdict.RUNNING],
        )
    )


def _joined(found: list[tuple[int | None, int | None]]) -> str:
    return "-".join(f"{number or 0}.{newest or 0}" for number, newest in found)
