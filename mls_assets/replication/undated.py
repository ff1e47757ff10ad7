"""Asking by key, with each purge, for the records that no update can bring.

An update asks for what was modified in a time; a record whose ModificationTimestamp is null,
hidden, unreadable or out of our time lies outside of every such window, and so do its changes.
"""

from collections.abc import Callable, Iterator

from mls_assets.errors import AnswerBroken, SourceRefused, SourceUnreachable
from mls_assets.model.records import Page
from mls_assets.model.resources import Resource
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.reconciliation.case import Reconciliation
from mls_assets.warehouse.landing import landing, undated

#: How many are asked for in one purge; those that were not come first in the next one.
MOST_A_PURGE = 5_000


#: Where the source does not say which records have none.
_UNTOLD = (
    "the source did not say which records have no ModificationTimestamp, so a record that lost its "
    "own is not known, and its changes come only with a download"
)


def fetch_undated(case: Reconciliation) -> None:
    """Ask for such records by key, store what changed, and leave the numbers for the verdict.

    Among them are those that the source says have no timestamp, although they have one here.
    Raises the typed source errors.
    """
    workspace, row, fetch = case.workspace, case.row, case.evidence.fetch
    if fetch is None:
        return
    with workspace.warehouse.read() as con:
        total = undated.count_undated(con, row.feed, row.resource)
        keys = undated.undated_keys(con, row.feed, row.resource, MOST_A_PURGE) if total else []
    lost = _undated_since(case)
    total += len(lost or ())
    keys = [*(lost or ()), *keys][:MOST_A_PURGE]
    if keys:
        changed = _fetch(case, fetch, keys)
        case.undated = (
            f"{total:,} records have no usable ModificationTimestamp, so no update brings their "
            f"changes: {len(keys):,} of them were asked for by key, {changed:,} had changed"
        )
    if lost is None:
        case.undated = "; ".join(filter(None, (case.undated, _UNTOLD)))


def _undated_since(case: Reconciliation) -> list[str] | None:
    """Return keys that have no timestamp at the source, but one here; None if it does not say."""
    row, lost = case.row, list[str]()
    if case.evidence.undated is None:
        return lost
    try:
        for told in case.evidence.undated(row.resource):
            with case.workspace.warehouse.read() as con:
                known = undated.known_undated(con, row.feed, row.resource, told)
            lost += [key for key in told if key not in known]
            if len(lost) >= MOST_A_PURGE:
                break
    except (SourceRefused, AnswerBroken, SourceUnreachable):
        return None  # it may not take such a question
    return lost


def _fetch(case: Reconciliation, fetch: Callable[..., Iterator[Page]], keys: list[str]) -> int:
    """Fetch records by key and store them; returns how many had changed."""
    workspace, row = case.workspace, case.row
    changed = 0
    for page in fetch(row.resource, keys):
        with workspace.warehouse.write() as con:
            landed = landing.land_page(
                con,
                page,
                walk=None,
                run_id=workspace.run_id,
                by_key=True,
            )
        changed += landed.changed + landed.removed
        case.changed.update(removal.key for removal in page.removals)
    normalise_locked(workspace, row.feed)
    return changed


def about_undated(resource: Resource, count: int) -> tuple[str, ...]:
    """Say after a download how many records no update will bring."""
    if not count:
        return ()
    return (
        f"{count:,} {resource} records have no usable ModificationTimestamp: no update brings "
        "their changes, but each purge asks for them by key",
    )
