"""How the text of a timestamp is read, once for the tables and for the order of versions. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: Years that a date or moment may lie in; anything else is a typing error or a stand-in.
YEARS = range(1800, 2201)

DATE = r"(\d{4})-(\d\d)-(\d\d)"
#: What is said of a timestamp that was kept but for its last digits.
CUT = "finer than a microsecond; kept to the microsecond"
ZONE = r"([Zz]|[+-]\d\d(?::?[0-5]\d)?)?"
_TIMESTAMP = re.compile(DATE + r"[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?" + ZONE, re.ASCII)


class NoMoment(ValueError):
    """A text that names no moment; its text says why, and never holds the text itself."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in UTC; `cut` says that digits finer than a microsecond were left out."""

    at: datetime
    cut: bool


def looks_like_one(text: str) -> bool:
    """Tell whether a text has the form of a timestamp, whatever day and time it names."""
    return _TIMESTAMP.fullmatch(text) is not None


def parse_timestamp(text: str) -> Moment:
    """Read a timestamp. Without a zone it is UTC; seconds may be missing.

    What is finer than a microsecond is cut off, never rounded up. Raises NoMoment.
    """
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        raise NoMoment("not a timestamp")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    fraction = fraction or ""
    try:
        at = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            int(second or 0),
            int(fraction[:6].ljust(6, "0")),
            UTC,
        )
        at -= _offset(zone)
    except (ValueError, OverflowError):
        raise NoMoment("no moment of the calendar (a leap second and 24:00 are none)") from None
    if at.year not in YEARS:
        raise NoMoment(f"a year outside {YEARS.start} to {YEARS.stop - 1}")
    return Moment(at, cut=bool(fraction[6:].strip("0")))


def _offset(zone: str | None) -> timedelta:
    if not zone or zone in "Zz":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23:
        raise ValueError(zone)
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset
