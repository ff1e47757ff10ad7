"""Evaluates a bound `$filter` on records, by compiling the tree into closures once.

OData's logic has three values: a function of null is null, and `not null` is null; a comparison
with null is false, but for `eq null` and `ne null`. A record matches if the whole is true. A
field that is hidden or not sent counts as null (assumption 12).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Any

from mls_assets.sandbox.spark.filters.binding import LOCATION_FIELDS, ValueKind, kind_of_type
from mls_assets.sandbox.spark.filters.moments import parse_moment
from mls_assets.sandbox.spark.filters.nodes import (
    And,
    Call,
    Comparison,
    Expression,
    FieldNode,
    Intersects,
    Literal,
    Membership,
    Not,
    Or,
    Ring,
    walk,
)

Record = Mapping[str, Any]
Reader = Callable[[Record], Any]

_ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "contains": operator.contains,
    "startswith": str.startswith,
    "endswith": str.endswith,
}


def compile_predicate(expression: Expression, types: Mapping[str, str]) -> Callable[[Record], bool]:
    """A function that says whether a record (with values as on the wire) matches."""
    read = _reader(expression, types)
    return lambda record: read(record) is True


def fields_in_filter(expression: Expression) -> frozenset[str]:
    """The properties that a record must show for the expression to be evaluated."""
    named = {part.name for part in walk(expression) if isinstance(part, FieldNode)}
    if any(isinstance(part, Intersects) for part in walk(expression)):
        named.update(LOCATION_FIELDS)
    return frozenset(named)


def field_reader(name: str, edm_type: str) -> Reader:
    """Reads one property as a comparable value; None if it is null, hidden, absent or misfit.

    Records may carry values of a wrong type on purpose; those are no reason for an error here.
    """
    convert = _CONVERSIONS[kind_of_type(edm_type)]

    def read(record: Record) -> Any:
        value = record.get(name)
        return None if value is None else convert(value)

    return read


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _number(value: Any) -> float | int | None:
    """Rooms carry their sizes as text, such as `18.00`."""
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _moment(value: Any) -> datetime | None:
    try:
        return parse_moment(_text(value))
    except ValueError:
        return None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _list(value: Any) -> list[str] | None:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else None


_CONVERSIONS: Mapping[ValueKind, Callable[[Any], Any]] = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "moment": _moment,
    "list": _list,
}


def _reader(expression: Expression, types: Mapping[str, str]) -> Reader:
    match expression:
        case Literal(value):
            return lambda _record: value
        case FieldNode(name):
            return field_reader(name, types[name])
        case Call(name, arguments):
            return _call(name, [_reader(argument, types) for argument in arguments])
        case Intersects(_, rings):
            return _intersects(rings)
        case Comparison(symbol, left, right):
            return _comparison(symbol, _reader(left, types), _reader(right, types))
        case Membership(item, options):
            return _membership(_reader(item, types), frozenset(each.value for each in options))
        case Not(operand):
            return _negation(_reader(operand, types))
        case And(operands):
            return _junction([_reader(each, types) for each in operands], decisive=False)
        case Or(operands):
            return _junction([_reader(each, types) for each in operands], decisive=True)


def _junction(readers: list[Reader], *, decisive: bool) -> Reader:
    def read(record: Record) -> bool | None:
        result: bool | None = not decisive
        for reader in readers:
            value = reader(record)
            if value is decisive:
                return decisive
            if value is None:
                result = None
        return result

    return read


def _negation(inner: Reader) -> Reader:
    def read(record: Record) -> bool | None:
        value = inner(record)
        return None if value is None else not value

    return read


def _comparison(symbol: str, left: Reader, right: Reader) -> Reader:
    if symbol == "eq":
        return lambda record: _equal(left(record), right(record))
    if symbol == "ne":
        return lambda record: not _equal(left(record), right(record))
    holds = _ORDERINGS[symbol]

    def read(record: Record) -> bool:
        this, that = left(record), right(record)
        return this is not None and that is not None and holds(this, that)

    return read


def _equal(this: Any, that: Any) -> bool:
    """A list equals a text if one of its values does (assumption 13)."""
    if isinstance(this, list) and that is not None:
        return that in this
    if isinstance(that, list) and this is not None:
        return this in that
    return this == that


def _membership(item: Reader, options: frozenset[Any]) -> Reader:
    def read(record: Record) -> bool:
        value = item(record)
        return not options.isdisjoint(value) if isinstance(value, list) else value in options

    return read


def _call(name: str, arguments: list[Reader]) -> Reader:
    if name in ("tolower", "toupper"):
        change = str.lower if name == "tolower" else str.upper
        (inner,) = arguments

        def convert(record: Record) -> str | None:
            value = inner(record)
            return None if value is None else change(value)

        return convert
    test = _TEXT_TESTS[name]
    whole, part = arguments

    def read(record: Record) -> bool | None:
        text, wanted = whole(record), part(record)
        return None if text is None or wanted is None else test(text, wanted)

    return read


def _intersects(rings: tuple[Ring, ...]) -> Reader:
    latitude_of, longitude_of = (field_reader(name, "Edm.Decimal") for name in LOCATION_FIELDS)

    def read(record: Record) -> bool | None:
        latitude, longitude = latitude_of(record), longitude_of(record)
        if latitude is None or longitude is None:
            return None
        inside = sum(_inside(ring, longitude, latitude) for ring in rings)
        return inside % 2 == 1

    return read


def _inside(ring: Ring, x: float, y: float) -> bool:
    """Even-odd rule on plain coordinates: exact enough for shapes of the size of a county."""
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside
