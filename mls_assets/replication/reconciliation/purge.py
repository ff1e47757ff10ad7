"""Purging a Spark resource by a proven sweep; the judgement itself stands in `judge`."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import MlsAssetsError
from mls_assets.model.records import Page
from mls_assets.model.resources import Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.clients import spark_client
from mls_assets.replication.normalise import normalise_locked
from mls_assets.replication.reconciliation.case import ApprovalOf, KeyEvidence, SweepResult
from mls_assets.replication.reconciliation.judge import reconcile
from mls_assets.replication.reconciliation.sweep import SweptKeys
from mls_assets.replication.relations import complete_untold, with_children
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.source_binding import bind_source
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import SparkClient
from mls_assets.warehouse import sweeps


def _evidence(workspace: Workspace, client: SparkClient, feed: SparkFeed) -> KeyEvidence:
    def fetch(resource: Resource, keys: Sequence[str]) -> Iterator[Page]:
        for page in client.records(resource, keys):
            yield with_children(workspace, client, feed, page)

    return KeyEvidence(client.existing_keys, fetch, client.undated)


def purge(
    workspace: Workspace,
    feed: SparkFeed,
    sweep_id: str,
    settings: SparkSettings,
    thresholds: Thresholds,
    *,
    dry_run: bool = False,
    approve: ApprovalOf | None = None,
) -> SweepResult:
    """Act on a proven sweep: plan, guard, confirmation, removal, refetch, verdict.

    Never raises for what a sweep can come to; `verdict` says it. The sweep's row keeps it too.
    Raises ConfigurationError where the feed was filled from another source than it names now.
    """
    with workspace.feed_lock(feed.name), spark_client(feed, settings) as client:
        with workspace.warehouse.read() as con:
            resource = sweeps.sweep_row(con, sweep_id).resource
        bind_source(
            workspace,
            feed.name,
            feed.base_url,
            resource,
            feed.question(resource),
            feed.same_questions(resource),
            note=False,
        )
        result = reconcile(
            workspace,
            sweep_id,
            _evidence(workspace, client, feed),
            thresholds,
            dry_run=dry_run,
            approve=approve,
            hides=feed.hides,
        )
        if resource is not Resource.PROPERTY or dry_run:
            return result
        try:
            complete_untold(workspace, client, feed)
            normalise_locked(workspace, feed.name)
        except MlsAssetsError as error:
            # the verdict stands, and the next run asks for the collections again
            return replace(result, cut=str(error))
        return result


def unjudged(workspace: Workspace, feed: str) -> list[SweptKeys]:
    """Return the proven sweeps of a feed that wait for judgement, at most an hour old."""
    with workspace.warehouse.read() as con:
        return [
            SweptKeys(row.sweep_id, row.feed, row.resource, row.source_keys or 0, row.pages or 0)
            for row in sweeps.waiting_sweeps(con, feed)
        ]
