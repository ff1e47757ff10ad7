"""Moves of a person who changes what is asked for, and what has to hold whatever they do.

A wider or narrower question is another one: old rows stay until its download ends, and then the
tables hold what is asked for now, no more and no less. What is not asked for is left alone.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule
from msgspec import structs

from mls_assets.errors import ConfigurationError
from mls_assets_tests.stateful.market import MarketModel

#: The collections of a listing: their table, and the key of its rows.
COLLECTIONS = {
    "Media": ("media", "MediaKey"),
    "Room": ("rooms", "RoomKey"),
    "Unit": ("unit_types", "UnitTypeKey"),
}
QUESTIONS = st.sampled_from(
    [("Media",), ("Media", "Room", "Unit"), ("Unit", "Room", "Media"), ("Room",), ()]
)


class Reconfigured(MarketModel):
    """A feed that is taken out of the configuration now and then, and comes back."""

    @rule(purging=st.booleans())
    def a_run_while_the_feed_is_not_asked_for(self, purging: bool) -> None:
        """Whoever waited while it was taken out is refused, and nothing changes."""
        before = self.stored()
        self.place.asks_for = lambda feed, resource=None: False
        try:
            with pytest.raises(ConfigurationError, match="not configured"):
                self.purge() if purging else self.replicate()
        finally:
            self.place.asks_for = lambda feed, resource=None: True
        self.crashing.arm(0, after_commit=False)
        assert self.stored() == before
        self.note()

    def stored(self) -> dict[str, Any]:
        """All that a reader sees of listings, and the ledger."""
        return {
            table: sorted(map(repr, self.place.rows(f"select * from {table}")))
            for table in ("listings", *(name for name, _ in COLLECTIONS.values()),
                          "deletion_ledger", "rejected_values")
        }  # fmt: skip


class Requestioned(Reconfigured):
    """A Spark feed whose relations and fields are narrowed and widened.

    `told` says that the source tells of every change in time: after moves that hide some from
    every update, only keys can be compared, not values.
    """

    told = True

    @rule(relations=QUESTIONS, narrow=st.booleans())
    def another_question(self, relations: tuple[str, ...], narrow: bool) -> None:
        self.place.spark = structs.replace(
            self.place.spark,
            relations=relations,
            select=("ListPrice", "StandardStatus") if narrow else (),
        )

    def come_to_rest(self) -> None:
        super().come_to_rest()
        asked = self.place.spark.relations
        for name, (table, key) in COLLECTIONS.items():
            here = self.place.rows(f'select "ListingKey", "{key}" from {table}')
            if name not in asked:
                assert here == [], f"{table} is not asked for and stayed"
            elif self.told:
                assert set(here) == set(self.members(name, key)), f"{table} differs"
        if self.told:
            assert self.prices_here() == self.prices_there()

    def members(self, name: str, key: str) -> list[tuple[str, str]]:
        """Each listing that is alive, with each of its members at the source."""
        catalogue = self.sandbox.market.catalogue
        return [
            (listing, member[key])
            for listing in self.alive()
            for member in catalogue.children("Property", listing, name)
        ]

    def prices_here(self) -> dict[str, float | None]:
        found = self.place.rows('select "ListingKey", "ListPrice" from listings')
        return dict(found)  # type: ignore[arg-type]

    def prices_there(self) -> dict[str, float | None]:
        return {key: (self.listings.record(key) or {}).get("ListPrice") for key in self.alive()}


def unseen(move: Callable[..., None]) -> Callable[..., None]:
    """Mark a move that hides changes from updates, for the rest of an example."""

    def moved(self: Requestioned, *args: Any, **kwargs: Any) -> None:
        self.told = False
        move(self, *args, **kwargs)

    moved.__name__ = move.__name__
    return moved
