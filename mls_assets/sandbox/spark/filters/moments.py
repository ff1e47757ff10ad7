"""Reads the timestamps and dates of literals and of records; both sides of a comparison use it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache


@lru_cache(maxsize=8192)
def parse_moment(text: str) -> datetime:
    """An ISO 8601 timestamp or date as an aware UTC moment; without a zone it is taken as UTC.

    Any number of fraction digits is read (beyond microseconds they are cut). Raises ValueError.
    """
    parsed = datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        return parsed.replace(tzinfo=UTC)
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


@lru_cache(maxsize=8192)
def day(text: str) -> date:
    """An ISO 8601 date. Raises ValueError."""
    return date.fromisoformat(text)
