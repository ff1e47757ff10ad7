"""One JSON token to one value of a RESO type, exactly, or a `ConversionError` that says why not.

This is the whole list of conversions there are; adding one means changing a promise to readers.
A token is the verbatim text of one JSON value. Nothing here guesses: a text with spaces around a
number, thousands separators, `Yes`, a date without a time in a timestamp field, a number in a
list field are all misfits. Columns and tables are not known here.
"""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from mls_assets import moments
from mls_assets.reso.dictionary import DictionaryField, FieldType, Lookup

ResoValue = str | int | float | bool | datetime | date | list[str]

_BIGINT = range(-(2**63), 2**63)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
#: Every whole number below has a DOUBLE of its own; the least size that keeps all its digits.
_ALL_EXACT, _SMALLEST = 2.0**53, sys.float_info.min
_PLAIN_DATE = re.compile(moments.DATE, re.ASCII)
_MIDNIGHT = re.compile(moments.DATE + r"[Tt ]00:00(?::00(?:\.0+)?)?" + moments.ZONE, re.ASCII)
_BOOLEANS = {"y": True, "true": True, "1": True, "n": False, "false": False, "0": False}


class ConversionError(ValueError):
    """A value that its field cannot hold; the text says why, and never holds the value.

    `kept` is what the field holds of it all the same, None for nothing.
    """

    def __init__(self, problem: str, kept: ResoValue | None = None) -> None:
        super().__init__(problem)
        self.kept = kept


def convert(field: DictionaryField, token: bytes) -> ResoValue | None:
    """Return the value of one token (valid JSON) in this field; None for `null`.

    Raises ConversionError where the value doesn't fit, with what the field holds of it.
    """
    kind, value = _read(token)
    if kind == "null":
        return None
    conversion = _CONVERSIONS[field.type].get(kind)
    if conversion is None:
        raise ConversionError(f"{_A[kind]} where {_DUE[field.type]} is due")
    return conversion(value, field.lookup)


def _read(token: bytes) -> tuple[str, Any]:
    """The kind of a token and what to convert: a text's characters, a number's own, a list."""
    match token[:1]:
        case b"n":
            return "null", None
        case b'"':
            return "text", msgspec.json.decode(token, type=str)
        case b"t" | b"f":
            return "boolean", token.decode()
        case b"[":
            return "list", token
        case b"{":
            return "object", None
    return "number", token.decode()


def standard_text(text: str, lookup: Lookup | None) -> str:
    """A text as it is, a legacy enumeration spelling as its standard value."""
    return lookup.standard(text) if lookup else text


def integer(text: str, _: Lookup | None = None) -> int:
    """The whole number of the same value, within BIGINT: `12`, `12.0`, `1.2e1`."""
    number = _number(text)
    if number and number.adjusted() > 18:
        raise ConversionError("outside the range of BIGINT")
    if number and (number.adjusted() < 0 or number != number.to_integral_value()):
        raise ConversionError("not a whole number")
    value = int(number) if number else 0
    if value not in _BIGINT:
        raise ConversionError("outside the range of BIGINT")
    return value


def double(text: str, _: Lookup | None = None) -> float:
    """The DOUBLE nearest to the number that was sent, as any reader of JSON takes it.

    So `33.448400000000003`, which some programs print for the double 33.4484, is that double.
    What such a rounding may not do: change a number of 2^53 or more (unless the text is one of
    the ways to print that very double), make a number 0 or infinite, or lose digits at the edge
    of 0. A coordinate outside the globe is a number all the same, and stays.
    """
    number = _number(text)
    value = float(text) if text.strip("+-0") else 0.0  # a whole 0 has no sign
    if value in (float("inf"), float("-inf")):
        raise ConversionError("outside the range of DOUBLE")
    if _SMALLEST <= abs(value) < _ALL_EXACT or number in _printed(value):
        return value
    if abs(value) < _SMALLEST:
        raise ConversionError("closer to 0 than a DOUBLE can be")
    raise ConversionError("more digits than a DOUBLE holds")


def _printed(value: float) -> Iterator[Decimal]:
    """The numbers as which a double is printed: shortest, with 17 digits, and in full."""
    yield Decimal(repr(value))
    yield Decimal(f"{value:.16e}")
    yield Decimal(value)


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ConversionError("not a number")
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ConversionError("an exponent out of all range") from None


def boolean(text: str, _: Lookup | None = None) -> bool:
    """`Y`, `true` and `1`, `N`, `false` and `0`, in any case."""
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ConversionError("neither Y/N nor true/false nor 1/0")
    return value


def timestamp_of(text: str, _: Lookup | None = None) -> datetime:
    """The moment in UTC. A text without zone is UTC; what is finer than a microsecond is cut off.

    Raises ConversionError with the moment kept where digits other than 0 were cut.
    """
    try:
        moment = moments.parse_timestamp(text)
    except moments.NoMoment as error:
        raise ConversionError(str(error)) from None
    if moment.cut:
        raise ConversionError(moments.CUT, kept=moment.at)
    return moment.at


def calendar_date(text: str, _: Lookup | None = None) -> date:
    """A date, also one that was sent as its own midnight (of whatever zone)."""
    found = _PLAIN_DATE.fullmatch(text) or _MIDNIGHT.fullmatch(text)
    if not found:
        if moments.looks_like_one(text):
            raise ConversionError("a time other than midnight where a date is due")
        raise ConversionError("not a date")
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        raise ConversionError("no day of the calendar") from None
    if day.year not in moments.YEARS:
        raise ConversionError(f"a year outside {moments.YEARS.start} to {moments.YEARS.stop - 1}")
    return day


def joined(text: str, lookup: Lookup | None) -> list[str]:
    """Comma-joined text as a list, each entry as its standard value.

    Commas inside parentheses don't separate (`Pool (heated, screened), Spa`), nor do those that
    belong to a known value (`Graduate, REALTOR Institute / GRI`). Spaces around an entry are the
    joiner's; a text without a comma is a list of one, as it is.
    """
    entries = _split(text)
    if len(entries) == 1:
        return [standard_text(text, lookup)]
    entries = [entry.strip(" ") for entry in entries]
    if lookup and lookup.with_commas:
        entries = _rejoined(entries, lookup.with_commas)
    return [standard_text(entry, lookup) for entry in entries]


def _split(text: str) -> list[str]:
    """Split at the commas outside parentheses; an unclosed one holds all that follows."""
    entries, start, depth = [], 0, 0
    for position, character in enumerate(text):
        if character == "(":
            depth += 1
        elif character == ")":
            depth = max(0, depth - 1)
        elif character == "," and not depth:
            entries.append(text[start:position])
            start = position + 1
    entries.append(text[start:])
    return entries


def _rejoined(entries: list[str], known: frozenset[str]) -> list[str]:
    """Put together again what splitting took apart of a value that holds commas itself."""
    longest = max(value.count(",") for value in known) + 1
    result, start = [], 0
    while start < len(entries):
        for end in range(min(start + longest, len(entries)), start, -1):
            entry = ", ".join(entries[start:end])
            if end == start + 1 or entry in known:
                result.append(entry)
                start = end
                break
    return result


def texts(token: bytes, lookup: Lookup | None) -> list[str]:
    """A JSON list of texts, each as its standard value; its commas are its own."""
    items = msgspec.json.decode(token, type=list[msgspec.Raw])
    result = []
    for item in items:
        kind, value = _read(bytes(item))
        if kind != "text":
            raise ConversionError(f"{_A[kind]} inside the list where a text is due")
        result.append(standard_text(value, lookup))
    return result


Conversion = Callable[[Any, Lookup | None], ResoValue]

#: What each type takes, by the JSON kind that it came as. Kinds that are not here don't fit.
_CONVERSIONS: Mapping[FieldType, Mapping[str, Conversion]] = {
    FieldType.TEXT: {"text": standard_text, "number": standard_text, "boolean": standard_text},
    FieldType.INTEGER: {"text": integer, "number": integer},
    FieldType.DECIMAL: {"text": double, "number": double},
    FieldType.BOOLEAN: {"text": boolean, "number": boolean, "boolean": boolean},
    FieldType.TIMESTAMP: {"text": timestamp_of},
    FieldType.DATE: {"text": calendar_date},
    FieldType.LIST: {"text": joined, "list": texts},
}

_A = {
    "null": "a null",
    "text": "a text",
    "number": "a number",
    "boolean": "a boolean",
    "list": "a list",
    "object": "an object",
}
_DUE = {
    FieldType.TEXT: "a text",
    FieldType.INTEGER: "a whole number",
    FieldType.DECIMAL: "a number",
    FieldType.BOOLEAN: "a boolean",
    FieldType.TIMESTAMP: "a timestamp",
    FieldType.DATE: "a date",
    FieldType.LIST: "a list of texts",
}
