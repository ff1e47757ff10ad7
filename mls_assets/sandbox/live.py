"""A market that moves by itself: a few changes, additions and removals every minute."""

from __future__ import annotations

import asyncio

from mls_assets.sandbox.market.market import Market
from mls_assets.sandbox.world.dice import Dice, salt

_MOVES = {
    "price": 40,
    "status": 18,
    "photos": 14,
    "remarks": 8,
    "add": 8,
    "remove": 5,
    "relist": 2,
    "restore": 2,
    "people": 3,
}
DEFAULT_RATE = 30.0
"""Moves per minute of `--live`; each concerns one record on Spark and one on Forge."""


class Mover:
    """Makes the moves one after another; which ones is decided by the seed."""

    def __init__(self, market: Market, per_minute: float = DEFAULT_RATE) -> None:
        self._market = market
        self._pause = 60 / per_minute
        self._salt = salt(market.seed, "live")
        self._number = 0

    def move(self) -> str:
        """One move on each source; returns what it was."""
        self._number += 1
        dice = Dice(self._salt, self._number)
        what = dice.weighted(_MOVES)
        mls = (
            self._market.forge[dice.pick(sorted(self._market.forge))]
            if self._market.forge
            else None
        )
        with self._market.lock:
            self._move_spark(what)
            if mls is not None:
                self._move_forge(what, mls.key)
        return what

    def _move_spark(self, what: str) -> None:
        spark = self._market.spark
        if what == "add":
            spark.add("Property", 1)
        elif what == "remove":
            spark.remove("Property", spark.choose("Property", 1))
        elif what == "relist":
            spark.relist(spark.choose("Property", 1, ["Active"]))
        elif what == "restore":
            spark.restore("Property", spark.removed("Property")[:1])
        elif what == "people":
            spark.change("Member", spark.choose("Member", 1), None)
        else:
            spark.change("Property", spark.choose("Property", 1), what)

    def _move_forge(self, what: str, key: str) -> None:
        listings = self._market.forge[key].records["listings"]
        agents = self._market.forge[key].records["agents"]
        if what == "add":
            listings.add(1)
        elif what == "remove":
            listings.remove(listings.choose(1))
        elif what == "relist":
            listings.relist(listings.choose(1))
        elif what == "restore":
            listings.restore(sorted(listings.gone)[:1])
        elif what == "people":
            agents.change(agents.choose(1), None)
        else:
            listings.change(listings.choose(1), what)

    async def run(self) -> None:
        """Moves until cancelled."""
        while True:
            await asyncio.sleep(self._pause)
            self.move()
