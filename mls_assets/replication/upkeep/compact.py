"""Rewriting the warehouse without the free space in which removed content can linger."""

from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse.landing import pruning, vocabulary
from mls_assets.warehouse.publication import compaction
from mls_assets.warehouse.publication.compaction import Compacted


def compact_warehouse(workspace: Workspace) -> Compacted:
    """Rewrite the warehouse file and enter in the ledger that removed bytes are gone.

    Names of local fields that nothing has any more are forgotten before, and old notes of pages
    and sweeps dropped.
    """
    with workspace.warehouse.write() as con:
        vocabulary.forget_unused_names(con)
        pruning.prune(con)
    return compaction.rewrite_file(workspace.warehouse, run_id=workspace.run_id)
