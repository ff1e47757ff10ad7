"""What the tests of this room share: running the normaliser on a batch, a record, a child set."""

import json
from collections.abc import Sequence
from typing import Any

from mls_assets.model.records import LandedChildren, LandedRecord
from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.reso import NormalisedBatch, normalise_batch
from mls_assets.sources.source import Source
from mls_assets.sources.spark.source import SPARK
from mls_assets_tests.reso.pages import LANDED_AT, landed


def run(
    records: Sequence[LandedRecord],
    children: Sequence[LandedChildren] = (),
    *,
    resource: Resource = Resource.PROPERTY,
    source: Source = SPARK,
    **more: Any,
) -> NormalisedBatch:
    """Normalise a batch of the default feed of a source."""
    feed = source.feed("default" if source is SPARK else "armls")
    return normalise_batch(source.dialect, feed, resource, records, children, **more)


def one(
    members: dict[str, Any] | str,
    *,
    resource: Resource = Resource.PROPERTY,
    source: Source = SPARK,
    record_key: str = "K1",
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Normalise one record; its row and its rejected values. A key is added where none is."""
    if isinstance(members, dict):
        members = {KEY_FIELDS[resource]: record_key, **members}
    done = run([landed(1, members, record_key)], resource=resource, source=source)
    (row,) = done.frames[TABLE_OF_RESOURCE[resource]].rows(named=True)
    return row, done.rejected.rows(named=True)


def child_set(
    listing: str, items: list[Any] | str, resource: Resource = Resource.MEDIA
) -> LandedChildren:
    """A child set as it waits in the warehouse; `items` is an array or its text."""
    text = items if isinstance(items, str) else json.dumps(items)
    return LandedChildren(listing, resource, text.encode(), 7, LANDED_AT)
