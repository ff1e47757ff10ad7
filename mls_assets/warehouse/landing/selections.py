"""What a GraphQL feed was asked for of its records: a part of its question, and its measure.

Where nothing was noted, the records that are stored tell which fields came. Nothing is decided.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from datetime import datetime

import msgspec

from mls_assets.model.declarations import Selection
from mls_assets.model.resources import Resource
from mls_assets.warehouse.storage import arrow
from mls_assets.warehouse.storage.queries import Connection, rows, wide_rows

_COLUMNS = ", ".join(field.name for field in fields(Selection))
#: Of the records that were stored first, and of those stored last, so many are looked into.
_SAMPLE = 250


def last_selection(con: Connection, feed: str, resource: Resource) -> Selection | None:
    """Return what was asked for last, None if that was never noted."""
    found = rows(
        con,
        f"select {_COLUMNS} from raw.selections where feed = ? and resource = ?",
        [feed, resource],
    )
    if not found:
        return None
    query, asked, *others = found[0]
    return Selection(query, tuple(asked), *others)


def note_selection(
    con: Connection, feed: str, resource: Resource, asked: Selection, moment: datetime
) -> None:
    """Note what is asked for from now on."""
    forget_selection(con, feed, resource)
    query, names, *others = astuple(asked)
    con.execute(
        f"insert into raw.selections (feed, resource, {_COLUMNS}, noted_at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [feed, resource, query, list(names), *others, moment],
    )


def forget_selection(con: Connection, feed: str, resource: Resource | None = None) -> None:
    """Forget what was asked of a feed, or of one resource of it."""
    con.execute(
        "delete from raw.selections where feed = ? and resource = coalesce(?, resource)",
        [feed, resource],
    )


@dataclass(frozen=True, slots=True)
class StoredFields:
    """The fields that a sample of the stored records has: in any of them, and in each."""

    ever: frozenset[str]
    always: frozenset[str]


def stored_fields(con: Connection, feed: str, resource: Resource) -> StoredFields | None:
    """Return which fields the stored records have, by a sample; None if there are no records."""
    found = []
    for order in ("page_id, record_key", "page_id desc, record_key desc"):
        found += wide_rows(
            con,
            "body, size",
            "raw.records",
            f"where feed = ? and resource = ? order by {order} limit {_SAMPLE}",
            [feed, resource],
        )
    if not found:
        return None
    named = [frozenset(_members(arrow.unpacked(body, size))) for body, size in found]
    return StoredFields(frozenset().union(*named), named[0].intersection(*named[1:]))


def _members(body: bytes) -> Mapping[str, msgspec.Raw]:
    return msgspec.json.decode(body, type=dict[str, msgspec.Raw])
