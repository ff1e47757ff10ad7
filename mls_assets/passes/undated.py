"""Asking by key, with each purge, for the records that no update can bring.

An update asks for what was modified in a time; a record whose ModificationTimestamp is null,
hidden, unreadable or out of our time lies outside of every such window, and so do its changes.
"""

from mls_assets.passes.case import Case
from mls_assets.passes.normalise import normalise_locked
from mls_assets.values import Resource
from mls_assets.warehouse import landing, undated

#: How many are asked for in one purge; those that were not come first in the next one.
MOST_A_PURGE = 5_000


def fetch_undated(case: Case) -> None:
    """Ask for such records by key, store what changed, and leave the numbers for the verdict.

    Raises the typed source errors.
    """
    site, row, fetch = case.site, case.row, case.evidence.fetch
    if fetch is None:
        return
    with site.warehouse.read() as con:
        total = undated.count(con, row.feed, row.resource)
        keys = undated.keys(con, row.feed, row.resource, MOST_A_PURGE) if total else []
    if not keys:
        return
    changed = 0
    for page in fetch(row.resource, keys):
        with site.warehouse.write() as con:
            landed = landing.land(
                con,
                page,
                source=case.evidence.source,
                walk=None,
                run_id=site.run_id,
                by_key=True,
            )
        changed += landed.changed + landed.removed
        case.changed.update(removal.key for removal in page.removals)
    normalise_locked(site, row.feed)
    case.undated = (
        f"{total:,} records have no usable ModificationTimestamp, so no update brings their "
        f"changes: {len(keys):,} of them were asked for by key, {changed:,} had changed"
    )


def about_undated(resource: Resource, count: int) -> tuple[str, ...]:
    """Say after a download how many records no update will bring."""
    if not count:
        return ()
    return (
        f"{count:,} {resource} records have no usable ModificationTimestamp: no update brings "
        "their changes, but each purge asks for them by key",
    )
