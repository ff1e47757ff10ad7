"""Whether an event log that ends early was reset, or only lags behind what was handled here.

A replica that is behind tells the beginning of the same log: all that differs then came after its
end. A log that was reset tells something else, sooner or later. Nothing is judged here.
"""

from typing import NamedTuple

from mls_assets.model.states import LedgerEvent
from mls_assets.warehouse.landing.landing import PAGE_EVIDENCE
from mls_assets.warehouse.storage.queries import Connection, rows
from mls_assets.warehouse.sweeps.staging import staged_table
from mls_assets.warehouse.sweeps.verdicts import about


class LaterKeys(NamedTuple):
    """How many keys are absent from a log, back in it, or have other values.

    `known` are keys that a log which only lags would not tell, or would tell: they came or went
    before its end. What has other values came after it, so far as is known.
    """

    absent: int
    back: int
    changed: int
    known: int


def later_keys(con: Connection, sweep_id: str, end: int) -> LaterKeys:
    """Hold what differs in a replay that ended at event `end` against when it was told here."""
    whose = about(con, sweep_id)
    table, key = staged_table(con, sweep_id)
    staged = "select record_key from raw.sweep_keys where sweep_id = ?"
    held = f"select {key} as record_key from {table} where feed = ?"
    of_feed = "feed = ? and resource = ?"
    params = [whose.feed, whose.resource]
    ((absent, told_before),) = rows(
        con,
        "select count(*), count(*) filter (position <= ?) "
        f"from (select record_key from ({held}) where record_key not in ({staged})) "
        f"left join (select record_key, seen_page_id from raw.records where {of_feed}) "
        "using (record_key) left join (select page_id, position from raw.pages) "
        "on page_id = seen_page_id",
        [end, whose.feed, sweep_id, *params],
    )
    ((changed,),) = rows(
        con,
        "select count(*) from "
        f"(select record_key, body, seen_page_id from raw.records where {of_feed}) "
        "join (select record_key, body as told from raw.replayed "
        "where sweep_id = ? and problem is null) using (record_key) "
        "left join (select page_id, position from raw.pages) on page_id = seen_page_id "
        "where told <> body and (position is null or position > ?)",
        [*params, sweep_id, end],
    )
    ((back, gone_before, never_told),) = rows(
        con,
        f"with extra as (select distinct record_key from ({staged}) "
        f"where record_key not in ({held})), "
        "gone as (select record_key, arg_max(evidence_id, entry_id) as evidence "
        f"from deletion_ledger where {of_feed} and event = '{LedgerEvent.REMOVED}' "
        "group by record_key), "
        "refused as (select distinct record_key from rejected_values "
        f"where {of_feed} and field is null and record_key is not null) "
        "select count(*) filter (evidence is not null), "
        "count(*) filter (evidence is not null and position <= ?), "
        "count(*) filter (evidence is null and record_key not in (from refused)) "
        "from extra left join gone using (record_key) left join "
        "(select concat(?, page_id) as page, position from raw.pages) on page = evidence",
        [sweep_id, whose.feed, *params, *params, end, PAGE_EVIDENCE],
    )
    return LaterKeys(absent, back, changed, told_before + gone_before + never_told)
