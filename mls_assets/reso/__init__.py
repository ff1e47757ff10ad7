"""RESO Data Dictionary 2.0: fields, tables, and the normaliser from a source's JSON to rows.

Pure: no SQL, no HTTP, no Dagster.
"""

from mls_assets.reso.dialect import Dialect
from mls_assets.reso.dictionary import is_standard
from mls_assets.reso.normalise import NormalisedBatch, normalise_batch
from mls_assets.reso.tables import BRIEF_COLUMNS, RESO_TABLES, STANDARD_VALUES

__all__ = [
    "BRIEF_COLUMNS",
    "RESO_TABLES",
    "STANDARD_VALUES",
    "Dialect",
    "NormalisedBatch",
    "is_standard",
    "normalise_batch",
]
