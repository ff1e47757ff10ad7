"""Reconciling a Forge feed by reading its whole event log again, from event 0.

The keys alive at the end are the source's key set. Records land as they come; no tombstone of
the replay removes anything by itself: what is absent at the end goes through the same plan,
guard and verdict as a Spark sweep. The stored cursor stays where it is, so that every tombstone
after it is still handled in its turn; only a feed whose log was reset gets a new cursor, and
only once its sets are equal.
"""

from dataclasses import replace
from datetime import UTC, datetime

from mls_assets.errors import ConfigurationError, MlsAssetsError
from mls_assets.feeds import ForgeAccess, mls_of
from mls_assets.passes.clients import forge_client
from mls_assets.passes.events import follow
from mls_assets.passes.judge import Evidence, Judged, judge
from mls_assets.passes.settings import ForgeSettings
from mls_assets.passes.site import Progress, Site
from mls_assets.passes.sweep import new_sweep_id
from mls_assets.reconcile.guard import Thresholds
from mls_assets.sources import ForgeClient, ahead
from mls_assets.values import Page, Reason, Resource, Source
from mls_assets.warehouse import cursors, landing, sweeps


def replay(
    site: Site,
    feed: str,
    access: ForgeAccess,
    resource: Resource,
    settings: ForgeSettings,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: str = "",
) -> Judged:
    """Replay and reconcile one Forge feed and kind; the verdict stands in `sweeps`.

    Raises ConfigurationError for a feed that was never replicated, and the typed source errors
    of the normal event loop, which runs first.
    """
    with site.feed_lock(feed), forge_client(access, settings) as client:
        with site.warehouse.read() as con:
            state = cursors.state_of(con, feed, resource)
            if approve:
                sweeps.approval(con, approve, feed, resource)
        if state.cursor is None:
            raise ConfigurationError(
                f"{feed} {resource} was never replicated, so there is nothing to reconcile. Run "
                f"`mls-assets replicate {feed}` first."
            )
        if state.state != "needs_resync":
            follow(site, client, feed, access, resource, replace(settings, page_budget=0))
        return replay_locked(
            site,
            client,
            feed,
            access,
            resource,
            thresholds,
            dry_run=dry_run,
            approve=approve,
        )


def replay_locked(
    site: Site,
    client: ForgeClient,
    feed: str,
    access: ForgeAccess,
    resource: Resource,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: str = "",
) -> Judged:
    """Do the same without the event loop before it; the caller holds the feed's lock."""
    sweep_id = new_sweep_id(feed, resource, datetime.now(UTC))
    with site.warehouse.write() as con:
        resync = cursors.state_of(con, feed, resource).state == "needs_resync"
        sweeps.begin(con, sweep_id, feed, resource, datetime.now(UTC), site.run_id)
    last: Page | None = None
    pages = events = 0
    try:
        for page in ahead(
            client.pages(feed, mls_of(feed), resource, after=0, filter=access.filter or None)
        ):
            with site.warehouse.write() as con:
                if last is None:
                    sweeps.note(con, sweep_id, started_at=page.fetched_at)
                landing.land(
                    con,
                    replace(page, removals=()),
                    source=Source.FORGE,
                    walk=None,
                    run_id=site.run_id,
                )
                sweeps.stage_events(
                    con,
                    sweep_id,
                    alive=[record.key for record in page.records],
                    gone=[removal.key for removal in page.removals],
                )
            last = page
            pages += 1
            events += len(page.records) + len(page.removals)
            site.progress(
                Progress(feed, resource, "replay", pages, events, events + (page.remaining or 0))
            )
        if last is None or last.remaining != 0:
            void = f"the replay ended after {pages} page(s) without reaching the end of the log"
        else:
            void = ""
    except MlsAssetsError as error:
        void = f"the replay broke off after {pages} page(s): {error}"
    if last is None or void:
        with site.warehouse.write() as con:
            sweeps.close(con, sweep_id, verdict="void", explanation=void)
        return Judged(sweep_id, feed, resource, "void", void)
    with site.warehouse.write() as con:
        sweeps.note(con, sweep_id, pages=pages, source_keys=sweeps.staged(con, sweep_id))
    judged = judge(
        site,
        sweep_id,
        Evidence(Source.FORGE, Reason.ABSENT_FROM_SWEEP),
        thresholds,
        dry_run=dry_run,
        approve=approve,
    )
    if resync and judged.verdict == "reconciled":
        with site.warehouse.write() as con:
            cursors.advance_events(
                con,
                feed,
                resource,
                cursor=str(last.position),
                at=last.fetched_at,
                current=True,
            )
    return judged
