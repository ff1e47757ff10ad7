"""Checks a `$filter` against the fields of an entity and settles the type of every constant.

What comes out is the same tree, in which a constant compared with a timestamp is a timestamp (also
when the client quoted it, as one of the vendor's own examples does) and all else fits. Evaluation
is in `predicate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Literal as OneOf

from mls_assets.sandbox.spark.errors import Refusal, bad_request
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
)

ValueKind = OneOf["text", "number", "boolean", "moment", "list", "null"]
"""How a value compares; a date is the moment at which it begins in UTC."""

LOCATION = "Location"
LOCATION_FIELDS = ("Latitude", "Longitude")
"""Spark's geography field is no property of its own: it is made of these two."""

_NUMBERS = frozenset({"Edm.Decimal", "Edm.Double", "Edm.Single", "Edm.Int64", "Edm.Int32"})
_KINDS: Mapping[str, ValueKind] = {
    "Edm.Boolean": "boolean",
    "Edm.DateTimeOffset": "moment",
    "Edm.Date": "moment",
}
_EQUALITY = ("eq", "ne")


def kind_of_type(edm_type: str) -> ValueKind:
    """How the values of an Edm type compare; enumerations and unknown types compare as text."""
    if edm_type.startswith("Collection("):
        return "list"
    return "number" if edm_type in _NUMBERS else _KINDS.get(edm_type, "text")


def bind(expression: Expression, types: Mapping[str, str]) -> Expression:
    """The checked tree. Raises a 400 `Refusal` for unknown fields and for types that don't fit."""
    return _Binding(types).condition(expression)


class _Binding:
    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types

    def condition(self, expression: Expression) -> Expression:
        match expression:
            case And(operands):
                return And(tuple(map(self.condition, operands)))
            case Or(operands):
                return Or(tuple(map(self.condition, operands)))
            case Not(operand):
                return Not(self.condition(operand))
            case Comparison():
                return self._comparison(expression)
            case Membership():
                return self._membership(expression)
            case Intersects(field):
                self._check_location(field)
                return expression
        if self._kind(expression) != "boolean":
            raise bad_request("The $filter has a value where a condition belongs.")
        return expression

    def _comparison(self, found: Comparison) -> Comparison:
        left, right = self._kind(found.left), self._kind(found.right)
        fitted_left = _fit(found.left, left, right)
        fitted_right = _fit(found.right, right, left)
        ordered = found.operator not in _EQUALITY
        if ordered and ("list" in (left, right) or "boolean" in (left, right)):
            raise bad_request(f"The $filter cannot order a {left} by `{found.operator}`.")
        return Comparison(found.operator, fitted_left, fitted_right)

    def _membership(self, found: Membership) -> Membership:
        item = self._kind(found.item)
        fitted = []
        for option in found.options:
            changed = _fit(option, self._kind(option), item)
            if not isinstance(changed, Literal):
                raise _misfit(item, "list")
            fitted.append(changed)
        return Membership(found.item, tuple(fitted))

    def _kind(self, expression: Expression) -> ValueKind:
        match expression:
            case FieldNode(name):
                if name not in self._types:
                    raise bad_request(f"The $filter names an unknown field: {name[:100]}.")
                return kind_of_type(self._types[name])
            case Literal(value):
                return _kind_of_value(value)
            case Call(name, arguments):
                for argument in arguments:
                    if self._kind(argument) != "text":
                        raise bad_request(f"In $filter, {name} takes text only.")
                return "text" if name in ("tolower", "toupper") else "boolean"
            case Intersects(field):
                self._check_location(field)
                return "boolean"
        return "boolean"

    def _check_location(self, field: str) -> None:
        if field != LOCATION or not self._types.keys() >= set(LOCATION_FIELDS):
            raise bad_request(f"The $filter names an unknown location: {field[:100]}.")


def _kind_of_value(value: object) -> ValueKind:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "text"
        case date():  # a datetime is one too
            return "moment"
    return "number"


def _fit(expression: Expression, kind: ValueKind, other: ValueKind) -> Expression:
    """The expression as it compares with something of the other kind.

    Both sides of a comparison come here, so what only a constant may do (be a timestamp in
    quotes) is allowed for the constant and refused for a field of text.
    """
    if isinstance(expression, Literal) and other == "moment" and kind in ("text", "moment"):
        return Literal(_as_moment(expression.value))
    allowed = (
        "null" in (kind, other)
        or kind == other != "list"
        or {kind, other} == {"list", "text"}
        or (kind, other) == ("moment", "text")
    )
    if not allowed:
        raise _misfit(kind, other)
    return expression


def _as_moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    try:
        return parse_moment(str(value))
    except ValueError:
        raise bad_request("The $filter has no valid timestamp where one belongs.") from None


def _misfit(kind: str, other: str) -> Refusal:
    return bad_request(f"The $filter compares a {kind} with a {other}.")
