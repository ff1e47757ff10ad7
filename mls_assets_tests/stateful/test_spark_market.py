"""A Spark feed under a market, a network and a process that do what they like."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from mls_assets.model.resources import Resource
from mls_assets.replication.settings import SparkSettings
from mls_assets_tests.replication.place import SPARK
from mls_assets_tests.stateful.configuring import COLLECTIONS, Requestioned, unseen
from mls_assets_tests.stateful.market import FEW
from mls_assets_tests.stateful.profiles import EXAMPLES, running

#: Pages of four, so that a dozen listings are a walk; a broken host is given up soon.
SETTINGS = SparkSettings(page_size=4, relations_page_size=4, patience_seconds=0.05)

FAULTS = (
    *("status_401", "status_403_1021", "status_404", "status_500_1026", "status_502"),
    *("status_503_1024", "html_200", "expired_skiptoken", "drop_connection", "empty_page"),
    *("page_without_link", "link_loop", "link_elsewhere", "duplicate_page", "missing_key"),
    *("numeric_key", "null_key", "count_off", "order_broken", "nan_value", "truncated_body"),
    *("count_missing", "count_text", "top_limits_all"),
)


class SparkMarket(Requestioned):
    feed = SPARK

    def configure(self) -> None:
        self.place.settings = SETTINGS
        self.once_told: defaultdict[tuple[str, str], set[frozenset[str]]] = defaultdict(set)

    def alive(self) -> set[str]:
        # a listing whose status is Delete is still served, and gone all the same
        listings = self.listings
        return {
            key
            for key in listings.keys()
            if (listings.record(key) or {}).get("StandardStatus") != "Delete"
        }

    def note(self) -> None:
        super().note()
        catalogue = self.sandbox.market.catalogue
        for listing in self.listings.keys():
            for name, (table, key) in COLLECTIONS.items():
                items = catalogue.children("Property", listing, name)
                self.once_told[table, listing].add(frozenset(item[key] for item in items))

    def attempt(self, work: Callable[[], Any]) -> Any:
        self.note()
        return super().attempt(work)

    def hold_promises(self) -> None:
        """Also: a collection of a listing is a set that it once had, never a part of one."""
        super().hold_promises()
        for table, key in COLLECTIONS.values():
            here = self.place.rows(f'select "ListingKey", list("{key}") from {table} group by all')
            for listing, members in here:
                once = self.once_told[table, listing]
                assert frozenset(members) in once, f"the {table} of {listing} were cut"

    def replicate(self) -> Any:
        (done,) = self.place.replicate(Resource.PROPERTY)
        return done

    def purge(self, **how: Any) -> Any:
        return self.place.purge(Resource.PROPERTY, **how)

    @rule(count=FEW, touch=st.booleans())
    def restore(self, count: int, touch: bool) -> None:
        self.act("restore", count=count, touch=touch)

    @rule(count=FEW)
    @unseen
    def change_unnoticed(self, count: int) -> None:
        """A change that is dated back: no update ever asks for it."""
        self.act("change", count=count, what="price", touch=False)

    @rule(count=st.integers(1, 2))
    def delete_by_status(self, count: int) -> None:
        self.act("change", count=count, what="status", to="Delete")

    @rule(count=st.integers(1, 2))
    def back_on_market(self, count: int) -> None:
        deleted = sorted(set(self.listings.keys()) - self.alive())[:count]
        if deleted:
            self.act("change", keys=deleted, what="status", to="Active")

    @rule(count=FEW)
    def change_photos(self, count: int) -> None:
        self.act("change", count=count, what="photos")

    @rule(how=st.sampled_from(["hidden", "absent", "null"]), times=st.integers(0, 3))
    def signals_are_hidden(self, how: str, times: int) -> None:
        self.place.fault("signals_hidden", resource="Property", times=times, how=how)

    @rule(
        told_by=st.sampled_from(["link", "link_401", "count", "elsewhere"]), keep=st.integers(0, 3)
    )
    def collections_are_cut(self, told_by: str, keep: int) -> None:
        self.place.fault(
            "collections_cut",
            resource="Property",
            match="$expand",
            times=0,
            keep=keep,
            told_by=told_by,
        )

    @rule(how=st.sampled_from(["empty_left_out", "collections_empty"]))
    def collections_are_left_out(self, how: str) -> None:
        self.place.fault(how, resource="Property", match="$expand", times=0, how="absent")

    @rule(minutes=st.sampled_from([-90, -10, -1, 1, 15, 60, 60 * 24 * 3]))
    @unseen
    def the_clock_jumps(self, minutes: int) -> None:
        self.place.control("clock", advance_minutes=minutes)

    @rule(minutes=st.sampled_from([0, 5, 19]))
    @unseen
    def rows_become_visible_late(self, minutes: int) -> None:
        self.place.control("settings", delay_minutes=minutes)
        self.note()

    @rule(name=st.sampled_from(FAULTS), after=st.integers(0, 5), times=st.integers(0, 2))
    def fault(self, name: str, after: int, times: int) -> None:
        self.place.fault(name, resource="Property", after=after, times=times, by=-2)

    @rule()
    def the_network_recovers(self) -> None:
        self.sandbox.faults.clear()

    def calm(self) -> None:
        self.place.control("settings", delay_minutes=0)
        self.note()


@pytest.mark.long
@pytest.mark.timeout(7200)
class TestSparkMarket(SparkMarket.TestCase):
    """After each quiet point local is the source, and nothing alive was ever removed."""

    settings = running(EXAMPLES // 2)


@pytest.mark.long
@pytest.mark.timeout(7200)
class TestSparkMarketAgain(SparkMarket.TestCase):
    """The other half of the examples, beside the first where there are two processors."""

    settings = running(EXAMPLES - EXAMPLES // 2)
