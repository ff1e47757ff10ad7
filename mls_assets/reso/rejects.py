"""The rows of `rejected_values` that a batch gives rise to; pure.

How a value is shown there belongs here; why it was rejected is said by whoever rejects it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
import polars as pl

from mls_assets.model.rejected_values import REJECTED_VALUES, RejectedValue
from mls_assets.model.resources import Resource
from mls_assets.reso.decode import POLARS_TYPES

#: Characters of a value that are kept.
LONGEST_VALUE = 1_000

_SCHEMA = {column.name: POLARS_TYPES[column.type] for column in REJECTED_VALUES.columns}


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
    _rows: list[RejectedValue] = field(default_factory=list)

    def add(
        self, resource: Resource, item: LandedItem, name: str | None, token: bytes, problem: str
    ) -> None:
        """Add one value; `name` is its field, None if the item as a whole is meant."""
        value = as_sent(token)
        if len(value) > LONGEST_VALUE:
            problem = f"{problem}; the first {LONGEST_VALUE:,} of {len(value):,} characters"
            value = value[:LONGEST_VALUE]
        self._rows.append(
            RejectedValue(
                self.feed,
                resource,
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
        columns = {name: [getattr(row, name) for row in self._rows] for name in _SCHEMA}
        return pl.DataFrame(columns, schema=_SCHEMA)
