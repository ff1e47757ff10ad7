"""Dropping what nothing needs any more of the notes that grow with each poll and each sweep.

A feed that is polled every five minutes makes some 300 rows in `raw.pages` a day, and checks read
them after each run. No data of a source is touched here.
"""

from datetime import UTC, datetime, timedelta

from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse.landing.landing import PAGE_EVIDENCE
from mls_assets.warehouse.storage.queries import Connection, rows

#: How long the facts about pages and sweeps are kept for whoever looks into a trouble.
KEPT = timedelta(days=30)


def prune(con: Connection, now: datetime | None = None) -> int:
    """Drop facts about pages and sweeps that are older than `KEPT`; return how many rows went.

    Pages stay that a ledger entry names as evidence, that belong to an unfinished walk, or that
    are the first of their kind: these say when a feed began and where its first download ended.
    Notes of sweeps stay while something may follow from the sweep.
    """
    before = (datetime.now(UTC) if now is None else now) - KEPT
    pages = rows(
        con,
        "delete from raw.pages where stored_at < ? "
        "and not exists (from deletion_ledger where evidence_id = ? || page_id) "
        "and (walk_id is null or walk_id not in (select walk_id from raw.walks)) "
        "and page_id not in (select min(page_id) from raw.pages group by feed, resource, kind) "
        "and page_id not in (select min(page_id) from raw.pages where remaining = 0 "
        "group by feed, resource)",
        [before, PAGE_EVIDENCE],
    )
    marks = rows(
        con,
        "delete from raw.sweep_marks where began_here_at < ? and sweep_id not in "
        "(select sweep_id from sweeps where verdict in "
        f"('{Verdict.RUNNING}', '{Verdict.BLOCKED}', '{Verdict.PLANNED}'))",
        [before],
    )
    return sum(count for ((count,),) in (pages, marks))
