"""How closely each feed matches its source, and how long until a removal is overdue."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mls_assets.configuration.feeds import REMOVAL_HOURS, Feeds, forge_feed
from mls_assets.model.feed_names import FeedName
from mls_assets.model.states import ReplicationState
from mls_assets.replication.reporting.findings import Finding, Findings, refused_by_findings
from mls_assets.replication.upkeep import unconfigured
from mls_assets.replication.upkeep.unconfigured import UnconfiguredResource
from mls_assets.replication.workspace import PUBLISHED, Workspace
from mls_assets.sources.registry import all_sources, has_event_log
from mls_assets.warehouse import sweeps
from mls_assets.warehouse.landing import cursors, origins, vanishing
from mls_assets.warehouse.landing.cursors import FeedState
from mls_assets.warehouse.publication import publication
from mls_assets.warehouse.publication.publication import PublishedFile
from mls_assets.warehouse.removals import unasked
from mls_assets.warehouse.sweeps import SweepRow

#: A feed that was not current for so long is worth a look, then a breach (IDX policy 7.58:
#: refresh at least every 12 hours).
LATE_HOURS, STALE_HOURS = 2.0, 12.0


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One feed and resource; `blocked` is the sweep that a guard holds back.

    `proof` is as of when removals are proven, `evidence` when what is held back was first seen
    to be absent; the deadline is `removal_hours` after the earlier of both. What is stored and
    not asked for any more has the state `unconfigured`, and what a guard held back of it is
    nobody's to decide.
    """

    state: FeedState
    blocked: SweepRow | None
    proof: datetime | None
    evidence: datetime | None
    now: datetime
    removal_hours: float = REMOVAL_HOURS

    @property
    def removal_deadline(self) -> datetime | None:
        """When a removal becomes overdue, None before anything was downloaded."""
        moments = [moment for moment in (self.proof, self.evidence) if moment is not None]
        return min(moments) + timedelta(hours=self.removal_hours) if moments else None

    @property
    def hours_left(self) -> float | None:
        """How long that is from now; below 0 when it has passed."""
        deadline = self.removal_deadline
        return None if deadline is None else (deadline - self.now) / timedelta(hours=1)

    def hours_since(self, moment: datetime | None) -> float | None:
        """How long ago a moment was."""
        return None if moment is None else (self.now - moment) / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Status:
    """All feeds, and when the readers' file was last written, with what has become of it.

    `unasked` is what is stored and not asked for, with its remedies; `remarks` what else
    the configuration and what is stored have to do with each other; `findings` what sources do
    not serve us; `not_asked` which source is configured and was never asked what feeds it has.
    """

    feeds: tuple[FeedStatus, ...]
    published_at: datetime | None
    unasked: tuple[UnconfiguredResource, ...] = ()
    remarks: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    published: Path = Path(PUBLISHED)
    published_file: PublishedFile = PublishedFile.READABLE
    not_asked: tuple[str, ...] = ()

    @property
    def published_problem(self) -> str:
        """What is wrong with the readers' file, with the remedy; empty if nothing is."""
        if self.published_at is None or self.published_file is PublishedFile.READABLE:
            return ""
        what = (
            "is missing"
            if self.published_file is PublishedFile.MISSING
            else "cannot be read as a DuckDB file of ours"
        )
        return f"{self.published} {what}; write it anew with `mls-assets publish`"

    def as_json(self) -> dict[str, Any]:
        """Return what `mls-assets status --json` prints."""
        return {
            "feeds": [_as_json(entry) for entry in self.feeds],
            "published_at": _text(self.published_at),
            "published_file": str(self.published_file),
        }


def last_proof(state: FeedState, downloaded_at: datetime | None) -> datetime | None:
    """Return as of when removals are proven, None before anything was downloaded.

    That is the last reconciled sweep; for Forge, whose events tell of removals, the last
    success; for a Spark feed that was never reconciled, the start of its first download.
    """
    if has_event_log(state.feed):
        return state.last_success_at
    return state.reconciled_at or downloaded_at


def status(workspace: Workspace, feeds: Feeds, *, now: datetime | None = None) -> Status:
    """Read the state of everything stored, and of what is configured but still new."""
    now = now or datetime.now(UTC)
    with workspace.warehouse.read() as con:
        states = {(state.feed, state.resource): state for state in cursors.states(con)}
        blocked = {(row.feed, row.resource): row for row in sweeps.blocked_sweeps(con)}
        evidence = sweeps.oldest_evidence(con)
        downloaded = cursors.first_downloads(con)
        published_at = publication.last_published(con)
        published_file = publication.published_file(con, workspace.published)
        marked = unasked.unconfigured_since(con)
        holding = unasked.holding(con)
        vanished = vanishing.vanished_feeds(con)
        asked = origins.asked(con)
        remarks = (*unconfigured.children_unasked(con, feeds), *unconfigured.doubled(con, feeds))
    # what was asked of MLSs that no file names, whether anything came or not
    begun = [key for key in asked if unconfigured.is_asked(feeds, vanished, *key)]
    unasked_here = {key for key in states if not unconfigured.is_asked(feeds, vanished, *key)}
    for key in unasked_here:
        states[key] = replace(states[key], state=ReplicationState.UNCONFIGURED)
        blocked.pop(key, None)
        if key in marked:
            evidence[key] = min(marked[key], evidence.get(key, marked[key]))
    # of what holds nothing, nothing has to be removed
    idle = unasked_here - holding
    for feed, resource in (*_configured(feeds), *begun):
        states.setdefault((feed, resource), FeedState(feed=feed, resource=resource))
    known = {FeedName.of(feed).source for feed, _ in states}
    findings = Findings(workspace.folder).standing(feeds)
    for key in refused_by_findings(findings, states.keys() - unasked_here):
        states[key] = replace(states[key], state=ReplicationState.REFUSED)
    return Status(
        tuple(
            FeedStatus(
                states[key],
                blocked.get(key),
                None if key in idle else last_proof(states[key], downloaded.get(key)),
                None if key in idle else evidence.get(key),
                now,
                feeds.removal_hours(key[0]),
            )
            for key in sorted(states)
        ),
        published_at,
        tuple(unconfigured.unasked_of(feeds, unasked_here | holding, vanished)),
        remarks,
        tuple(findings),
        workspace.published,
        published_file,
        tuple(
            f"{source.name}: not asked yet; `mls-assets replicate` asks it which MLSs it lists"
            for source in all_sources()
            if feeds.log_of(source) is not None and source.name not in known
        ),
    )


def _configured(feeds: Feeds) -> list[tuple[str, Any]]:
    pairs = [(feed.name, resource) for feed in feeds.spark.values() for resource in feed.resources]
    if feeds.forge is not None:
        pairs += [
            (forge_feed(mls), resource)
            for mls in feeds.forge.mlses
            if feeds.forge.asks_for(mls)
            for resource in feeds.forge.resources
        ]
    return pairs


def _as_json(entry: FeedStatus) -> dict[str, Any]:
    state, blocked = entry.state, entry.blocked
    return {
        "feed": state.feed,
        "resource": str(state.resource),
        "state": state.state,
        "rows": state.rows,
        "source_rows": state.source_rows,
        "last_success_at": _text(state.last_success_at),
        "reconciled_at": _text(state.reconciled_at),
        "newest_modification": _text(state.newest_modification),
        "blocked": blocked
        and {
            "sweep_id": blocked.sweep_id,
            "absent": blocked.absent,
            "explanation": blocked.explanation,
        },
        "removal_deadline": _text(entry.removal_deadline),
        "hours_left": None if entry.hours_left is None else round(entry.hours_left, 2),
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()
