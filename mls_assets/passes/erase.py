"""The end of a licence: everything of a feed leaves the warehouse and the published file."""

from dataclasses import dataclass

from mls_assets.errors import ConfigurationError
from mls_assets.passes.compact import compact
from mls_assets.passes.publish import publish
from mls_assets.passes.site import Site
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
    rows: dict[str, int]
    ledger_entries: int
    compacted: Compacted
    published: Published


def erase(site: Site, feed: str) -> Erased:
    """Erase a feed, publish, and compact the warehouse, in this order.

    One that was cut short after its rows were gone is gone on with. Raises ConfigurationError for
    a feed that holds nothing here and whose removals are all proven.
    """
    with site.feed_lock(feed), site.warehouse.write() as con:
        unproven = erasure.unproven(con, feed)
        if not unproven and not erasure.left_of(con, feed):
            raise ConfigurationError(f"Nothing is stored of {feed!r}. Nothing was erased.")
        rows = erasure.erase(con, feed, site.run_id)
    # publish first: the published times belong in the file that the compaction writes
    published = publish(site)
    compacted = compact(site)
    if published is None:
        raise AssertionError("an unconditional publication always publishes")
    entries = rows.ledger_entries or unproven
    return Erased(feed, dict(rows.tables), entries, compacted, published)
