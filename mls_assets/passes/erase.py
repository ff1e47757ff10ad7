"""The end of a licence: everything of a feed leaves the warehouse and the published file."""

from dataclasses import dataclass

from mls_assets.errors import ConfigurationError
from mls_assets.passes.compact import compact
from mls_assets.passes.publish import publish
from mls_assets.passes.site import Site
from mls_assets.warehouse import cursors, erasure
from mls_assets.warehouse.compaction import Compacted
from mls_assets.warehouse.publication import Published


@dataclass(frozen=True, slots=True)
class Erased:
    """The proof: rows erased per table, the ledger's entries, and both files rewritten."""

    feed: str
    rows: dict[str, int]
    ledger_entries: int
    compacted: Compacted
    published: Published


def erase(site: Site, feed: str) -> Erased:
    """Erase a feed, compact the warehouse and publish, in this order.

    Raises ConfigurationError for a feed that holds nothing here.
    """
    with site.feed_lock(feed), site.warehouse.write() as con:
        if not any(state.feed == feed for state in cursors.states(con)):
            raise ConfigurationError(f"Nothing is stored of {feed!r}. Nothing was erased.")
        rows = erasure.erase(con, feed, site.run_id)
    # publish first: the published times belong in the file that the compaction writes
    published = publish(site)
    compacted = compact(site)
    if published is None:
        raise AssertionError("an unconditional publication always publishes")
    return Erased(feed, dict(rows.tables), rows.ledger_entries, compacted, published)
