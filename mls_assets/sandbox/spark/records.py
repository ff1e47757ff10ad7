"""Writes entities as the wire shows them: selected fields, expansions, `@odata.id`, envelope.

JSON text is put together from finished pieces where the catalogue has them, since a page of full
records is 25 to 50 MB. Which entities are written is decided in `pages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mls_assets.sandbox.catalogue import Catalogue
from mls_assets.sandbox.spark import schema
from mls_assets.sandbox.spark.addresses import entity
from mls_assets.sandbox.spark.options import Expansion, Query
from mls_assets.sandbox.spark.pages import arrange

ABSOLUTE_CHILDREN = frozenset({"Media"})
"""Navigations whose entities carry an absolute `@odata.id`; all others a relative one."""

_encode = msgspec.json.Encoder().encode


class Writer:
    """Writes the entities of one catalogue under one service root (no slash at its end)."""

    def __init__(self, catalogue: Catalogue, root: str) -> None:
        self._catalogue = catalogue
        self._root = root

    def entity(self, resource: str, key: str, query: Query) -> bytes | None:
        """One entity of an entity set as a JSON object; None if it is not visible."""
        body = self._fields(resource, key, query.select)
        if body is None:
            return None
        pieces = [
            _member(expansion.navigation, self._expanded(resource, key, expansion))
            for expansion in query.expand
        ]
        identity = _encode(f"{self._root}/{entity(resource, key)}")
        return _extended(body, [*pieces, _member("@odata.id", identity)])

    def children(
        self, resource: str, key: str, navigation: str, shown: Sequence[Any], query: Query
    ) -> list[bytes]:
        """Entities under a navigation, with the selected fields."""
        pieces = []
        for child in shown:
            identity = self._child_id(resource, key, navigation, child)
            fields = child if query.select is None else _picked(child, query.select)
            pieces.append(_extended(_encode(fields), [_member("@odata.id", _encode(identity))]))
        return pieces

    def _fields(self, resource: str, key: str, select: tuple[str, ...] | None) -> bytes | None:
        if select is None:
            return self._catalogue.record_json(resource, key)
        head = self._catalogue.head(resource, key)
        if head is None:
            return None
        if head.keys() >= set(select):
            return _encode({name: head[name] for name in select})
        record = self._catalogue.record(resource, key)
        return None if record is None else _encode(_picked(record, select))

    def _expanded(self, resource: str, key: str, expansion: Expansion) -> bytes:
        navigation, query = expansion.navigation, expansion.query
        if navigation == schema.CUSTOM_FIELDS:
            return self._custom_fields(key, query)
        if not has_content(resource, navigation):
            return b"[]"
        if query is None:
            return self._catalogue.children_json(resource, key, navigation, self._root)
        types = schema.properties(
            self._catalogue, schema.navigations(self._catalogue, resource)[navigation]
        )
        children = arrange(self._catalogue.children(resource, key, navigation), query, types)
        end = None if query.top is None else query.skip + query.top
        return array(self.children(resource, key, navigation, children[query.skip : end], query))

    def _custom_fields(self, key: str, query: Query | None) -> bytes:
        """One object in an array, as it was in the first version of the API (assumption 9)."""
        record = self._catalogue.record("Property", key) or {}
        names = self._catalogue.local_names()
        own = {name: value for name, value in record.items() if name.partition("@")[0] in names}
        if query is not None and query.select is not None:
            own = _picked(own, query.select)
        return _encode([own])

    def _child_id(self, resource: str, key: str, navigation: str, child: Mapping[str, Any]) -> str:
        child_type = schema.navigations(self._catalogue, resource)[navigation]
        child_key = child[schema.key_field(self._catalogue, child_type)]
        relative = f"{entity(resource, key)}/{entity(navigation, child_key)}"
        return f"{self._root}/{relative}" if navigation in ABSOLUTE_CHILDREN else relative


def has_content(resource: str, navigation: str) -> bool:
    """Whether a navigation can have entities in this sandbox at all."""
    return resource == "Property" and navigation in schema.FILLED_NAVIGATIONS


def envelope(
    context: str,
    records: Iterable[bytes],
    count: int | str | None = None,
    next_link: str | None = None,
) -> bytes:
    """A collection's answer, its members in Spark's order."""
    pieces = [b'{"@odata.context":', _encode(context)]
    if count is not None:
        pieces += [b',"@odata.count":', _encode(count)]
    if next_link is not None:
        pieces += [b',"@odata.nextLink":', _encode(next_link)]
    return b"".join([*pieces, b',"value":[', *_separated(records), b"]}"])


def single(context: str, body: bytes) -> bytes:
    """An entity's answer: its own members behind the context."""
    return b'{"@odata.context":' + _encode(context) + b"," + body[1:]


def array(items: Iterable[bytes]) -> bytes:
    """JSON texts as one JSON array."""
    return b"[" + b",".join(items) + b"]"


def _separated(items: Iterable[bytes]) -> Iterator[bytes]:
    for position, item in enumerate(items):
        if position:
            yield b","
        yield item


def _picked(record: Mapping[str, Any], select: Sequence[str]) -> dict[str, Any]:
    """The selected fields; a hidden one is told by its annotation, one not sent stays away."""
    picked = {}
    for name in select:
        for shown in (name, f"{name}@Core.Permissions"):
            if shown in record:
                picked[shown] = record[shown]
    return picked


def _member(name: str, value: bytes) -> bytes:
    return _encode(name) + b":" + value


def _extended(body: bytes, members: Sequence[bytes]) -> bytes:
    """A JSON object with further members at its end; the one copy of the body that is made."""
    opened = memoryview(body)[:-1]
    return b"".join([opened, b"," if len(opened) > 1 else b"", *_separated(members), b"}"])
