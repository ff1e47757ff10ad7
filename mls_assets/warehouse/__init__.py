"""The only room that speaks SQL: the warehouse, its tables, and what is written from it.

Pages land (`landing`), wait for normalisation and are merged (`merging`), keys leave with an
entry (`ledger`), readers get a copy (`publication`), free blocks go (`compaction`). No request
to a source, no decoding of records, no judgement about a sweep: those are other rooms.
"""

from mls_assets.warehouse.landing.cursors import FeedState, Walk
from mls_assets.warehouse.landing.figures import SUMMARY_FIGURES, Figures, Landing
from mls_assets.warehouse.schema.tables import PIPELINE_TABLES
from mls_assets.warehouse.storage.queries import Connection, rows, scalar
from mls_assets.warehouse.warehouse import Warehouse

__all__ = [
    "PIPELINE_TABLES",
    "SUMMARY_FIGURES",
    "Connection",
    "FeedState",
    "Figures",
    "Landing",
    "Walk",
    "Warehouse",
    "rows",
    "scalar",
]
