"""A Forge MLS under a log, a network and a process that do what they like."""

import json
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from mls_assets.model.resources import Resource
from mls_assets.replication.settings import ForgeSettings
from mls_assets.warehouse.storage import arrow
from mls_assets_tests.replication.place import ARMLS
from mls_assets_tests.stateful.configuring import Reconfigured
from mls_assets_tests.stateful.market import FEW
from mls_assets_tests.stateful.profiles import EXAMPLES, running

#: Without 429 and the log that never ends, whose waits are long on purpose.
FAULTS = (
    *("status_401", "status_500_html", "status_502", "errors_null_data"),
    *("mls_null", "errors_with_data", "cursor_back", "bad_record"),
    *("tombstone_without_key", "truncated_body"),
)


class ForgeMarket(Reconfigured):
    """Whatever becomes of the schema, a listing keeps every field that it ever had."""

    feed = ARMLS
    comes_through = False  # a log that was reset may bring a replay that the guard holds back

    def configure(self) -> None:
        self.fields: dict[str, frozenset[str]] = {}
        self.place.forge_settings = ForgeSettings(patience_seconds=0.05)

    def replicate(self) -> Any:
        return self.place.follow(ARMLS)

    def purge(self, **how: Any) -> Any:
        return self.place.replay(ARMLS, Resource.PROPERTY, **how)

    def hold_promises(self) -> None:
        super().hold_promises()
        found = self.place.rows("select record_key, body, size from raw.records")
        for key, body, size in found:
            told = frozenset(json.loads(arrow.unpacked(body, size)))
            lost = self.fields.get(key, told) - told
            assert not lost, f"{key} lost {sorted(lost)}"
            self.fields[key] = told

    @rule(count=FEW)
    def restore(self, count: int) -> None:
        self.act("restore", count=count)

    @rule(count=st.integers(1, 900))
    def the_log_skips_ids(self, count: int) -> None:
        self.place.control("skip_events", feed=ARMLS, resource="Property", count=count)

    @rule(name=st.sampled_from(FAULTS), after=st.integers(0, 3), times=st.integers(0, 2))
    def fault(self, name: str, after: int, times: int) -> None:
        self.place.fault(name, "forge", resource="listings", after=after, times=times)

    @rule(refused=st.booleans(), status=st.sampled_from([200, 400]), times=st.integers(0, 2))
    def the_schema_is_lost(self, refused: bool, status: int, times: int) -> None:
        """Introspection is refused, or a page of maintenance answers it."""
        name = "query_refused" if refused else "html_200"
        self.place.fault(name, "forge", resource="schema", status=status, times=times)

    @rule(times=st.integers(0, 2), drop=st.sampled_from([["City"], ["LivingArea", "Photos"]]))
    def the_schema_is_cut(self, times: int, drop: list[str]) -> None:
        self.place.fault("schema_cut", "forge", resource="schema", drop=drop, times=times)

    @rule()
    def the_network_recovers(self) -> None:
        self.sandbox.faults.clear()


@pytest.mark.long
@pytest.mark.timeout(7200)
class TestForgeMarket(ForgeMarket.TestCase):
    """After each quiet point local is the source, and nothing alive was ever removed."""

    settings = running(EXAMPLES // 3)
