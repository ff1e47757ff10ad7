"""Whether a planned purge may be done, or is more likely an outage than removals. Pure.

Other replicators take any absence for a removal; every system that deletes in bulk on someone
else's word has a limit. Of a blocked purge goes what a person released, and nothing else: half a
wrong purge is wrong.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Struct

from mls_assets.reconcile.plan import Plan

#: Over how long removals add up, and how far back a key that normal passes returned is a canary.
DAY, CANARY_WINDOW = timedelta(hours=24), timedelta(hours=1)


_Share = Annotated[float, Meta(ge=0, le=1)]
_Count = Annotated[int, Meta(ge=0, le=1_000_000)]


class Thresholds(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits of a purge; all shares are of the local keys known before it.

    `share` and `floor`: more than max(min(floor, half of local), share x local) in one sweep
    blocks. `day_share`: the same over the sweeps of 24 hours. `renamed_share`: so many gone
    and so many new at once means that keys were renamed. `canary_share` and `canary_floor`:
    so many of the keys that normal passes returned in the last hour, yet absent.
    """

    share: _Share = 0.10
    floor: _Count = 25
    day_share: _Share = 0.20
    renamed_share: _Share = 0.90
    canary_share: _Share = 0.10
    canary_floor: _Count = 10

    def allowed(self, local: int) -> int:
        """How many keys one sweep may remove from `local` keys."""
        return int(max(min(self.floor, local // 2), self.share * local))


@dataclass(frozen=True, slots=True)
class Canary:
    """Keys that normal passes returned in the hour before a sweep: how many, and who is absent."""

    seen: int = 0
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the purge may go on; otherwise why not, with numbers and the next step."""

    blocked: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """True if no rule objects."""
        return not self.blocked


def decide(
    plan: Plan,
    *,
    thresholds: Thresholds,
    removed_last_day: int,
    canary: Canary,
    approved: Collection[str] = frozenset(),
) -> Decision:
    """Judge a plan.

    `removed_last_day` counts what sweeps of this feed and resource removed in 24 hours. Keys in
    `approved` (of a blocked sweep that a person released) are not held against it.
    """
    if not plan.absent:
        return Decision()
    released = frozenset(approved)
    absent = [key for key in plan.absent if key not in released]
    if not absent:
        return Decision()
    reasons = []
    gone, local = len(absent), plan.local
    if plan.source == 0:
        reasons.append(f"the source lists no key at all while {local:,} are held here")
    limit = thresholds.allowed(local)
    if gone > limit:
        reasons.append(
            f"{gone:,} of {local:,} keys are absent, more than the {limit:,} that one sweep "
            "may remove"
        )
    day = gone + removed_last_day
    day_limit = max(thresholds.day_share * (local + removed_last_day), thresholds.allowed(local))
    if day > day_limit:
        reasons.append(
            f"{day:,} removals in 24 hours would be more than "
            f"{thresholds.day_share:.0%} of {local + removed_last_day:,}"
        )
    if (
        gone > thresholds.renamed_share * local
        and plan.source
        and len(plan.missing) > thresholds.renamed_share * plan.source
    ):
        reasons.append(
            f"{gone:,} keys went and {len(plan.missing):,} came at once, as if the source had "
            "renamed its keys"
        )
    dead = sum(key in canary.absent for key in absent)
    if dead >= thresholds.canary_floor and dead > thresholds.canary_share * canary.seen:
        reasons.append(
            f"{dead:,} of {canary.seen:,} keys that normal passes returned in the last hour are "
            "absent"
        )
    return Decision(tuple(reasons))
