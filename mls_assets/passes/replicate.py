"""Bringing one resource of one feed from its cursor to current: which pass is due, and its result.

The passes themselves stand in `download`, `update`, `events` and `replay`.
"""

import hashlib
import math
from dataclasses import replace

from mls_assets.errors import SweepBlocked, SweepVoid
from mls_assets.feeds import ForgeAccess, SparkFeed
from mls_assets.passes import download, events, replay, update
from mls_assets.passes.clients import forge_client, spark_client
from mls_assets.passes.outcome import Replicated
from mls_assets.passes.settings import ForgeSettings, SparkSettings
from mls_assets.passes.site import Site
from mls_assets.reconcile.guard import Thresholds
from mls_assets.sources import Mls
from mls_assets.values import Resource, Source
from mls_assets.warehouse import FeedState, cursors, origins

#: States in which what is stored cannot be brought up to date, but has to be downloaded.
_DOWNLOAD_DUE = ("new", "downloading", "needs_resync")


def replicate_spark(
    site: Site, feed: SparkFeed, resource: Resource, settings: SparkSettings
) -> Replicated:
    """Download one resource of a Spark feed, or update it if it was downloaded before.

    Raises the typed errors of `mls_assets.errors`; what landed until then stays, and the next
    call goes on from there.
    """
    with site.feed_lock(feed.name), spark_client(feed, settings) as client:
        state, notes = _claim(
            site, feed.name, Source.SPARK, feed.base_url, resource, feed.question(resource)
        )
        if state.state in _DOWNLOAD_DUE or state.cursor is None:
            done = download.download(site, client, feed, resource, settings)
        else:
            done = update.update(site, client, feed, resource, settings, state)
    return done.noting(notes)


def replicate_forge(
    site: Site, feed: str, access: ForgeAccess, resource: Resource, settings: ForgeSettings
) -> Replicated:
    """Handle the events of one Forge MLS and kind until none remains.

    A feed that needs a resync is replayed from event 0 under the guard of a purge.
    """
    with site.feed_lock(feed), forge_client(access, settings) as client:
        if resource is Resource.MEMBER and client.shape("agents") is None:
            # the guide speaks of agents but shows no query: not every schema may have one
            note = f"{feed}: the source's schema has no query for agents, so there are none here"
            return Replicated(feed, resource, "events", notes=(note,))
        state, notes = _claim(
            site, feed, Source.FORGE, access.url, resource, access.question(resource)
        )
        if state.state == "needs_resync":
            judged = replay.replay_locked(site, client, feed, access, resource, Thresholds())
            if judged.verdict == "blocked":
                raise SweepBlocked(judged.explanation)
            if judged.verdict != "reconciled":
                raise SweepVoid(judged.explanation)
            notes += (f"replayed from event 0: {judged.explanation}",)
        done = events.follow(site, client, feed, access, resource, settings)
    return done.noting(notes)


def forge_feeds(access: ForgeAccess, settings: ForgeSettings) -> list[Mls]:
    """Return the MLSs to replicate: the configured ones, else all that Forge lists now."""
    with forge_client(access, settings) as client:
        listed = {mls.key: mls for mls in client.mlses()}
    if not access.mlses:
        return list(listed.values())
    return [listed.get(key) or Mls(key, key, None, ()) for key in access.mlses]


def _claim(
    site: Site, feed: str, source: Source, origin: str, resource: Resource, question: str
) -> tuple[FeedState, tuple[str, ...]]:
    """Hold the feed to the source it was first filled from, and notice a changed question.

    Returns the state to go on from, and what the user should be told.
    """
    sha = hashlib.sha256(question.encode()).hexdigest()
    with site.warehouse.write() as con:
        claimed = origins.claim(con, feed, source, origin, resource, sha)
        state = cursors.state_of(con, feed, resource)
        if claimed != "asked_otherwise" or state.state == "new":
            return state, ()
        cursors.needs_resync(con, feed, resource)
    pages = max(math.ceil(max(state.rows, state.source_rows or 0) / 1000), 1)
    note = (
        f"{feed} {resource}: the question changed, so it is downloaded afresh (about {pages:,} "
        f"requests for records{', and more for relations' if source is Source.SPARK else ''}); "
        "old rows stay until that ends"
    )
    return replace(state, state="needs_resync"), (note,)
