"""Checks on `deletion_ledger`: every removal explained, and in time."""

from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg

from mls_assets.checks.listings import is_configured
from mls_assets.feeds import load_feeds
from mls_assets.passes.status import REMOVAL_HOURS, FeedStatus, status
from mls_assets.resources import MlsWarehouse
from mls_assets.running import failing
from mls_assets.values import TABLES
from mls_assets.warehouse import audit, invariants

#: Half of what a licence allows: time enough for a person to act.
WARN_HOURS = REMOVAL_HOURS / 2

#: The checks wait for whatever removes in the same run.
_REMOVERS = ["sweeps", *TABLES.values()]


@dg.asset_check(
    asset="deletion_ledger",
    additional_deps=_REMOVERS,
    description="Every key that ever left a table has an entry that says why, by which proof, "
    "and when; no key that counts as removed is in a table. Held against the file that readers "
    "have, which remembers what was here at the last publication.",
)
def every_removal_explained(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Count keys that went without a word, and words without a deed."""
    with failing():
        site = warehouse.site("check")
        with (
            site.warehouse.read() as con,
            audit.published_attached(con, site.published) as there,
        ):
            vanished = audit.vanished_since_publication(con) if there else 0
            present = invariants.unexplained_absences(con)
            incomplete = audit.incomplete_entries(con)
    offenders = vanished + present + incomplete
    return dg.AssetCheckResult(
        passed=not offenders,
        description=f"{vanished:,} keys of the last publication vanished without an entry; "
        f"{present:,} removed keys are in a table; {incomplete:,} entries are incomplete.",
        metadata={"vanished": vanished, "still_present": present, "incomplete": incomplete},
    )


@dataclass(frozen=True, slots=True)
class Latency:
    """How slow removals are: done ones, waiting ones, and proofs; all in hours."""

    slowest_done: float
    oldest_waiting: float
    least_left: float | None

    @property
    def severity(self) -> dg.AssetCheckSeverity | None:
        """Return how bad it is, None if all is well."""
        slowest = max(self.slowest_done, self.oldest_waiting)
        if slowest > REMOVAL_HOURS or (self.least_left is not None and self.least_left < 0):
            return dg.AssetCheckSeverity.ERROR
        return dg.AssetCheckSeverity.WARN if slowest > WARN_HOURS else None


def latency(slowest_done: float, entries: Sequence[FeedStatus]) -> Latency:
    """Read the latency from the status: what a guard holds back waits, the rest is proven."""
    told = [(entry, entry.hours_left) for entry in entries if entry.hours_left is not None]
    left = [hours for _, hours in told]
    waiting = [REMOVAL_HOURS - hours for entry, hours in told if entry.blocked]
    return Latency(
        slowest_done,
        max(round(max(waiting, default=0.0), 3), 0.0),
        round(min(left), 3) if left else None,
    )


@dg.asset_check(
    asset="deletion_ledger",
    additional_deps=_REMOVERS,
    description="What the source removed is removed here in time: a warning when it took or "
    f"waits longer than {WARN_HOURS:.0f} hours, an error after {REMOVAL_HOURS} or when a feed "
    "has had no proof of its removals for so long.",
)
def removals_in_time(warehouse: MlsWarehouse) -> dg.AssetCheckResult:
    """Measure from the first evidence to the removal, and to now for what a guard holds back."""
    with failing():
        site, feeds = warehouse.site("check"), load_feeds()
        with site.warehouse.read() as con:
            slowest = audit.slowest_removal_hours(con)
        entries = [
            entry for entry in status(site, feeds).feeds if is_configured(entry.state, feeds)
        ]
        found = latency(slowest, entries)
    left = found.least_left
    deadline = "no feed has a deadline" if left is None else f"the next deadline is in {left:.1f} h"
    return dg.AssetCheckResult(
        passed=found.severity is None,
        severity=found.severity or dg.AssetCheckSeverity.ERROR,
        description=f"The slowest removal of the last day took {found.slowest_done:.1f} h, the "
        f"oldest evidence waits since {found.oldest_waiting:.1f} h, {deadline}.",
        metadata={
            "slowest_done_hours": found.slowest_done,
            "oldest_waiting_hours": found.oldest_waiting,
            "least_hours_left": float(REMOVAL_HOURS) if left is None else left,
        },
    )
