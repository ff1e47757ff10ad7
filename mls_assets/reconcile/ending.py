"""Whether a walk over records came to the end of its set. Pure; the questions are asked elsewhere.

A page without a link is no proof: on other OData servers `$top` limits the whole answer. So what
came is held against the source's counts; where they leave a doubt, the source is asked what lies
behind the last key.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mls_assets.model.records import KeyOrder

#: Share of the counted records that may be missing because they came while the walk was under way;
#: the next update brings them.
MAX_MISSED_SHARE = 0.001
#: Keys of fewer digits than these may be followed by longer ones, which a server that compares
#: texts puts before them.
SETTLED_DIGITS = 12

#: What lies behind the last key: nothing, more, or the source's answer told neither.
Beyond = Literal["nothing", "more", "untold"]


@dataclass(frozen=True, slots=True)
class WalkCounts:
    """What came of a walk, and what the source counts.

    `seen` counts different keys and what was refused, `full` says that the last page had as many
    records as were asked for. A count is None where the source gave no usable one.
    """

    seen: int
    before: int | None
    after: int | None
    full: bool = False

    @property
    def counts(self) -> list[int]:
        """The usable counts."""
        return [count for count in (self.before, self.after) if count is not None]

    @property
    def agreed(self) -> bool:
        """Whether both counts are just what came."""
        return self.seen == self.before == self.after

    @property
    def in_doubt(self) -> bool:
        """Whether the counts alone do not prove that the walk is whole."""
        return self.full or not self.counts or self.seen != max(self.counts)


def missing(came: WalkCounts, beyond: Beyond, changed: int) -> bool:
    """Tell whether something may be missing; `changed` counts what was modified meanwhile.

    Without a count only an answer about what lies behind the last key is a proof.
    """
    if beyond == "more":
        return True
    if not came.counts:
        return beyond != "nothing"
    if came.full and beyond != "nothing":
        return not came.agreed
    least = min(came.counts)
    return least - came.seen > min(changed, int(least * MAX_MISSED_SHARE))


def followed(order: KeyOrder, keys: Sequence[str]) -> KeyOrder:
    """Return the order of a walk after these further keys."""
    for key in keys:
        last = order.last
        if key == last:
            continue
        order = replace(
            order,
            last=key,
            before_last=last,
            bytewise=order.bytewise and (last is None or last.encode() < key.encode()),
            numeric=order.numeric and _is_number(key) and (last is None or int(last) < int(key)),
        )
    return order


def read_beyond(order: KeyOrder, keys: Sequence[str]) -> Beyond:
    """Read the keys that were answered when all behind the last but one were asked for.

    The last key has to be among them: a source that does not answer for it does not answer.
    """
    last = order.last
    if last is None or last not in keys:
        return "untold"
    others = [key for key in keys if key != last]
    if any(not _follows(order, last, key) for key in others):
        return "untold"
    if others:
        return "more"
    return "untold" if _is_number(last) and len(last) < SETTLED_DIGITS else "nothing"


def at_the_end(order: KeyOrder, keys: Sequence[str]) -> Beyond:
    """Read the keys that were answered from the last place on: the last one alone, or none."""
    return "nothing" if list(keys) == ([] if order.last is None else [order.last]) else "untold"


def _follows(order: KeyOrder, last: str, key: str) -> bool:
    if order.numeric and _is_number(key):
        return int(key) > int(last)
    return order.bytewise and key.encode() > last.encode()


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit()
