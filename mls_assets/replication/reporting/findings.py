"""What ticks and runs met at sources that do not serve us: a small file each in the data folder.

A tick never opens DuckDB, so it leaves here what it met; `status`, alerts, checks and the next
publication read it. No source is asked here.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from mls_assets.configuration.feeds import Feeds, ForgeAccess, SparkFeed
from mls_assets.errors import SourceUnreachable, TokenRefused
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import Resource


class FindingKind(StrEnum):
    """What is the matter: the token is refused, the host does not answer, or anything else."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FAILING = "failing"


#: The typed errors that say something about a source, by the names that failed runs carry.
FINDING_KINDS = {
    TokenRefused.__name__: FindingKind.REFUSED,
    SourceUnreachable.__name__: FindingKind.UNREACHABLE,
}
#: How the names of those askers end that are ticks, not steps of runs.
_SENSOR = "_sensor"
#: How many feeds of one cause a line names.
_NAMED = 5
_REMEDIES = {
    FindingKind.REFUSED: " Until the source takes the token nothing is updated or purged; with a "
    "new "
    "token, restart the code server and the daemon.",
    FindingKind.UNREACHABLE: " It is asked again by itself.",
    FindingKind.FAILING: "",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one tick or step (`by`) met when it asked the source of a feed.

    `feed` is the name of a source where all of its feeds are meant, which one token and one host
    serve. `cause` is the same for all feeds that fail for the same reason: the token's variable
    with the host, the host, or else the feed. `resources` are those concerned if others were
    served, else empty. `ended_at` is when the source served us again; None if it
    has not yet.
    """

    feed: str
    by: str
    kind: FindingKind
    cause: str
    text: str
    since: datetime
    resources: tuple[str, ...] = ()
    ended_at: datetime | None = None

    def covers(self, feed: str, resource: str = "") -> bool:
        """Tell whether a feed (a resource of it) is concerned."""
        of_it = not resource or not self.resources or resource in self.resources
        return self.feed in (feed, FeedName.of(feed).source) and of_it

    @property
    def casts_doubt(self) -> bool:
        """Tell whether a run would most likely meet the same, so that it is not asked for yet."""
        lasting = self.kind is FindingKind.REFUSED or self.by.endswith(_SENSOR)
        is_all = not self.resources and self.kind is not FindingKind.FAILING
        return self.ended_at is None and is_all and lasting

    def is_asked_for(self, feeds: Feeds) -> bool:
        """Tell whether the configuration still asks for what is concerned."""
        of_source = any(self.feed == access.source.name for access in feeds.accesses)
        return of_source or feeds.asks_for(self.feed)


def kind_of(error: Exception) -> FindingKind:
    """Return what an error says about a source."""
    return FINDING_KINDS.get(type(error).__name__, FindingKind.FAILING)


class Findings:
    """The findings of a data folder. Writing raises OSError where the folder cannot be written."""

    def __init__(self, data_folder: Path) -> None:
        self._folder = data_folder / "findings"

    def note(
        self,
        feed: str,
        by: str,
        kind: FindingKind,
        text: str,
        access: SparkFeed | ForgeAccess | None = None,
        resources: Sequence[str] = (),
    ) -> None:
        """Note what was met; what lasts keeps the time at which it began."""
        cause = _cause(feed, kind, access)
        before = self._read(self._path(feed, by))
        lasts = before is not None and before.ended_at is None and before.cause == cause
        since = before.since if before is not None and lasts else datetime.now(UTC)
        self._write(Finding(feed, by, kind, cause, text, since, tuple(resources)))

    def answered(self, feed: str, by: str) -> None:
        """End what the same asker noted: it was served."""
        self._end(one for one in self.all() if (one.feed, one.by) == (feed, by))

    def succeeded(self, feed: str, by: str) -> None:
        """End what a step's success disproves.

        The token is good again whoever met the refusal, and the host is back; but what another
        step or tick alone meets is its own to end, or the two would contradict each other.
        """
        self._end(
            one
            for one in self.all()
            if one.covers(feed)
            and (
                one.by == by
                or one.kind is FindingKind.REFUSED
                or (one.kind is FindingKind.UNREACHABLE and one.by.endswith(_SENSOR))
            )
        )

    def all(self) -> list[Finding]:
        """Return all findings, ended ones too, in order of feeds."""
        found = (self._read(path) for path in sorted(self._folder.glob("*.json")))
        return sorted(
            (one for one in found if one is not None), key=lambda one: (one.feed, one.since)
        )

    def standing(self, feeds: Feeds) -> list[Finding]:
        """Return what has not ended, of that which is still asked for."""
        return [one for one in self.all() if one.ended_at is None and one.is_asked_for(feeds)]

    def is_standing(self, feed: str, by: str) -> bool:
        """Tell whether what one asker noted of a feed has not ended."""
        found = self._read(self._path(feed, by))
        return found is not None and found.ended_at is None

    def _end(self, findings: Iterable[Finding]) -> None:
        now = datetime.now(UTC)
        for one in findings:
            if one.ended_at is None:
                self._write(replace(one, ended_at=now))

    def _path(self, feed: str, by: str) -> Path:
        # a feed's name may be longer, or odder, than a file's may be
        return self._folder / f"{hashlib.sha256(f'{feed} {by}'.encode()).hexdigest()[:32]}.json"

    def _write(self, finding: Finding) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        told = {name: _plain(value) for name, value in asdict(finding).items()}
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".new")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(told, file)
            Path(name).replace(self._path(finding.feed, finding.by))
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    @staticmethod
    def _read(path: Path) -> Finding | None:
        try:
            told = json.loads(path.read_text("utf-8"))
            ended = told.pop("ended_at")
            return Finding(
                **{
                    **told,
                    "kind": FindingKind(told["kind"]),
                    "resources": tuple(told["resources"]),
                    "since": datetime.fromisoformat(told["since"]),
                },
                ended_at=datetime.fromisoformat(ended) if ended else None,
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            # such as one of another version: whoever wrote it writes it again
            return None


def refused_by_findings(
    findings: Iterable[Finding], stored: Iterable[tuple[str, Resource]]
) -> dict[tuple[str, Resource], datetime]:
    """Return those of some resources of feeds for which the token is refused, and since when."""
    refusals = [one for one in findings if one.kind is FindingKind.REFUSED]
    since = {key: [one.since for one in refusals if one.covers(*key)] for key in stored}
    return {key: min(moments) for key, moments in since.items() if moments}


def by_cause(findings: Iterable[Finding]) -> dict[str, str]:
    """Return one line a cause: what was met, since when, and for which feeds."""
    causes: dict[str, list[Finding]] = {}
    for one in findings:
        causes.setdefault(one.cause, []).append(one)
    return {cause: _line(met) for cause, met in sorted(causes.items())}


def _line(met: Sequence[Finding]) -> str:
    newest = max(met, key=lambda one: one.since)
    feeds = sorted({one.feed for one in met})
    named = ", ".join(feeds[:_NAMED])
    if len(feeds) > _NAMED:
        named += f" and {len(feeds) - _NAMED:,} more"
    since = min(one.since for one in met)
    remedy = _REMEDIES[newest.kind]
    return f"{named}, since {since:%Y-%m-%d %H:%M} UTC: {newest.text}{remedy}"


def _cause(feed: str, kind: FindingKind, access: SparkFeed | ForgeAccess | None) -> str:
    if access is None or kind is FindingKind.FAILING:
        return f"feed {feed}"
    host = urlsplit(access.url).netloc.rpartition("@")[2]
    return f"token {access.token_env} at {host}" if kind is FindingKind.REFUSED else f"host {host}"


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
