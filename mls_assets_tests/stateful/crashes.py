"""A process that dies at a chosen moment: before or after a commit of the warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from mls_assets.warehouse import Connection, Warehouse


class Crash(BaseException):
    """Nothing catches this, as nothing catches a SIGKILL; locks and transactions end with it."""


class Crashing:
    """Lets the n-th write from now on be the last, with its transaction kept or lost."""

    def __init__(self) -> None:
        self.writes_left = 0
        self.after_commit = False

    def arm(self, writes: int, *, after_commit: bool) -> None:
        """Die at the n-th write; 0 disarms."""
        self.writes_left, self.after_commit = writes, after_commit

    def _due(self) -> bool:
        self.writes_left -= 1
        return self.writes_left == 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Put this in the way of every write of every warehouse."""
        write = Warehouse.write

        @contextmanager
        def dying(warehouse: Warehouse) -> Iterator[Connection]:
            due = self._due()
            with write(warehouse) as con:
                yield con
                if due and not self.after_commit:
                    raise Crash
            if due:
                raise Crash

        with patch.object(Warehouse, "write", dying):
            yield
