"""The rows of `rejected_values` that a batch gives rise to; pure.

How a value is shown there belongs here; why it was rejected is said by whoever rejects it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl

from mls_assets.model.resources import Resource

#: Characters of a value that are kept.
LONGEST_VALUE = 1_000

_SCHEMA: dict[str, Any] = {
    "feed": pl.String,
    "resource": pl.String,
    "record_key": pl.String,
    "field": pl.String,
    "value": pl.String,
    "problem": pl.String,
    "page_id": pl.Int64,
    "seen_at": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True, slots=True)
class LandedItem:
    """One landed JSON object: a record, or a member of a listing's child set.

    `record_key` is what a rejected value is filed under: the record's own key, for a child its
    listing's, so that it goes when the listing goes.
    """

    record_key: str
    body: bytes
    page_id: int
    landed_at: datetime


def as_sent(token: bytes) -> str:
    """What a token says: a text's own characters, the JSON of anything else.

    A text that cannot be stored (half a surrogate pair) stays JSON with its escapes.
    """
    if token.startswith(b'"'):
        try:
            return msgspec.json.decode(token, type=str)
        except msgspec.DecodeError:
            pass
    return token.decode(errors="replace")


@dataclass(slots=True)
class Rejects:
    """Collects what was rejected of one feed."""

    feed: str
    _rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self, resource: Resource, item: LandedItem, name: str | None, token: bytes, problem: str
    ) -> None:
        """Add one value; `name` is its field, None if the item as a whole is meant."""
        value = as_sent(token)
        if len(value) > LONGEST_VALUE:
            problem = f"{problem}; the first {LONGEST_VALUE:,} of {len(value):,} characters"
            value = value[:LONGEST_VALUE]
        self._rows.append(
            (
                self.feed,
                str(resource),
                item.record_key,
                name,
                value,
                problem,
                item.page_id,
                item.landed_at.astimezone(UTC),
            )
        )

    def frame(self) -> pl.DataFrame:
        """All rows so far, in the columns of `rejected_values`."""
        return pl.DataFrame(self._rows, schema=_SCHEMA, orient="row")
