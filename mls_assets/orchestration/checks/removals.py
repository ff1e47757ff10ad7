"""Checks on `deletion_ledger`: every removal explained, and in time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from mls_assets.configuration.feeds import REMOVAL_HOURS, load_feeds
from mls_assets.model.resources import TABLE_OF_RESOURCE, Resource
from mls_assets.model.states import ReplicationState
from mls_assets.orchestration.checks.plotted import of_each
from mls_assets.orchestration.resources import MlsWarehouse, RemovalTimes
from mls_assets.orchestration.running import OFFENDERS, failing
from mls_assets.replication.reporting.status import FeedStatus, status
from mls_assets.replication.reporting.status_table import hours_in_words
from mls_assets.warehouse.publication import audit, invariants
from mls_assets.warehouse.storage.readers_file import published_attached

#: The checks wait for whatever removes in the same run.
_REMOVERS = ["sweeps", *TABLE_OF_RESOURCE.values()]


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
        workspace = warehouse.workspace("check")
        with (
            workspace.warehouse.read() as con,
            published_attached(con, workspace.published) as there,
        ):
            vanished = audit.vanished_since_publication(con) if there else 0
            present = invariants.removed_but_present(con)
            incomplete = audit.incomplete_entries(con)
    offenders = vanished + present + incomplete
    return dg.AssetCheckResult(
        passed=not offenders,
        description=(
            f"{vanished:,} keys of the last publication vanished without an entry; "
            if there
            else "There is no published file to compare with; "
        )
        + f"{present:,} removed keys are in a table; {incomplete:,} entries are incomplete.",
        metadata={
            "vanished": vanished,
            "still_present": present,
            "incomplete": incomplete,
            "compared": there,
        },
    )


@dataclass(frozen=True, slots=True)
class Latency:
    """How slow removals are, in hours, each by feed and resource.

    `done`: the slowest of the last day, from its first evidence until readers were rid of it.
    `waiting`: since when a guard holds removals back. `proof`: the age of the last proof that
    nothing else is to be removed; a void sweep leaves no evidence, but lets this grow.
    """

    done: Mapping[str, float]
    waiting: Mapping[str, float]
    proof: Mapping[str, float]

    def slower_than(self, hours: Mapping[str, float]) -> list[str]:
        """Name what takes, or waits, longer than these hours of its feed and resource."""
        told = {
            "removing took {}": self.done,
            "removals wait for {}": self.waiting,
            "the last proof is {} old": self.proof,
        }
        return [
            f"{whose}: {words.format(hours_in_words(age))}"
            for words, ages in told.items()
            for whose, age in sorted(ages.items())
            if age > hours[whose]
        ]

    @property
    def metadata(self) -> dict[str, float]:
        """The worst of each kind, and each by itself under the name of its feed and resource."""
        kinds = {
            "done_hours": self.done,
            "waiting_hours": self.waiting,
            "proof_hours": self.proof,
        }
        return {
            **{kind: max(ages.values(), default=0.0) for kind, ages in kinds.items()},
            **of_each(**kinds),
        }


def latency(done: Mapping[tuple[str, Resource], float], entries: Sequence[FeedStatus]) -> Latency:
    """Read the latency from the ledger's slowest removals and from the status of the feeds."""

    def ages(moment: Callable[[FeedStatus], datetime | None]) -> dict[str, float]:
        told = {
            _name(entry.state.feed, entry.state.resource): entry.hours_since(moment(entry))
            for entry in entries
        }
        return {
            name: max(round(hours, 3), 0.0) for name, hours in told.items() if hours is not None
        }

    return Latency(
        {_name(*whose): hours for whose, hours in done.items()},
        ages(lambda entry: entry.evidence),
        ages(lambda entry: entry.proof),
    )


def _name(feed: str, resource: Resource) -> str:
    return f"{feed} {resource}"


@dg.asset_check(
    asset="deletion_ledger",
    additional_deps=_REMOVERS,
    description="What the source removed is gone for readers in time, and each feed has a recent "
    "proof of its removals: an error after the feed's removal_hours "
    f"({REMOVAL_HOURS:.0f} by default) on either, a warning after half of them (in one run: "
    "resource `removal_times`).",
)
def removals_in_time(warehouse: MlsWarehouse, removal_times: RemovalTimes) -> dg.AssetCheckResult:
    """Measure what was removed, what waits, and how old the proofs are."""
    with failing():
        workspace, feeds = warehouse.workspace("check"), load_feeds()
        with workspace.warehouse.read() as con:
            done = audit.slowest_removal_hours(con)
        # before its first download has ended nothing can be overdue
        entries = [
            entry
            for entry in status(workspace, feeds).feeds
            if entry.state.was_complete or entry.state.state == ReplicationState.UNCONFIGURED
        ]
    found = latency(done, entries)
    whose = {*done, *((entry.state.feed, entry.state.resource) for entry in entries)}
    limits = {_name(*each): removal_times.limits(feeds.removal_hours(each[0])) for each in whose}
    late = found.slower_than({name: each.warn_hours for name, each in limits.items()})
    overdue = found.slower_than({name: each.fail_hours for name, each in limits.items()})
    return dg.AssetCheckResult(
        passed=not late,
        severity=dg.AssetCheckSeverity.ERROR if overdue else dg.AssetCheckSeverity.WARN,
        description="; ".join(overdue or late) or "Removals and their proofs are recent.",
        metadata={OFFENDERS: sorted({text.partition(":")[0] for text in late}), **found.metadata},
    )
