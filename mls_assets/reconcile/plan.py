"""What a proven sweep means for the local keys. Pure: two sorted streams in, a plan out.

Only differences are held in memory, so a million equal keys cost nothing but the walk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A local key; `known_before` is false if any answer brought it since the sweep began."""

    key: str
    known_before: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs between the source's keys and ours.

    `absent`: known here before the sweep and not in it: suspects, in order.
    `arrived`: here since the sweep began and not in it: no suspects, named as changed.
    `missing`: in the sweep but not here: to be fetched.
    """

    local: int
    source: int
    absent: tuple[str, ...]
    arrived: tuple[str, ...]
    missing: tuple[str, ...]


def make_plan(local: Iterable[LocalKey], source: Iterable[str], *, common: int = 0) -> Plan:
    """Merge two streams of distinct keys, both in bytewise order, into a plan.

    `common` counts keys that are on both sides and were left out of both streams. Raises
    ValueError when a stream is out of order: a plan from unsorted keys would name living
    listings as absent.
    """
    absent: list[str] = []
    arrived: list[str] = []
    missing: list[str] = []
    here = _ascending(((entry.key, entry) for entry in local), "local")
    there = _ascending(((key, key) for key in source), "source")
    locals_read = sources_read = common
    mine, theirs = next(here, None), next(there, None)
    while mine is not None or theirs is not None:
        only_here = mine is not None and (theirs is None or mine[0] < theirs[0])
        only_there = theirs is not None and (mine is None or theirs[0] < mine[0])
        if mine is not None and not only_there:
            locals_read += 1
            if only_here:
                (absent if mine[2].known_before else arrived).append(mine[1])
            mine = next(here, None)
        if theirs is not None and not only_here:
            sources_read += 1
            if only_there:
                missing.append(theirs[1])
            theirs = next(there, None)
    return Plan(locals_read, sources_read, tuple(absent), tuple(arrived), tuple(missing))


def _ascending(entries: Iterable[tuple[str, T]], name: str) -> Iterator[tuple[bytes, str, T]]:
    last: bytes | None = None
    for key, entry in entries:
        order = key.encode()
        if last is not None and not last < order:
            raise ValueError(f"the {name} keys are not in ascending order at {key!r}")
        last = order
        yield order, key, entry
