"""Purging a Spark resource by a proven sweep; the judgement itself stands in `judge`."""

from collections.abc import Iterator, Sequence

from mls_assets.feeds import SparkFeed
from mls_assets.passes.case import Approved, Evidence, Judged
from mls_assets.passes.claim import claim
from mls_assets.passes.clients import spark_client
from mls_assets.passes.judge import judge
from mls_assets.passes.relations import with_children
from mls_assets.passes.settings import SparkSettings
from mls_assets.passes.site import Site
from mls_assets.passes.sweep import Swept
from mls_assets.reconcile.guard import Thresholds
from mls_assets.sources import SparkClient
from mls_assets.values import Page, Resource, Source
from mls_assets.warehouse import sweeps


def _evidence(site: Site, client: SparkClient, feed: SparkFeed) -> Evidence:
    def fetch(resource: Resource, keys: Sequence[str]) -> Iterator[Page]:
        for page in client.records(resource, keys):
            yield with_children(site, client, feed, page)

    return Evidence(Source.SPARK, client.answering, fetch, client.undated)


def purge(
    site: Site,
    feed: SparkFeed,
    sweep_id: str,
    settings: SparkSettings,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: Approved | None = None,
) -> Judged:
    """Act on a proven sweep: plan, guard, confirmation, removal, refetch, verdict.

    Never raises for what a sweep can come to; `verdict` says it. The sweep's row keeps it too.
    Raises ConfigurationError where the feed was filled from another source than it names now.
    """
    with site.feed_lock(feed.name), spark_client(feed, settings) as client:
        with site.warehouse.read() as con:
            resource = sweeps.row(con, sweep_id).resource
        claim(
            site,
            feed.name,
            Source.SPARK,
            feed.base_url,
            resource,
            feed.question(resource),
            feed.same_questions(resource),
            note=False,
        )
        return judge(
            site,
            sweep_id,
            _evidence(site, client, feed),
            thresholds,
            dry_run=dry_run,
            approve=approve,
            hides=feed.hides,
        )


def unjudged(site: Site, feed: str) -> list[Swept]:
    """Return the proven sweeps of a feed that wait for judgement, at most an hour old."""
    with site.warehouse.read() as con:
        return [
            Swept(row.sweep_id, row.feed, row.resource, row.source_keys or 0, row.pages or 0)
            for row in sweeps.waiting(con, feed)
        ]
