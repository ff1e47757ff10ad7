"""The end of a licence: all of a feed (or resource) leaves the warehouse and the published file."""

from dataclasses import dataclass

from mls_assets.errors import ConfigurationError
from mls_assets.feeds import Feeds
from mls_assets.passes.compact import compact
from mls_assets.passes.publish import publish
from mls_assets.passes.site import Site
from mls_assets.passes.unconfigured import line_to_remove
from mls_assets.values import Resource
from mls_assets.warehouse import erasure
from mls_assets.warehouse.compaction import Compacted
from mls_assets.warehouse.publication import Published


@dataclass(frozen=True, slots=True)
class Erased:
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


def erase(
    site: Site, feed: str, resource: Resource | None = None, *, feeds: Feeds | None = None
) -> Erased:
    """Erase a feed (or one resource of it), publish, and compact the warehouse, in this order.

    One that was cut short after its rows were gone is gone on with. Raises ConfigurationError for
    what holds nothing here and whose removals are all proven, and for what `feeds` still asks
    for: the next run would bring it back.
    """
    name = f"{feed} {resource}" if resource else feed
    if feeds is not None and feeds.asks_for(feed, resource):
        raise ConfigurationError(
            f"{name} is still configured, so the next run would bring it back. Nothing was erased; "
            f"{line_to_remove(feeds, feed, resource)}, then erase it again."
        )
    with site.feed_lock(feed), site.warehouse.write() as con:
        unproven = erasure.unproven(con, feed, resource)
        if not unproven and not erasure.left_of(con, feed, resource):
            raise ConfigurationError(f"Nothing is stored of {name!r}. Nothing was erased.")
        rows = erasure.erase(con, feed, site.run_id, resource)
    # publish first: the published times belong in the file that the compaction writes
    published = publish(site, feeds=feeds)
    compacted = compact(site)
    if published is None:
        raise AssertionError("an unconditional publication always publishes")
    entries = rows.ledger_entries or unproven
    return Erased(feed, resource, dict(rows.tables), entries, compacted, published)
