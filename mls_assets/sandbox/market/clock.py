"""The sandbox's time: real UTC, moved or stopped by whoever tests with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """A clock that can be moved forward and back, and frozen.

    real: the clock that it leans on.
    """

    def __init__(self, real: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._real = real
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """The sandbox time, aware and in UTC."""
        return self._frozen if self._frozen is not None else self._real() + self._offset

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen is not None

    def advance(self, by: timedelta) -> None:
        """Moves the clock, back if `by` is negative."""
        self.set(self.now() + by)

    def set(self, moment: datetime) -> None:
        """Sets the clock to an aware datetime; a running clock runs on from there."""
        moment = moment.astimezone(UTC)
        if self._frozen is not None:
            self._frozen = moment
        else:
            self._offset = moment - self._real()

    def freeze(self, moment: datetime | None = None) -> None:
        """Stops the clock, now or at a moment."""
        self._frozen = (moment or self.now()).astimezone(UTC)

    def run(self) -> None:
        """Lets a frozen clock run on from where it stands."""
        if self._frozen is not None:
            stood, self._frozen = self._frozen, None
            self.set(stood)

    def reset(self) -> None:
        """Back to real time."""
        self._offset = timedelta(0)
        self._frozen = None
