"""Rows as values: the fields of each class are the columns of its table, by name and by type."""

from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import pytest

from mls_assets.model.declarations import Column, Table
from mls_assets.model.rejected_values import REJECTED_VALUES, RejectedValue
from mls_assets.model.resources import Resource
from mls_assets.model.states import LedgerEvent, ListingEvent, ReplicationState
from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse import FeedState, Walk, Warehouse
from mls_assets.warehouse.landing.landing import StoredPage
from mls_assets.warehouse.schema.raw_tables import PAGES, WALKS
from mls_assets.warehouse.schema.table_rows import insert_row, stored_rows
from mls_assets.warehouse.schema.tables import FEEDS, LEDGER, LISTING_EVENTS, SWEEPS
from mls_assets.warehouse.sweeps import SweepRow
from mls_assets_tests.warehouse.world import FEED, NOON

ROWS: list[tuple[Table, type]] = [
    (FEEDS, FeedState),
    (SWEEPS, SweepRow),
    (WALKS, Walk),
    (PAGES, StoredPage),
    (REJECTED_VALUES, RejectedValue),
]
TYPES: dict[str, Any] = {
    "VARCHAR": str,
    "VARCHAR[]": list[str],
    "BIGINT": int,
    "BOOLEAN": bool,
    "TIMESTAMPTZ": datetime,
}


@pytest.mark.parametrize(("table", "shape"), ROWS)
def test_a_row_has_the_fields_that_its_table_has_columns(table: Table, shape: Any):
    assert tuple(field.name for field in fields(shape)) == table.column_names
    hints = get_type_hints(shape)
    for column in table.columns:
        kinds = [kind for kind in get_args(hints[column.name]) if kind is not type(None)]
        kind = kinds[0] if kinds and column.type != "VARCHAR[]" else hints[column.name]
        if column.type == "VARCHAR[]":
            assert TYPES[column.type] in (hints[column.name], *kinds)
        else:
            assert issubclass(kind, TYPES[column.type]), column.name


def test_a_row_is_read_as_it_was_written_with_its_words_as_members(warehouse: Warehouse):
    state = FeedState(FEED, Resource.MEMBER, ReplicationState.BLOCKED, rows=3, last_poll_at=NOON)
    with warehouse.write() as con:
        insert_row(con, FEEDS, state)
        (found,) = stored_rows(con, FEEDS, FeedState, "feed = ?", [FEED])
    assert found == state
    assert (found.resource, found.state) == (Resource.MEMBER, ReplicationState.BLOCKED)
    assert isinstance(found.state, ReplicationState)
    assert isinstance(found.resource, Resource)


def test_a_row_that_lacks_a_column_is_not_stored(warehouse: Warehouse):
    with warehouse.write() as con:
        with pytest.raises(AttributeError):
            insert_row(con, WALKS, FeedState(FEED, Resource.MEMBER))
        assert stored_rows(con, WALKS, Walk, "true") == []


@pytest.mark.parametrize(
    ("table", "name", "words"),
    [
        (FEEDS, "state", ReplicationState),
        (LEDGER, "event", LedgerEvent),
        (LISTING_EVENTS, "event", ListingEvent),
        (SWEEPS, "verdict", Verdict),
    ],
)
def test_the_comment_of_a_column_names_every_word_in_it(
    table: Table, name: str, words: type[StrEnum]
):
    column: Column = next(each for each in table.columns if each.name == name)
    assert [word for word in words if word not in column.comment] == []
