"""The two APIs as iterators of pages: hardened HTTP, paging, vendor errors, and nothing else.

Nothing here stores, compares or removes anything, and nothing knows DuckDB or Dagster.
"""

from mls_assets.sources.expansions import OPEN_HOUSES, RELATIONS
from mls_assets.sources.forge import MLSES_A_QUESTION, ForgeClient, Position
from mls_assets.sources.forge_queries import KINDS, LISTING_FIELDS, ForgeShape, Mls, MlsList
from mls_assets.sources.prefetch import ahead
from mls_assets.sources.signals import (
    MEDIA_KINDS,
    SIGNAL_FIELDS,
    TOUR_FIELDS,
    TOUR_PREFIX,
    MediaKind,
)
from mls_assets.sources.spark import SparkClient
from mls_assets.sources.spark_answers import OpenHouses, Told
from mls_assets.sources.transport import Limits
from mls_assets.sources.vendor_errors import NotThere, QuestionRefused

__all__ = [
    "KINDS",
    "LISTING_FIELDS",
    "MEDIA_KINDS",
    "MLSES_A_QUESTION",
    "OPEN_HOUSES",
    "RELATIONS",
    "SIGNAL_FIELDS",
    "TOUR_FIELDS",
    "TOUR_PREFIX",
    "ForgeClient",
    "ForgeShape",
    "Limits",
    "MediaKind",
    "Mls",
    "MlsList",
    "NotThere",
    "OpenHouses",
    "Position",
    "QuestionRefused",
    "SparkClient",
    "Told",
    "ahead",
]
