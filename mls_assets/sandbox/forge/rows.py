"""What a results list is made of: one record as it is now, or its tombstone, and the filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from mls_assets.sandbox.market.event_log import PAGE, Batch, Occurrences
from mls_assets.sandbox.market.forge_feed import ForgeRecords

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "EQ": lambda a, b: a == b,
    "NE": lambda a, b: a != b,
    "GT": lambda a, b: a > b,
    "GE": lambda a, b: a >= b,
    "LT": lambda a, b: a < b,
    "LE": lambda a, b: a <= b,
}
OPERATORS = tuple(_COMPARE)


class Row:
    """One result. `plain` says that no value was set by hand, so that all fit their types."""

    def __init__(self, records: ForgeRecords, slot: int) -> None:
        self._records = records
        self._slot = slot
        self.deleted = records.is_deleted(slot)
        self.plain = self.deleted or slot not in records.patches

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """The values by name; what is not in it is null."""
        if self.deleted:
            return {"DELETED": True, self._records.key_field: self._records.key(self._slot)}
        return self._records.fields(self._slot)


class ResolvedPage:
    """What `listings` and `agents` resolve to."""

    def __init__(self, rows: Sequence[Row], latest_event: int, remaining: int) -> None:
        self.results = rows
        self.latest_event = latest_event
        self.remaining = remaining


def answer(
    records: ForgeRecords,
    after: int,
    filters: Sequence[Mapping[str, Any]] | None,
    occurrences: Occurrences,
) -> ResolvedPage:
    """The next results after an event; with filters, a page may be thin while events remain.

    All filters have to hold; tombstones always pass, for nobody can tell what they were.
    Raises ValueError for a filter on a field that the records do not have.
    """
    if not filters:
        batch = records.log.batch(after, occurrences)
        return ResolvedPage(
            [Row(records, slot) for slot in batch.slots], batch.latest_event, batch.remaining
        )
    return _filtered(records, records.log.examine(after, occurrences), after, filters, occurrences)


def _filtered(
    records: ForgeRecords,
    batch: Batch,
    after: int,
    filters: Sequence[Mapping[str, Any]],
    occurrences: Occurrences,
) -> ResolvedPage:
    found: list[Row] = []
    for number, slot in enumerate(batch.slots, 1):
        row = Row(records, slot)
        if row.deleted or all(_holds(row.fields, wanted) for wanted in filters):
            found.append(row)
        if len(found) == PAGE:
            batch = records.log.batch(after, occurrences, number)
            break
    return ResolvedPage(found, batch.latest_event, batch.remaining)


def _holds(fields: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    value = fields.get(wanted["field"])
    compare = _COMPARE[wanted["operator"]]
    candidates = value if isinstance(value, list) else [value]
    hits = (
        compare(*_alike(candidate, text))
        for candidate in candidates
        for text in wanted["values"]
        if candidate is not None
    )
    return all(hits) if wanted["operator"] == "NE" else any(hits)


def _alike(value: Any, text: str) -> tuple[Any, Any]:
    """Both as numbers if the field is one, else both as text."""
    if isinstance(value, bool):
        return str(value).lower(), text.lower()
    if isinstance(value, int | float):
        try:
            return float(value), float(text)
        except ValueError:
            return str(value), text
    return str(value), text
