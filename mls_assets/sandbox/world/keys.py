"""Time on the wire and the keys made of it: 26 digits that ascend with the moment of creation.

A key is YYYYMMDDHHMMSS, six digits of microseconds and six more digits: zeros for a record of its
own, a running number for a child (media, rooms, units), whose first twenty digits are its parent's.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from mls_assets.sandbox.world.dice import mix

SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment_of(micros: int) -> datetime:
    """The aware datetime of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)


@lru_cache(maxsize=16_384)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


@lru_cache(maxsize=16_384)
def _digits(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).strftime("%Y%m%d")


def date(micros: int) -> str:
    """`2026-01-31`."""
    return _date(micros // DAY)


def stamp(micros: int) -> str:
    """`2026-01-31T23:59:59Z`: Spark shows whole seconds."""
    day, rest = divmod(micros, DAY)
    minutes, seconds = divmod(rest // SECOND, 60)
    return f"{_date(day)}T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}Z"


def micros_of_stamp(stamp: str) -> int:
    """Microseconds of a timestamp as `stamp` writes it (or any ISO 8601 with a zone)."""
    return micros_of(datetime.fromisoformat(stamp))


def key_at(micros: int) -> str:
    """The key of a record created then."""
    day, rest = divmod(micros, DAY)
    seconds, fraction = divmod(rest, SECOND)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{_digits(day)}{hours:02}{minutes:02}{seconds:02}{fraction:06}000000"


def child_key(parent: str, number: int) -> str:
    """The key of a child; number 1.. is unique among all children of the parent."""
    return f"{parent[:20]}{number:06}"


def micros_in(key: str) -> int | None:
    """When the record with this key was created, None if it is no key of this form."""
    if len(key) != 26 or not (key.isascii() and key.isdigit()):
        return None
    try:
        day = datetime(int(key[:4]), int(key[4:6]), int(key[6:8]), tzinfo=UTC)
    except ValueError:
        return None
    seconds = int(key[8:10]) * 3600 + int(key[10:12]) * 60 + int(key[12:14])
    return (day - _EPOCH).days * DAY + seconds * SECOND + int(key[14:20])


class KeySpace:
    """`size` keys spread evenly, with jitter, over a stretch of time; none of them is stored."""

    def __init__(self, salt: int, size: int, start: datetime, end: datetime) -> None:
        self.size = size
        self._salt = salt
        self._start = micros_of(start)
        self._step = (micros_of(end) - self._start) // max(size, 1)

    def created(self, index: int) -> int:
        """Microseconds at which the record at this index was created; ascends with the index."""
        return self._start + index * self._step + mix(self._salt, index) % self._step

    def key(self, index: int) -> str:
        """The key at an index."""
        return key_at(self.created(index))

    def index(self, key: str) -> int | None:
        """The index of a key, None if the world has no such key."""
        micros = micros_in(key)
        if micros is None or micros < self._start:
            return None
        index = (micros - self._start) // self._step
        return index if index < self.size and self.key(index) == key else None

    def first_after(self, key: str | None) -> int:
        """The smallest index whose key is greater; `size` if there is none."""
        return 0 if key is None else bisect_right(range(self.size), key, key=self.key)
