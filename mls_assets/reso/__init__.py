"""RESO Data Dictionary 2.0: fields, tables, and the normaliser from a source's JSON to rows.

Pure: no SQL, no HTTP, no Dagster.
"""

from mls_assets.reso.normalise import NormalisedBatch, normalise_batch
from mls_assets.reso.tables import BRIEF_COLUMNS, RESO_TABLES, STANDARD_VALUES
from mls_assets.reso.words import is_standard, label_of

__all__ = [
    "BRIEF_COLUMNS",
    "RESO_TABLES",
    "STANDARD_VALUES",
    "NormalisedBatch",
    "is_standard",
    "label_of",
    "normalise_batch",
]
