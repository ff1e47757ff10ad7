"""The whole market of a sandbox: one Spark feed, any number of Forge MLSs, one clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from mls_assets.sandbox.catalogue import Shape
from mls_assets.sandbox.market.clock import SandboxClock
from mls_assets.sandbox.market.delay import Delay
from mls_assets.sandbox.market.event_log import Occurrences
from mls_assets.sandbox.market.forge_feed import ForgeMls
from mls_assets.sandbox.market.spark_changes import SparkChanges
from mls_assets.sandbox.market.spark_feed import SandboxSparkFeed
from mls_assets.sandbox.market.spark_view import SparkView

SPARK_FEED = "spark/default"
MAXIMUM = 1_000_000

_NAMES = {"armls": ("Arizona MLS", ["Arizona"]), "rmls": ("Regional MLS", ["Oregon", "Washington"])}


class Market:
    """Everything that the two protocols show and that the control API changes.

    listings: size of the Spark feed, 1 to 1,000,000.
    forge_listings: size of each MLS on Forge (default: armls half of `listings`, rmls a quarter).
    delay_minutes: how long a change on Spark may stay invisible (0: not at all).
    occurrences: how Forge shows a record with several events (see `event_log`).
    """

    def __init__(
        self,
        listings: int = 2_000,
        seed: int = 1,
        shape: Shape = "v2",
        forge_listings: Mapping[str, int] | None = None,
        delay_minutes: float = 0,
        occurrences: Occurrences = "each",
        real_clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        sizes = forge_listings
        if sizes is None:
            sizes = {"armls": max(1, listings // 2), "rmls": max(1, listings // 4)}
        for name, size in {SPARK_FEED: listings, **sizes}.items():
            if not 1 <= size <= MAXIMUM:
                raise ValueError(f"{name} can have 1 to {MAXIMUM:,} listings, not {size:,}.")
        self.lock = threading.RLock()
        """Held by whoever changes the market; readers don't need it."""
        self.seed = seed
        self.shape: Shape = shape
        self.clock = SandboxClock(real_clock)
        self.delay = Delay(seed, delay_minutes)
        self.occurrences: Occurrences = occurrences
        self.spark_feed = SandboxSparkFeed(seed, SPARK_FEED, listings, self.clock.now, self.delay)
        self.spark = SparkChanges(seed, self.spark_feed)
        self.forge = {key: self._mls(key, size) for key, size in sizes.items()}

    def _mls(self, key: str, size: int) -> ForgeMls:
        name, states = _NAMES.get(key, (f"{key.upper()} MLS", ["Florida"]))
        return ForgeMls(self.seed, key, name, states, size, self.clock.now)

    @property
    def catalogue(self) -> SparkView:
        """The Spark feed as the Spark surface sees it."""
        return SparkView(self.spark_feed, self.shape)
