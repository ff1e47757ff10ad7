"""The table `rejected_values` and its rows, which one room makes and another keeps.

Why a value is rejected is said by whoever rejects it.
"""

from dataclasses import dataclass
from datetime import datetime

from mls_assets.model.declarations import FEED, RESOURCE, Column, Table
from mls_assets.model.resources import Resource


@dataclass(frozen=True, slots=True)
class RejectedValue:
    """A row of `rejected_values`; the fields are its columns, whose comments say more."""

    feed: str
    resource: Resource
    record_key: str | None
    field: str | None
    value: str | None
    problem: str
    page_id: int
    seen_at: datetime


REJECTED_VALUES = Table(
    "rejected_values",
    "value, or whole record, that did not fit and was not taken",
    (
        FEED,
        RESOURCE,
        Column("record_key", "VARCHAR", "RESO key of the record; NULL if it had none."),
        Column("field", "VARCHAR", "RESO field; NULL if the whole record was refused."),
        Column("value", "VARCHAR", "The value, cut at 1,000 characters; NULL for a record."),
        Column("problem", "VARCHAR", "Why it was not taken."),
        Column("page_id", "BIGINT", "The page that brought it."),
        Column("seen_at", "TIMESTAMPTZ", "When the source sent it."),
    ),
    (),
)
