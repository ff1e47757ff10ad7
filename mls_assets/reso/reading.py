"""Landed JSON objects of one resource to typed columns, and what didn't fit to the rejects.

Holds for records and children alike. Keys, the MLS and child sets are `normalise`'s.
"""

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Raw

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import Resource
from mls_assets.reso import dictionary, tables
from mls_assets.reso.decode import column, series
from mls_assets.reso.dialect import Dialect
from mls_assets.reso.filing import FieldMapping
from mls_assets.reso.rejects import LandedItem, Rejects
from mls_assets.reso.rows import Rows, origin
from mls_assets.reso.split import RecordParser


@lru_cache(maxsize=64)
def _parser(filing: FieldMapping, feed: str) -> RecordParser:
    """A parser for each feed, since each has custom fields of its own."""
    return RecordParser(filing)


def read_rows(
    dialect: Dialect,
    feed: FeedName,
    resource: Resource,
    items: Sequence[LandedItem],
    rejects: Rejects,
) -> Rows:
    """Split and decode items; every one that is a JSON object becomes a row."""
    split = _parser(dialect.filing(resource), feed).split([item.body for item in items])
    for position, problem in split.broken:
        rejects.add(resource, items[position], None, items[position].body, problem)
    for position, name, token in split.superseded:
        problem = "the field came more than once; the last one counts"
        rejects.add(resource, items[position], name, token, problem)
    for position, name, token, problem in split.unusable:
        rejects.add(resource, items[position], name, token, problem)
    kept = [items[position] for position in split.rows]
    filled_from = dialect.filled_from.get(resource, {})
    filled = {
        name: _fill(split.columns[name], split.columns[own]) for name, own in filled_from.items()
    }
    columns = origin(feed, kept)
    for name, field in dictionary.fields_of(resource).items():
        tokens = split.columns[name]
        columns[name], misfits = column(field, tokens)
        for position, problem in misfits:
            if position in filled.get(name, ()):
                problem = f"{problem} (sent as {filled_from[name]})"
            rejects.add(resource, kept[position], name, bytes(tokens[position] or b""), problem)
    columns[tables.LOCAL_FIELDS] = series(tables.LOCAL_FIELDS, split.local, "JSON")
    if dialect.annotates_withheld:
        columns[tables.HIDDEN_FIELDS] = series(tables.HIDDEN_FIELDS, split.hidden, "VARCHAR[]")
    return Rows(resource, kept, columns, split.columns)


def _fill(tokens: list[Raw | None], others: list[Raw | None]) -> set[int]:
    """Fill a RESO column from the source's own field, in place; return the positions filled."""
    positions = {
        position
        for position, (token, other) in enumerate(zip(tokens, others, strict=True))
        if other is not None and (token is None or bytes(token) == b"null")
    }
    for position in positions:
        tokens[position] = others[position]
    return positions
