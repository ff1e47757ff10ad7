"""The syntax tree of a `$filter`, and how a tree is written back as text.

Values only: reading is in `parser`, meaning in `binding` and `predicate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import UnionType

LiteralValue = str | int | float | bool | datetime | date | None
Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class FieldNode:
    """A property of the entity; alone it stands for a boolean."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. Timestamps are aware and in UTC."""

    value: LiteralValue


@dataclass(frozen=True, slots=True)
class Call:
    """A function of text: contains, startswith, endswith, tolower or toupper."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Intersects:
    """geo.intersects(field, polygon): rings of (longitude, latitude), further rings are holes."""

    field: str
    rings: tuple[Ring, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """left operator right, the operator one of eq ne gt ge lt le."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Membership:
    """item in (options)."""

    item: Expression
    options: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """not operand."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class And:
    """Two or more operands of which all must hold."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more operands of which one must hold."""

    operands: tuple[Expression, ...]


Expression = FieldNode | Literal | Call | Intersects | Comparison | Membership | Not | And | Or


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and everything under it."""
    yield expression
    for child in _children(expression):
        yield from walk(child)


def _children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case And(operands) | Or(operands):
            return operands
        case Not(operand):
            return (operand,)
        case Comparison(_, left, right):
            return (left, right)
        case Membership(item, options):
            return (item, *options)
        case Call(_, arguments):
            return arguments
    return ()


def to_text(expression: Expression) -> str:
    """The expression in the filter language, with no parenthesis more than it needs."""
    match expression:
        case FieldNode(name):
            return name
        case Literal(value):
            return literal_text(value)
        case Call(name, arguments):
            return f"{name}({','.join(map(to_text, arguments))})"
        case Intersects(field, rings):
            return f"geo.intersects({field}, geography'POLYGON({','.join(map(_ring, rings))})')"
        case Comparison(operator, left, right):
            return f"{to_text(left)} {operator} {to_text(right)}"
        case Membership(item, options):
            return f"{to_text(item)} in ({','.join(map(to_text, options))})"
        case Not(operand):
            atom = isinstance(operand, FieldNode | Call | Intersects)
            return f"not {to_text(operand)}" if atom else f"not ({to_text(operand)})"
        case And(operands):
            return " and ".join(_grouped(operand, And | Or) for operand in operands)
        case Or(operands):
            return " or ".join(_grouped(operand, Or) for operand in operands)


def literal_text(value: LiteralValue) -> str:
    """A constant as the filter language writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
    return repr(value)


def _ring(ring: Ring) -> str:
    return "(" + ",".join(f"{longitude!r} {latitude!r}" for longitude, latitude in ring) + ")"


def _grouped(operand: Expression, looser: type | UnionType) -> str:
    text = to_text(operand)
    return f"({text})" if isinstance(operand, looser) else text
