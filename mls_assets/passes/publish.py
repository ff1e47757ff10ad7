"""Writing the readers' database. The copy itself is the warehouse room's business."""

from mls_assets.feeds import Feeds
from mls_assets.passes import unconfigured
from mls_assets.passes.findings import Findings, refused
from mls_assets.passes.site import Progress, Site
from mls_assets.reconcile.guard import Thresholds
from mls_assets.reso.time_zones import ZONE_OF_STATE
from mls_assets.warehouse import cursors, open_houses, publication, refusals
from mls_assets.warehouse.publication import Published


def publish(
    site: Site,
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
        unconfigured.mark(site, feeds)
        _localise(site, feeds)
    _mark_refused(site)
    if only_if_changed:
        with site.warehouse.read() as con:
            if not publication.changed_since_publication(con, site.published):
                return None
    done = publication.publish(
        site.warehouse,
        site.published,
        run_id=site.run_id,
        may_lose=None if accept_loss else Thresholds().allowed,
    )
    site.progress(Progress("all", "all", "publish", 1, sum(done.rows.values())))
    return done


def _mark_refused(site: Site) -> None:
    standing = [one for one in Findings(site.folder).all() if one.ended_at is None]
    with site.warehouse.read() as con:
        found = refused(standing, [(each.feed, each.resource) for each in cursors.states(con)])
        if found.keys() == refusals.marked(con):
            return
    with site.warehouse.write() as con:
        refusals.mark(con, found)


def _localise(site: Site, feeds: Feeds) -> None:
    zones = {name: feed.time_zone or None for name, feed in feeds.spark.items()}
    with site.warehouse.write() as con:
        open_houses.localise(con, zones, ZONE_OF_STATE)
