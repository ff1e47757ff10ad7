"""Which entities stand on a page, in which order, and where the next page begins.

Decides on keys; how a record is written is in `records`. The default order is the key, and a
page's position in it is a key too, so that what comes or goes elsewhere moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from mls_assets.sandbox.catalogue import Catalogue
from mls_assets.sandbox.spark import schema
from mls_assets.sandbox.spark.errors import bad_request
from mls_assets.sandbox.spark.filters.planner import plan
from mls_assets.sandbox.spark.filters.predicate import Record, field_reader
from mls_assets.sandbox.spark.options import Order, Query

PAGED_BY_SKIP = frozenset({"Lookup"})
"""Entity sets whose links carry `$skip` although no order was asked for."""

PageItem = TypeVar("PageItem")


@dataclass(frozen=True)
class ServedPage:
    """keys: on this page, in order. count: if asked for. next_token or next_skip: how the next
    link goes on; both None on the last page.
    """

    keys: list[str]
    count: int | None = None
    next_token: str | None = None
    next_skip: int | None = None


def served_page(catalogue: Catalogue, resource: str, query: Query) -> ServedPage:
    """The page of an entity set that a query asks for. Raises a 400 `Refusal` for a `$skiptoken`
    where pages are counted.
    """
    if query.skiptoken and resource in PAGED_BY_SKIP:
        raise bad_request(f"{resource} is paged by $skip, not by $skiptoken.")
    top = query.top or 1
    count = _count(catalogue, resource, query) if query.count else None
    if query.orderby:
        ordered = _ordered_keys(catalogue, resource, query)
        following: Iterator[str] = iter(ordered[query.skip : query.skip + top + 1])
    else:
        # no key is empty, so that an empty token is the beginning
        matching = _matching(catalogue, resource, query, query.skiptoken or None)
        following = islice(matching, query.skip, query.skip + top + 1)
    keys = list(following)
    more, keys = len(keys) > top, keys[:top]
    if not more:
        return ServedPage(keys, count)
    if query.orderby or resource in PAGED_BY_SKIP:
        return ServedPage(keys, count, next_skip=query.skip + top)
    return ServedPage(keys, count, next_token=keys[-1])


def arrange(children: list[dict[str, Any]], query: Query, types: Mapping[str, str]) -> list[Any]:
    """The children that a query's filter lets through, in its order, without its window."""
    if query.filter is not None:
        children = [child for child in children if query.filter.matches(child)]
    return _sorted(children, query.orderby, types, lambda child: child)


def _count(catalogue: Catalogue, resource: str, query: Query) -> int:
    if query.filter is None:
        return catalogue.count(resource)
    return sum(1 for _ in _matching(catalogue, resource, query, None))


def _matching(
    catalogue: Catalogue, resource: str, query: Query, after: str | None
) -> Iterator[str]:
    """Keys that match, ascending, strictly after a key."""
    wanted = query.filter
    if wanted is None:
        yield from catalogue.keys(resource, after)
        return
    show = _View(catalogue, resource, wanted.fields)
    for key in _candidates(catalogue, resource, query, after):
        record = show(key)
        if record is not None and wanted.matches(record):
            yield key


def _candidates(
    catalogue: Catalogue, resource: str, query: Query, after: str | None
) -> Iterator[str]:
    way = plan(query.filter.expression if query.filter else None, catalogue.key_field(resource))
    if way.keys is not None:
        keys: Iterator[str] = iter(sorted(way.keys))
    elif way.modified_after is not None:
        keys = catalogue.modified_since(resource, way.modified_after)
    else:
        return catalogue.keys(resource, after)
    return keys if after is None else (key for key in keys if key > after)


def _ordered_keys(catalogue: Catalogue, resource: str, query: Query) -> list[str]:
    show = _View(catalogue, resource, frozenset(order.field for order in query.orderby))
    found = [
        (key, record)
        for key in _matching(catalogue, resource, query, None)
        if (record := show(key)) is not None
    ]
    types = schema.properties(catalogue, resource)
    return [key for key, _ in _sorted(found, query.orderby, types, lambda pair: pair[1])]


def _sorted(
    items: Sequence[PageItem],
    orders: Sequence[Order],
    types: Mapping[str, str],
    record_of: Callable[[PageItem], Record],
) -> list[PageItem]:
    """Sorted by the last field first: each sort is stable, so that the first one decides."""
    arranged = list(items)
    for order in reversed(orders):
        read = field_reader(order.field, types[order.field])

        def rank(item: PageItem, read: Callable[[Record], Any] = read) -> tuple[bool, Any]:
            value = read(record_of(item))
            return (False, 0) if value is None else (True, value)

        arranged.sort(key=rank, reverse=order.descending)
    return arranged


class _View:
    """Shows entities by their cheap head where that holds the fields, else by the full record."""

    def __init__(self, catalogue: Catalogue, resource: str, fields: frozenset[str]) -> None:
        self._catalogue = catalogue
        self._resource = resource
        self._fields = fields

    def __call__(self, key: str) -> Record | None:
        head = self._catalogue.head(self._resource, key)
        if head is None or self._fields <= head.keys():
            return head
        return self._catalogue.record(self._resource, key)
