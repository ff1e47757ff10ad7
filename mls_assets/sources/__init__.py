"""The two APIs as iterators of pages: hardened HTTP, paging, vendor errors, and nothing else.

Nothing here stores, compares or removes anything, and nothing knows DuckDB or Dagster.
"""

from mls_assets.sources.forge.client import MAX_MLSES_PER_QUERY, ForgeClient, Position
from mls_assets.sources.forge.queries import (
    DEFAULT_LISTING_FIELDS,
    RECORD_KINDS,
    ForgeShape,
    Mls,
    MlsList,
)
from mls_assets.sources.odata.answers import ExpandedAnswer, ListedOpenHouses
from mls_assets.sources.odata.client import SparkClient
from mls_assets.sources.odata.expansions import OPEN_HOUSES, RELATIONS
from mls_assets.sources.odata.signals import (
    MEDIA_KINDS,
    SIGNAL_FIELDS,
    TOUR_FIELDS,
    TOUR_PREFIX,
    MediaKind,
)
from mls_assets.sources.transport.deadline import Limits
from mls_assets.sources.transport.prefetch import ahead
from mls_assets.sources.transport.vendor_errors import NotThere, QuestionRefused

__all__ = [
    "DEFAULT_LISTING_FIELDS",
    "MAX_MLSES_PER_QUERY",
    "MEDIA_KINDS",
    "OPEN_HOUSES",
    "RECORD_KINDS",
    "RELATIONS",
    "SIGNAL_FIELDS",
    "TOUR_FIELDS",
    "TOUR_PREFIX",
    "ExpandedAnswer",
    "ForgeClient",
    "ForgeShape",
    "Limits",
    "ListedOpenHouses",
    "MediaKind",
    "Mls",
    "MlsList",
    "NotThere",
    "Position",
    "QuestionRefused",
    "SparkClient",
    "ahead",
]
