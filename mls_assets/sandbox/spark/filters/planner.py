"""What a bound `$filter` tells about where to look, and which filters real Spark refuses.

Pure decisions on the tree; reading the catalogue is in `pages`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mls_assets.sandbox.spark.errors import bad_request
from mls_assets.sandbox.spark.filters.nodes import (
    And,
    Comparison,
    Expression,
    FieldNode,
    Literal,
    Membership,
    Or,
    walk,
)

CLOCK = "ModificationTimestamp"
_GRAIN = timedelta(seconds=1)
_LOWER, _UPPER = ("gt", "ge"), ("lt", "le")
_MIRRORED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge", "eq": "eq", "ne": "ne"}


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """Where matching entities can be; the predicate still has the last word.

    keys: no other key can match (None: any key can). modified_after: nothing with an older
    ModificationTimestamp can match (None: no bound); a second wider than the filter, so that
    it may be compared with times of any precision.
    """

    keys: frozenset[str] | None = None
    modified_after: datetime | None = None


def plan(expression: Expression | None, key_field: str) -> QueryPlan:
    """The cheapest way in that the filter allows."""
    if expression is None:
        return QueryPlan()
    return QueryPlan(_pinned_keys(expression, key_field), _modified_after(expression))


def refuse_oddities(expression: Expression) -> None:
    """Raises the 400s that were observed on real Spark for filters that OData would allow.

    Two lower bounds by `gt` on ModificationTimestamp, and a window in which nothing can lie.
    (Doubled parentheses, the third kind, are refused by the parser.)
    """
    clauses = [
        clause
        for part in walk(expression)
        if isinstance(part, Comparison) and (clause := _clock_clause(part))
    ]
    if sum(symbol == "gt" for symbol, _ in clauses) > 1:
        raise bad_request(f"The $filter has more than one `{CLOCK} gt`.")
    conjuncts = expression.operands if isinstance(expression, And) else (expression,)
    window = [
        clause
        for part in conjuncts
        if isinstance(part, Comparison) and (clause := _clock_clause(part))
    ]
    for lower, start in window:
        for upper, end in window:
            if lower not in _LOWER or upper not in _UPPER:
                continue
            if start > end or (start == end and (lower, upper) != ("ge", "le")):
                raise bad_request(f"The $filter has an empty window of {CLOCK}.")


def _clock_clause(found: Comparison) -> tuple[str, datetime] | None:
    """(operator, bound) of a comparison of the ModificationTimestamp with a constant."""
    match found:
        case Comparison(symbol, FieldNode(name), Literal(value)):
            pass
        case Comparison(symbol, Literal(value), FieldNode(name)):
            symbol = _MIRRORED[symbol]
        case _:
            return None
    return (symbol, value) if name == CLOCK and isinstance(value, datetime) else None


def _pinned_keys(expression: Expression, key_field: str) -> frozenset[str] | None:
    match expression:
        case Comparison("eq", FieldNode(name), Literal(str() as key)) | Comparison(
            "eq", Literal(str() as key), FieldNode(name)
        ) if name == key_field:
            return frozenset({key})
        case Membership(FieldNode(name), options) if name == key_field:
            return frozenset(each.value for each in options if isinstance(each.value, str))
        case And(operands):
            pinned = [_pinned_keys(operand, key_field) for operand in operands]
            return min((keys for keys in pinned if keys is not None), key=len, default=None)
        case Or(operands):
            pinned = [_pinned_keys(operand, key_field) for operand in operands]
            return _union(pinned)
    return None


def _union(pinned: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    union: frozenset[str] = frozenset()
    for keys in pinned:
        if keys is None:
            return None
        union |= keys
    return union


def _modified_after(expression: Expression) -> datetime | None:
    match expression:
        case Comparison():
            clause = _clock_clause(expression)
            if clause is None or clause[0] not in (*_LOWER, "eq"):
                return None
            return _a_second_before(clause[1])
        case And(operands):
            bounds = [bound for each in operands if (bound := _modified_after(each))]
            return max(bounds, default=None)
        case Or(operands):
            bounds = [_modified_after(each) for each in operands]
            known = [bound for bound in bounds if bound]
            return min(known) if len(known) == len(bounds) else None
    return None


def _a_second_before(moment: datetime) -> datetime | None:
    try:
        return moment - _GRAIN
    except OverflowError:
        return None
