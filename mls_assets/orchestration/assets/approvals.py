"""How a run is told what a person released, and for which resource that is.

What an approval lets go is stored and judged elsewhere.
"""

from collections.abc import Mapping, Sequence

import dagster as dg
from pydantic import Field

from mls_assets.model.resources import Resource
from mls_assets.replication.reconciliation.case import ApprovalOf
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse import sweeps


class ApprovalConfig(dg.Config):
    """What whoever starts a sweep or a replay may release."""

    approve: str = Field(
        default="",
        description="Id of a blocked or void sweep (or replay) that a person released; the guard "
        "then lets its keys go, so far as this one misses them again. Counts once, for 24 hours.",
    )
    approved_by: str = Field(
        default="", description="Who released them; it is recorded with the approval."
    )


def approvals(
    workspace: Workspace, feeds: Sequence[str], config: ApprovalConfig
) -> Mapping[tuple[str, Resource], ApprovalOf]:
    """Return what a person released, by feed and resource; empty without an approval.

    Raises ConfigurationError for an approval that does not hold (unknown, of none of these
    feeds, used, stale, not held back), before anything is asked of the source.
    """
    if not config.approve or not feeds:
        return {}
    with workspace.warehouse.read() as con:
        row = sweeps.find_sweep(con, config.approve)
        feed = row.feed if row and row.feed in feeds else feeds[0]
        resource = row.resource if row else Resource.PROPERTY
        sweeps.approval(con, config.approve, feed, resource)
    by = config.approved_by.strip() or "somebody who gave no name"
    return {(feed, resource): ApprovalOf(config.approve, by)}
