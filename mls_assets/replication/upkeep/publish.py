"""Writing the readers' database. The copy itself is the warehouse room's business."""

from mls_assets.configuration.feeds import Feeds
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.reporting.findings import Findings, refused_by_findings
from mls_assets.replication.upkeep import unconfigured
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.reso.time_zones import ZONE_OF_STATE
from mls_assets.warehouse.landing import cursors, refusals
from mls_assets.warehouse.publication import publication
from mls_assets.warehouse.publication.publication import Published
from mls_assets.warehouse.tables import open_houses


def publish(
    workspace: Workspace,
    *,
    only_if_changed: bool = False,
    accept_loss: bool = False,
    feeds: Feeds | None = None,
) -> Published | None:
    """Publish; None if `only_if_changed` and nothing changed since the last publication.

    With `feeds` readers are told in `feeds.state` what is stored and not configured any more, and
    open houses get their local times. What ticks and runs found out about tokens since is told to
    them, too. Raises PublicationRefused when readers would lose more keys without an entry in the
    ledger than a purge may remove at once, unless a person accepts that.
    """
    if feeds is not None:
        unconfigured.mark_unconfigured_resources(workspace, feeds)
        _localise(workspace, feeds)
    _mark_refused(workspace)
    if only_if_changed:
        with workspace.warehouse.read() as con:
            if not publication.changed_since_publication(con, workspace.published):
                return None
    done = publication.write_published(
        workspace.warehouse,
        workspace.published,
        run_id=workspace.run_id,
        may_lose=None if accept_loss else Thresholds().allowed,
    )
    workspace.progress(Progress("all", "all", "publish", 1, sum(done.rows.values())))
    return done


def is_published(workspace: Workspace) -> bool:
    """Tell whether readers have all that is here: nothing has changed since the publication."""
    with workspace.warehouse.read() as con:
        return not publication.moved_on(con)


def _mark_refused(workspace: Workspace) -> None:
    standing = [one for one in Findings(workspace.folder).all() if one.ended_at is None]
    with workspace.warehouse.read() as con:
        found = refused_by_findings(
            standing, [(each.feed, each.resource) for each in cursors.states(con)]
        )
        if found.keys() == refusals.refused_resources(con):
            return
    with workspace.warehouse.write() as con:
        refusals.mark_refused(con, found)


def _localise(workspace: Workspace, feeds: Feeds) -> None:
    zones = {name: feed.time_zone or None for name, feed in feeds.spark.items()}
    with workspace.warehouse.write() as con:
        open_houses.localise(con, zones, ZONE_OF_STATE)
