"""Query options as typed values: `$top`, `$skip`, `$count`, `$select`, `$expand`, `$orderby`, ...

Reads and checks what a client asked for, and raises Spark's 400s. What is then answered is
decided in `pages` and `records`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mls_assets.sandbox.access import Role
from mls_assets.sandbox.catalogue import Catalogue
from mls_assets.sandbox.spark import schema
from mls_assets.sandbox.spark.errors import bad_request
from mls_assets.sandbox.spark.filters.binding import bind, kind_of_type
from mls_assets.sandbox.spark.filters.nodes import Expression
from mls_assets.sandbox.spark.filters.parser import parse
from mls_assets.sandbox.spark.filters.planner import refuse_oddities
from mls_assets.sandbox.spark.filters.predicate import Record, compile_predicate, fields_in_filter

DEFAULT_TOP = 10
MAX_TOP: Mapping[Role, int] = {"replication": 1000, "live": 25}
MAX_SKIP = 2_500_000
MAX_FILTER = 8192
"""Characters of a decoded `$filter`: room for the 7 kB of keys that clients send, and bounded."""

LONG_TEXTS = frozenset({"PublicRemarks", "PrivateRemarks", "PrivateOfficeRemarks"})
"""Fields of text too long to be sorted by."""

COLLECTION_OPTIONS = frozenset(
    {"$top", "$skip", "$count", "$select", "$expand", "$orderby", "$filter", "$skiptoken"}
)
ENTITY_OPTIONS = frozenset({"$select", "$expand"})
CHILD_OPTIONS = COLLECTION_OPTIONS - {"$expand", "$skiptoken"}
NESTED_OPTIONS = frozenset({"$top", "$skip", "$select", "$orderby", "$filter"})

_ORDER = re.compile(r"(?P<field>\w+)(?: +(?P<direction>asc|desc))?")
_EXPANSION = re.compile(r"(?P<name>\w+)(?:\((?P<options>.*)\))?", re.DOTALL)


@dataclass(frozen=True)
class Filter:
    """A checked filter: its tree, the fields it reads, and the function that decides."""

    expression: Expression
    fields: frozenset[str]
    matches: Callable[[Record], bool]


@dataclass(frozen=True)
class Order:
    """One sort field; null sorts lowest."""

    field: str
    descending: bool = False


@dataclass(frozen=True)
class Query:
    """What is asked of a collection or an entity.

    top: records on a page; None only inside `$expand`, where all are given.
    select: None means every field. given: the options as they came, for the next link.
    """

    top: int | None = None
    skip: int = 0
    count: bool = False
    select: tuple[str, ...] | None = None
    expand: tuple[Expansion, ...] = ()
    orderby: tuple[Order, ...] = ()
    filter: Filter | None = None
    skiptoken: str | None = None
    given: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Expansion:
    """A navigation to include, with its own query if one stands in parentheses."""

    navigation: str
    query: Query | None = None


def read_query(
    options: Mapping[str, str],
    entity_type: str,
    catalogue: Catalogue,
    role: Role,
    allowed: frozenset[str] = COLLECTION_OPTIONS,
) -> Query:
    """The options as a query on an entity type. Raises a 400 `Refusal` for what doesn't fit."""
    for name in options:
        if name.startswith("$") and name not in allowed:
            raise bad_request(f"The query option {name[:50]} is not supported here.")
    _refuse_combinations(options)
    types = schema.properties(catalogue, entity_type)
    return Query(
        top=_top(options.get("$top"), MAX_TOP[role]),
        skip=_skip(options.get("$skip", "0")),
        count=_count(options.get("$count", "false")),
        select=_select(options.get("$select"), catalogue, entity_type),
        expand=_expand(options.get("$expand"), catalogue, entity_type, role),
        orderby=_orderby(options.get("$orderby"), types),
        filter=_filter(options.get("$filter"), types),
        skiptoken=options.get("$skiptoken"),
        given={name: value for name, value in options.items() if name in allowed},
    )


def _refuse_combinations(options: Mapping[str, str]) -> None:
    if "$expand" in options and ("$orderby" in options or "$skip" in options):
        raise bad_request("$expand cannot be used together with $orderby or $skip.")
    if options.get("$skiptoken") and ("$orderby" in options or "$skip" in options):
        raise bad_request("$skiptoken cannot be used together with $orderby or $skip.")


def _whole_number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise bad_request(f"{name} must be a whole number.")
    return int(text)


def _top(text: str | None, maximum: int) -> int:
    if text is None:
        return DEFAULT_TOP
    top = _whole_number("$top", text)
    if not 0 < top <= maximum:
        raise bad_request(f"$top must be between 1 and {maximum}.")
    return top


def _skip(text: str) -> int:
    skip = _whole_number("$skip", text)
    if skip > MAX_SKIP:
        raise bad_request(f"$skip must not be greater than {MAX_SKIP}.")
    return skip


def _count(text: str) -> bool:
    if text not in ("true", "false"):
        raise bad_request("$count must be true or false.")
    return text == "true"


def _select(text: str | None, catalogue: Catalogue, entity_type: str) -> tuple[str, ...] | None:
    if text is None or text.strip() == "*":
        return None
    known = schema.properties(catalogue, entity_type)
    navigations = schema.navigations(catalogue, entity_type)
    names = dict.fromkeys(name.strip() for name in text.split(","))
    for name in names:
        if name not in known and name not in navigations:
            raise bad_request(f"$select names an unknown field: {name[:100]}.")
    return tuple(name for name in names if name in known)


def _orderby(text: str | None, types: Mapping[str, str]) -> tuple[Order, ...]:
    if text is None:
        return ()
    orders = []
    for part in text.split(","):
        match = _ORDER.fullmatch(part.strip())
        name = match["field"] if match else ""
        if match is None or name not in types:
            raise bad_request(f"$orderby names an unknown field: {part.strip()[:100]}.")
        if name in LONG_TEXTS or kind_of_type(types[name]) == "list":
            raise bad_request(f"$orderby cannot sort by {name}.")
        orders.append(Order(name, match["direction"] == "desc"))
    return tuple(orders)


def _filter(text: str | None, types: Mapping[str, str]) -> Filter | None:
    if text is None:
        return None
    if len(text) > MAX_FILTER:
        raise bad_request(f"The $filter is longer than {MAX_FILTER} characters.")
    expression = bind(parse(text), types)
    refuse_oddities(expression)
    return Filter(expression, fields_in_filter(expression), compile_predicate(expression, types))


def _expand(
    text: str | None, catalogue: Catalogue, entity_type: str, role: Role
) -> tuple[Expansion, ...]:
    if text is None:
        return ()
    navigations = schema.expandable(catalogue, entity_type)
    expansions: dict[str, Expansion] = {}
    for part in _split(text, ","):
        match = _EXPANSION.fullmatch(part.strip())
        if match is None or match["name"] not in navigations:
            raise bad_request(f"$expand names an unknown navigation: {part.strip()[:100]}.")
        name, options = match["name"], match["options"]
        query = None if options is None else _nested(options, navigations[name], catalogue, role)
        expansions[name] = Expansion(name, query)
    return tuple(expansions.values())


def _nested(text: str, entity_type: str, catalogue: Catalogue, role: Role) -> Query:
    pairs = [part.strip().partition("=") for part in _split(text, ";")]
    options = {name: value for name, _, value in pairs}
    query = read_query(options, entity_type, catalogue, role, NESTED_OPTIONS)
    return query if "$top" in options else _without_top(query)


def _without_top(query: Query) -> Query:
    return Query(skip=query.skip, select=query.select, orderby=query.orderby, filter=query.filter)


def _split(text: str, separator: str) -> list[str]:
    """Parts of a list, but for separators inside parentheses or quotes."""
    parts, start, depth, quoted = [], 0, 0, False
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]
