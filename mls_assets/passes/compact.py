"""Rewriting the warehouse without the free space in which removed content can linger."""

from mls_assets.passes.site import Site
from mls_assets.warehouse import compaction, pruning, vocabulary
from mls_assets.warehouse.compaction import Compacted


def compact(site: Site) -> Compacted:
    """Rewrite the warehouse file and enter in the ledger that removed bytes are gone.

    Names of local fields that nothing has any more are forgotten before, and old notes of pages
    and sweeps dropped.
    """
    with site.warehouse.write() as con:
        vocabulary.forget_unused_names(con)
        pruning.prune(con)
    return compaction.compact(site.warehouse, run_id=site.run_id)
