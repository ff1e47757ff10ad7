"""The only room that speaks SQL: the warehouse file, its tables, and what is written from it.

Pages land (`landing`), wait for normalisation and are merged (`merging`), keys leave with an
entry (`ledger`), readers get a copy (`publication`), free blocks go (`compaction`). No request
to a source, no decoding of records, no judgement about a sweep: those are other rooms.
"""

from mls_assets.warehouse.landing.cursors import FeedState, Walk
from mls_assets.warehouse.landing.figures import SUMMARY_FIGURES, Figures, Landing
from mls_assets.warehouse.schema.tables import PIPELINE_TABLES
from mls_assets.warehouse.storage.connection import Warehouse
from mls_assets.warehouse.storage.locks import FeedLock, Holder, holder
from mls_assets.warehouse.storage.queries import Connection, rows, scalar

__all__ = [
    "PIPELINE_TABLES",
    "SUMMARY_FIGURES",
    "Connection",
    "FeedLock",
    "FeedState",
    "Figures",
    "Holder",
    "Landing",
    "Walk",
    "Warehouse",
    "holder",
    "rows",
    "scalar",
]
