"""Reads the text of a `$filter` into a syntax tree, by recursive descent.

Grammar only: whether a field exists and what fits what is checked in `binding`. One refusal of
real Spark sits here because the tree does not show it any more: parentheses that are doubled.

    or      := and ("or" and)*
    and     := term ("and" term)*
    term    := "not" term | "(" or ")" | operand [compare operand | "in" "(" literal, ... ")"]
    operand := literal | field | function "(" operand, ... ")"
"""

from __future__ import annotations

import math
import re

from mls_assets.sandbox.spark.errors import Refusal, bad_request
from mls_assets.sandbox.spark.filters.moments import day, parse_moment
from mls_assets.sandbox.spark.filters.nodes import (
    And,
    Call,
    Comparison,
    Expression,
    FieldNode,
    Intersects,
    Literal,
    LiteralValue,
    Membership,
    Not,
    Or,
    Ring,
)
from mls_assets.sandbox.spark.filters.tokens import Token, tokenize

COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
FUNCTIONS = {"contains": 2, "startswith": 2, "endswith": 2, "tolower": 1, "toupper": 1}
CONSTANTS = {"null": None, "true": True, "false": False}
RESERVED = COMPARISONS | {"and", "or", "not", "in"}
MAX_DEPTH = 50
"""How deep parentheses, `not` and functions may nest."""

_POLYGON = re.compile(r"(?:SRID=\d+;)?\s*POLYGON\s*\((.*)\)\s*", re.IGNORECASE)
_RING = re.compile(r"\(([^()]*)\)")


def parse(text: str) -> Expression:
    """The tree of a `$filter`. Raises a 400 `Refusal` that names the position of the trouble."""
    parser = _Parser(tokenize(text))
    expression = parser.disjunction()
    parser.expect("end")
    return expression


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0
        self._last_group = (-1, -1)

    # -- reading tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _follows(self, kind: str, *texts: str) -> bool:
        return self._next.kind == kind and (not texts or self._next.text in texts)

    def expect(self, kind: str, *texts: str) -> Token:
        """Takes the next token if it is what the grammar wants here."""
        if not self._follows(kind, *texts):
            raise self._unexpected()
        return self._take()

    def _unexpected(self) -> Refusal:
        return bad_request(f"The $filter is not valid at position {self._next.start}.")

    # -- the grammar

    def disjunction(self) -> Expression:
        operands = [self._conjunction()]
        while self._follows("name", "or"):
            self._take()
            operands.append(self._conjunction())
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _conjunction(self) -> Expression:
        operands = [self._term()]
        while self._follows("name", "and"):
            self._take()
            operands.append(self._term())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _term(self) -> Expression:
        self._descend()
        try:
            if self._follows("name", "not"):
                return self._negation()
            if self._follows("mark", "("):
                return self._group()
            return self._statement()
        finally:
            self._depth -= 1

    def _negation(self) -> Expression:
        self._take()
        if self._follows("name", "not") or self._follows("mark", "("):
            return Not(self._term())
        operand = self._operand()
        if self._follows("name", *COMPARISONS, "in"):
            raise bad_request("In $filter, `not` needs parentheses around a comparison.")
        return Not(operand)

    def _group(self) -> Expression:
        start = self._at
        self._take()
        inside = self.disjunction()
        end = self._at
        self.expect("mark", ")")
        if self._last_group == (start + 1, end - 1):
            raise bad_request("The $filter has doubled parentheses.")
        self._last_group = (start, end)
        return inside

    def _statement(self) -> Expression:
        left = self._operand()
        if self._follows("name", *COMPARISONS):
            return Comparison(self._take().text, left, self._operand())
        if self._follows("name", "in"):
            self._take()
            return Membership(left, self._options())
        return left

    def _options(self) -> tuple[Literal, ...]:
        self.expect("mark", "(")
        options = [self._literal()]
        while self._follows("mark", ","):
            self._take()
            options.append(self._literal())
        self.expect("mark", ")")
        return tuple(options)

    def _operand(self) -> Expression:
        if not self._follows("name") or self._next.text in CONSTANTS:
            return self._literal()
        if self._next.text in RESERVED:
            raise self._unexpected()
        name = self._take()
        if not self._follows("mark", "("):
            return FieldNode(name.text)
        return self._call(name)

    def _call(self, name: Token) -> Expression:
        if name.text != "geo.intersects" and name.text not in FUNCTIONS:
            raise bad_request(f"The $filter calls an unknown function at position {name.start}.")
        self._descend()
        self.expect("mark", "(")
        if name.text == "geo.intersects":
            field = self.expect("name").text
            self.expect("mark", ",")
            call: Expression = Intersects(field, _rings(self.expect("shape")))
        else:
            arguments = [self._operand()]
            for _ in range(FUNCTIONS[name.text] - 1):
                self.expect("mark", ",")
                arguments.append(self._operand())
            call = Call(name.text, tuple(arguments))
        self.expect("mark", ")")
        self._depth -= 1
        return call

    def _literal(self) -> Literal:
        token = self._take()
        try:
            return Literal(_value(token))
        except (ValueError, KeyError):
            self._at -= 1
            raise self._unexpected() from None

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise bad_request(f"The $filter is nested more than {MAX_DEPTH} levels deep.")


def _value(token: Token) -> LiteralValue:
    match token.kind:
        case "string":
            return token.text[1:-1].replace("''", "'")
        case "moment":
            return parse_moment(token.text)
        case "date":
            return day(token.text)
        case "number" if token.text.lstrip("-").isdigit():
            return int(token.text)
        case "number":
            number = float(token.text)
            if not math.isfinite(number):
                raise ValueError(token.text)
            return number
        case "name":
            return CONSTANTS[token.text]
    raise ValueError(token.text)


def _rings(token: Token) -> tuple[Ring, ...]:
    shape = _POLYGON.fullmatch(token.text[len("geography'") : -1])
    rings = [_ring(found) for found in _RING.findall(shape.group(1))] if shape else []
    if not rings or any(len(ring) < 4 or ring[0] != ring[-1] for ring in rings):
        raise bad_request(f"The $filter has no closed POLYGON at position {token.start}.")
    return tuple(rings)


def _ring(text: str) -> Ring:
    points = []
    for point in text.split(","):
        try:
            longitude, latitude = map(float, point.split())
        except ValueError:
            return ()
        points.append((longitude, latitude))
    return tuple(points)
