"""The end of a licence: all of a feed (or resource) leaves the warehouse and the published file."""

from dataclasses import dataclass

from mls_assets.configuration.feeds import Feeds, mls_of_feed
from mls_assets.errors import ConfigurationError, MlsAssetsError
from mls_assets.model.resources import Resource
from mls_assets.replication.replicate import forge_feeds
from mls_assets.replication.settings import ForgeSettings
from mls_assets.replication.upkeep.compact import compact_warehouse
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.upkeep.unconfigured import is_asked, line_to_remove
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.registry import feed_named
from mls_assets.warehouse.landing import vanishing
from mls_assets.warehouse.publication.compaction import Compacted
from mls_assets.warehouse.publication.publication import PublicationRefused, Published
from mls_assets.warehouse.removals import erasure

#: For how long Forge is asked whether it still lists an MLS, in seconds.
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class ErasureProof:
    """The proof: rows erased per table, the ledger's entries, and both files rewritten.

    When an erasure was cut short and is gone on with, there are no rows left to erase, and the
    entries are those that waited for their two times.
    """

    feed: str
    resource: Resource | None
    rows: dict[str, int]
    ledger_entries: int
    compacted: Compacted
    published: Published


def erase_everywhere(
    workspace: Workspace, feed: str, resource: Resource | None = None, *, feeds: Feeds | None = None
) -> ErasureProof:
    """Erase a feed (or one resource of it), publish, and compact the warehouse, in this order.

    One that was cut short after its rows were gone is gone on with. Raises ConfigurationError for
    what holds nothing here and whose removals are all proven, and for what `feeds` still asks
    for: the next run would bring it back. Forge is asked whether it still lists the MLS, where
    that is what decides; no proper answer means that it does. Raises PublicationRefused, with the
    rows gone and the warehouse compacted, where readers would lose something of another feed.
    """
    name = f"{feed} {resource}" if resource else feed
    if feeds is not None and is_asked(feeds, _vanished(workspace, feeds, feed), feed, resource):
        raise ConfigurationError(
            f"{name} is still configured, so the next run would bring it back. Nothing was erased; "
            f"{line_to_remove(feeds, feed, resource)}, then erase it again."
        )
    with workspace.feed_lock(feed), workspace.warehouse.write() as con:
        unproven = erasure.unproven(con, feed, resource)
        if not unproven and not erasure.left_of(con, feed, resource):
            raise ConfigurationError(f"Nothing is stored of {name!r}. Nothing was erased.")
        rows = erasure.erase_feed(con, feed_named(feed), workspace.run_id, resource)
    # publish first: the published times belong in the file that the compaction writes
    try:
        published = publish(workspace, feeds=feeds)
    except PublicationRefused as refusal:
        compact_warehouse(workspace)
        raise PublicationRefused(
            f"{name} is erased from the warehouse and its file, but readers still see it until "
            f"the next publication, which was refused. {refusal}"
        ) from None
    compacted = compact_warehouse(workspace)
    if published is None:
        raise AssertionError("an unconditional publication always publishes")
    entries = rows.ledger_entries or unproven
    return ErasureProof(feed, resource, dict(rows.tables), entries, compacted, published)


def _vanished(workspace: Workspace, feeds: Feeds, feed: str) -> set[str]:
    """Return the feeds whose MLS has vanished, as is stored, or as Forge says of this one now."""
    with workspace.warehouse.read() as con:
        vanished = {*vanishing.vanished_feeds(con)}
    access = feeds.forge
    if feed in vanished or access is None or not is_asked(feeds, {}, feed):
        return vanished
    if access.mlses or not access.covers(feed):
        return vanished
    try:
        listed = forge_feeds(access, ForgeSettings(patience_seconds=_PATIENCE))
    except MlsAssetsError:
        return vanished
    keys = {mls.key for mls in listed.mlses}
    return vanished | (
        {feed} if keys and not listed.odd and mls_of_feed(feed) not in keys else set()
    )
