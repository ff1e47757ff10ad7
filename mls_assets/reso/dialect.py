"""What a source does in its own way with a record's fields, as one value that it declares.

The rules themselves stand with the sources; what they have in common is decided here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import Resource
from mls_assets.reso.filing import FieldMapping
from mls_assets.reso.rejects import Rejects
from mls_assets.reso.rows import Rows


@dataclass(frozen=True, slots=True)
class TakenApart:
    """Rows of another resource's table that stood inside of listings.

    `frame` has the columns of that table; they replace the sets of `listings`, also if none came.
    """

    resource: Resource
    frame: pl.DataFrame
    listings: list[str]


class TakeApart(Protocol):
    """Reads what is no column: sets columns of these rows, or returns rows of other tables."""

    def __call__(self, feed: FeedName, rows: Rows, rejects: Rejects) -> Sequence[TakenApart]:
        """Change the columns in place; what does not fit goes to the rejects."""
        ...


def _same(name: str) -> str:
    return name


def _nothing(feed: FeedName, rows: Rows, rejects: Rejects) -> Sequence[TakenApart]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialect:
    """How a source's records are read.

    `filing` says what each field of a resource is. `label` makes a custom field's name readable.
    `filled_from` names, for RESO's fields that may be absent, the source's own which fill them.
    With `annotates_withheld` the columns that it hides are told in the records. With
    `feed_is_mls` all records of a feed belong to the MLS of its name; else each says its own.
    `take_apart` reads what is no column.
    """

    filing: Callable[[Resource], FieldMapping]
    label: Callable[[str], str] = _same
    filled_from: Mapping[Resource, Mapping[str, str]] = field(default_factory=dict)
    annotates_withheld: bool = False
    feed_is_mls: bool = False
    take_apart: TakeApart = _nothing

    def mls_of(self, feed: FeedName, named: Sequence[str | None]) -> list[str]:
        """Return the MLS of each record, from the OriginatingSystemName that it gives."""
        if self.feed_is_mls:
            return [feed.mls] * len(named)
        return [name if name and name.strip() else feed.mls for name in named]
