"""Changes that are not visible at once, as behind Spark's server-side caching."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from typing import Any

from mls_assets.sandbox.world.dice import salt
from mls_assets.sandbox.world.keys import SECOND


class Delay:
    """Applies a change when it becomes visible: up to `minutes` after it was made.

    A change is made with its ModificationTimestamp of then, so it appears late with an old time.
    How late is a function of the seed and the key; changes of one key keep their order. Once
    visible, a change stays visible, even if the clock is moved back.
    """

    def __init__(self, seed: int, minutes: float = 0) -> None:
        self._seed = seed
        self._minutes = minutes
        self._waiting: list[tuple[int, int, Callable[[], Any]]] = []
        self._last_due: dict[str, int] = {}
        self._number = 0
        self._lock = threading.RLock()

    @property
    def minutes(self) -> float:
        """The longest delay that a new change can have."""
        return self._minutes

    @property
    def waiting(self) -> int:
        """How many changes are not visible yet."""
        return len(self._waiting)

    def set(self, minutes: float) -> None:
        """Changes the delay of what comes; 0 also makes everything visible that waits."""
        self._minutes = minutes
        if minutes == 0:
            self.settle(None)

    def submit(self, key: str, now: int, apply: Callable[[], Any]) -> None:
        """Applies a change of `key` now or later; now in microseconds."""
        if self._minutes == 0:
            apply()
            return
        with self._lock:
            longest = int(self._minutes * 60 * SECOND)
            due = max(
                now + salt(self._seed, f"{key}/delay") % (longest + 1), self._last_due.get(key, 0)
            )
            self._number += 1
            self._last_due[key] = due
            heapq.heappush(self._waiting, (due, self._number, apply))

    def settle(self, now: int | None) -> None:
        """Applies what is due (None: everything)."""
        if not self._waiting:
            return
        with self._lock:
            while self._waiting and (now is None or self._waiting[0][0] <= now):
                heapq.heappop(self._waiting)[2]()
            if not self._waiting:
                self._last_due.clear()
