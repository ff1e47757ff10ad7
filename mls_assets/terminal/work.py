"""The verbs that change data: each starts Dagster's jobs, so that the UI shows every run.

A `Session` is one verb's stay: it chooses feeds, runs jobs, remembers what they came to, and
says so at the end. How a job does its work is Dagster's and the passes' business.
"""

import getpass
import os
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, Self

from mls_assets.configuration.feeds import Feeds, ForgeAccess
from mls_assets.errors import MlsAssetsError
from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import CHILD_RESOURCES, RESOURCE_OF_TABLE, Resource
from mls_assets.model.states import ReplicationState
from mls_assets.model.text import amount, counted
from mls_assets.model.verdicts import Verdict
from mls_assets.orchestration import jobs
from mls_assets.orchestration.assets.describing import rejected_values
from mls_assets.orchestration.partitions import mls_partitions
from mls_assets.orchestration.running import first_exit_code
from mls_assets.replication.replicate import forge_feeds
from mls_assets.replication.reporting.status import status
from mls_assets.replication.settings import ForgeSettings
from mls_assets.replication.upkeep.erase import erase_everywhere as erase_feed
from mls_assets.replication.upkeep.unconfigured import line_to_remove, stored_unasked
from mls_assets.replication.workspace import Workspace, data_folder, database_of
from mls_assets.sources.registry import all_sources, known_source, source_of
from mls_assets.sources.source import Source
from mls_assets.terminal.choosing import choose, swept_feed
from mls_assets.terminal.demo_folder import disown
from mls_assets.terminal.screen import Screen, complain, log_path
from mls_assets.warehouse import SUMMARY_FIGURES

#: Verbs that bring data of a source into the folder.
_FILLING = ("replicate", "purge")
#: The figure of a landing to which a summary adds the values that did not fit.
_REJECTED = "rejected"


class Session:
    """One verb at work; a context manager. `workspace` is where it works, `codes` what it came
    to."""

    def __init__(
        self, verb: str, feeds: Feeds, *, patience: float = 30.0, verbose: bool = False
    ) -> None:
        self.feeds = feeds
        self.patience = patience
        self.verbose = verbose
        # bars and log lines would write over each other
        self.screen = Screen(bars=False if verbose else None)
        self.workspace = Workspace.open(
            data_folder(),
            database_of(),
            run_id=f"{verb}-{os.getpid()}",
            progress=self.screen.progress,
        )
        if verb in _FILLING:
            disown(self.workspace.folder)
        self.codes: list[int] = []
        # what was said of which feeds, and of which it remains to be said
        self._said: dict[str, list[str]] = {}
        self._same: dict[str, list[str]] = {}
        self.outcomes: list[jobs.RunOutcome] = []
        self._log = log_path(verb)

    def __enter__(self) -> Self:
        # a terminal that is closed ends the showing, not the work; Ctrl-C is there to end that
        self._at_hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell_the_same()
        self.screen.settle()
        signal.signal(signal.SIGHUP, self._at_hangup)

    def choose(
        self, names: Sequence[str], sources: Sequence[Source] | None = None
    ) -> tuple[str, ...]:
        """Return the feeds meant; what is wrong with the others is said and remembered."""
        choice = choose(self.feeds, names, self._listed_mlses, sources=sources)
        for name, problem in choice.problems:
            self.fail(problem.exit_code, f"{problem} {self._stored(name)}".strip(), name)
        return choice.feeds

    def _stored(self, feed: str) -> str:
        """Say what is stored of a feed that is not configured; what hinders that is no trouble."""
        if self.feeds.asks_for(feed):
            return ""
        with suppress(MlsAssetsError):
            return stored_unasked(self.workspace, self.feeds, feed)
        return ""

    def _listed_mlses(self, access: ForgeAccess) -> list[str]:
        settings = ForgeSettings(patience_seconds=self.patience)
        listed = forge_feeds(access, settings)
        for odd in listed.odd:
            self.fail(1, f"{odd}.")
        return [mls.key for mls in listed.mlses]

    def fail(self, code: int, text: str, feed: str | None = None) -> None:
        """Say what went wrong, and go on."""
        self.codes.append(code)
        self.complain(text, feed)

    def complain(self, text: str, feed: str | None = None) -> None:
        """Say what went wrong, with the feed that it is about.

        What several feeds meet alike is said once at once, and once at the end with all others.
        """
        self.screen.settle()
        if text in self._said:
            if feed and feed not in self._said[text]:
                self._said[text].append(feed)
                self._same.setdefault(text, []).append(feed)
            return
        self._said[text] = [feed] if feed else []
        complain(text if not feed or feed in text else f"{feed}: {text}")

    def _tell_the_same(self) -> None:
        for text, feeds in self._same.items():
            self.screen.settle()
            complain(f"{', '.join(feeds)}: {text}")
        self._same.clear()

    def run(self, job: str, *, feed: str | None = None, **settings: Any) -> jobs.RunOutcome:
        """Run one job (of one feed) and remember what it came to.

        What its sweeps came to is left to the caller to tell; all other troubles are said here.
        """
        from mls_assets.definitions import defs

        outcome = jobs.run_job(
            defs,
            job,
            feed=feed,
            run_config=jobs.run_config(job, **settings),
            verbose=self.verbose,
            log_file=None if self.verbose else self._log,
            on_progress=self.screen.progress,
        )
        self.outcomes.append(outcome)
        self.codes.append(outcome.exit_code)
        self.screen.settle()
        verdicts = _sweeps_of(outcome)
        for trouble in outcome.troubles:
            if not any(_is_of(entry, trouble) for entry in verdicts):
                self.complain(trouble, feed)
        if outcome.exit_code and not outcome.troubles:
            self.complain(f"The run {outcome.run_id} of job {job} failed.", feed)
        return outcome

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let a summary be left out when the warehouse cannot be read; the runs have said why."""
        try:
            yield
        except MlsAssetsError as error:
            if not any(self.codes):
                self.fail(error.exit_code, str(error))

    def finish(self, *, publish: bool = False) -> int:
        """Publish if that was asked for and there is something, name the log, return the code."""
        self._tell_the_same()
        landed = any(outcome.results for outcome in self.outcomes)
        if publish and (landed or (self.outcomes and self.workspace.published.exists())):
            _publish(self, only_if_changed=True)
        if self.outcomes and not self.verbose:
            self.screen.say(f"Dagster's log: {self._log}")
        return first_exit_code(self.codes)


def replicate(session: Session, names: Sequence[str], *, accept_fields: bool = False) -> None:
    """Bring feeds from their cursor to current, each in a run of its own."""
    feeds = session.choose(names)
    if not names:
        feeds += _unlisted(session, feeds)
    done: dict[tuple[str, str], Mapping[str, Any]] = {}
    bad: Counter[tuple[str, str]] = Counter()
    for feed in feeds:
        outcome = session.run(
            source_of(feed).replicate_job,
            feed=feed,
            patience=session.patience,
            accept_fields=accept_fields,
        )
        for asset, facts in outcome.results.items():
            if asset in _pages():
                done[feed, _pages()[asset]] = facts
            elif asset in RESOURCE_OF_TABLE:
                parent = _counted_with(RESOURCE_OF_TABLE[asset])
                bad[feed, parent] += facts.get(rejected_values(feed), 0)
                if facts.get("notes"):
                    session.screen.say(f"Note: {facts['notes']}")
    if feeds:
        with session.reading():
            _replicated(session, feeds, done, bad)


def _pages() -> dict[str, Resource]:
    """Return the assets of raw pages of all sources, with their resources."""
    return {asset: resource for source in all_sources() for asset, resource in source.pages.items()}


def _unlisted(session: Session, feeds: Sequence[str]) -> tuple[str, ...]:
    """Return the stored MLSs that their source's list lacks, and that are to be asked for.

    Whether they have vanished says their own question; such as have are told of in the summary.
    """
    listing = {source_of(feed).name for feed in feeds if source_of(feed).has_event_log}
    if not listing:
        return ()
    found: dict[str, None] = {}
    with session.reading():
        for entry in status(session.workspace, session.feeds).feeds:
            feed, state = entry.state.feed, entry.state.state
            if FeedName.of(feed).source in listing and state != ReplicationState.UNCONFIGURED:
                found[feed] = None
    return tuple(feed for feed in found if feed not in feeds)


def _counted_with(resource: Resource) -> Resource:
    """Return the resource in whose line a table's rejected values are counted."""
    return Resource.PROPERTY if resource in CHILD_RESOURCES else resource


def _replicated(
    session: Session,
    feeds: Sequence[str],
    done: Mapping[tuple[str, str], Mapping[str, Any]],
    bad: Mapping[tuple[str, str], int],
) -> None:
    """Show what became of each resource; `bad` are its rejected values beside whole records.

    They are counted with the records that were rejected.
    """
    rows = []
    current = status(session.workspace, session.feeds)
    for entry in current.feeds:
        state = entry.state
        if state.feed not in feeds:
            continue
        whose = (state.feed, state.resource)
        facts = dict(done.get(whose, {}))
        if _REJECTED in facts:
            facts[_REJECTED] += bad.get(whose, 0)
        rows.append(
            (
                state.feed,
                state.resource,
                str(facts.get("kind", "-" if facts else "failed")),
                *(amount(facts.get(name)) for name in SUMMARY_FIGURES),
                amount(state.rows),
                amount(state.source_rows),
                state.state,
            )
        )
    headings = ("feed", "resource", "pass", *SUMMARY_FIGURES, "rows", "source rows", "state")
    session.screen.table(headings, rows)
    count = sum(bad.values())
    if count:
        session.screen.say(
            f"{counted(count, 'value')} did not fit as sent: see the table rejected_values of "
            f"{session.workspace.published}, which has the reason of each"
        )
    for told in current.unasked:
        session.screen.say(f"Note: {told}")


def purge(session: Session, names: Sequence[str], *, dry_run: bool, approve: str) -> None:
    """Sweep and reconcile feeds, each in a run of its own.

    An approval without a feed means the feed whose sweep it names.
    """
    feeds = session.choose(names, [each for each in all_sources() if not each.has_event_log])
    if approve and not names:
        feeds = (swept_feed(approve, feeds),) if feeds else ()
    judged: list[Mapping[str, Any]] = []
    for feed in feeds:
        outcome = session.run(
            source_of(feed).reconcile_job,
            feed=feed,
            patience=session.patience,
            dry_run=dry_run,
            approve=approve,
            approved_by=_person() if approve else "",
        )
        judged += _sweeps_of(outcome)
    if judged:
        _judged(session, judged)


def _person() -> str:
    """Return who sits at this machine, for the record of an approval."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user without a name here: KeyError before Python 3.13
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


_JUDGED = ("source_keys", "absent", "removed", "spared", "refetched", "local_keys_after")


def _judged(session: Session, judged: Sequence[Mapping[str, Any]]) -> None:
    session.screen.table(
        ("feed", "resource", "verdict", "source", "absent", "removed", "spared", "fetched",
         "local", "sweep"),
        [
            (
                entry["feed"],
                entry["resource"],
                entry["verdict"],
                *(amount(entry.get(name)) for name in _JUDGED),
                entry["sweep_id"],
            )
            for entry in judged
        ],
    )  # fmt: skip
    for entry in judged:
        if entry["verdict"] in (Verdict.RECONCILED, Verdict.PLANNED) and not entry.get(
            "would_block"
        ):
            if entry["verdict"] == Verdict.PLANNED:
                session.screen.say(_told(entry))
        else:
            session.complain(_told(entry))


def _told(entry: Mapping[str, Any]) -> str:
    """Say what became of a sweep; its explanation may begin with the feed's name itself."""
    name = f"{entry['feed']} {entry['resource']}"
    text = str(entry["explanation"])
    return text if text.startswith(name) else f"{name}: {entry['verdict']}: {text}"


def _is_of(entry: Mapping[str, Any], trouble: str) -> bool:
    """Tell whether a trouble is the verdict on this sweep, which is told with the table."""
    text = " ".join(str(entry["explanation"]).split())
    return trouble == text or (
        trouble.startswith(f"{entry['feed']} {entry['resource']}: ") and trouble.endswith(text)
    )


def _sweeps_of(outcome: jobs.RunOutcome) -> list[Mapping[str, Any]]:
    """Return what a run's sweeps or replays came to."""
    return [
        entry
        for asset in ("sweeps", *_pages())
        for entry in outcome.results.get(asset, {}).get("sweeps", ())
    ]


def publish(session: Session, *, accept_loss: bool = False) -> None:
    """Write the readers' database."""
    _publish(session, only_if_changed=False, accept_loss=accept_loss)


def _publish(session: Session, *, only_if_changed: bool, accept_loss: bool = False) -> None:
    outcome = session.run("publish", only_if_changed=only_if_changed, accept_loss=accept_loss)
    facts = outcome.results.get("published_database")
    if facts:
        session.screen.say(
            f"Published {session.workspace.published}: {amount(facts['dagster/row_count'])} rows, "
            f"{facts['ledger_entries']:,} ledger entries (digest {facts['ledger_digest']})"
        )
    elif outcome.exit_code == 0:
        there = session.workspace.published
        session.screen.say(
            f"Nothing changed since {there} was published"
            if there.exists()
            else f"Nothing is here to publish yet, so there is no {there}"
        )


def compact(session: Session) -> None:
    """Rewrite the warehouse."""
    outcome = session.run("compact")
    facts = outcome.results.get("deletion_ledger")
    if facts:
        session.screen.say(
            f"Compacted {session.workspace.warehouse.address}: {facts['bytes_before']:,} bytes "
            f"became {facts['bytes_after']:,}; {facts['scrubbed']:,} removed keys have left the "
            "file"
        )


def erase(session: Session, feed: str, resource: Resource | None = None) -> None:
    """Erase a feed (or a resource) here and print the proof; on purpose no job does that."""
    done = erase_feed(session.workspace, feed, resource, feeds=session.feeds)
    session.screen.table(
        ("table", "rows erased"),
        [(table, amount(rows)) for table, rows in sorted(done.rows.items())],
    )
    what = f"{feed} {resource}" if resource else feed
    session.screen.say(
        f"Erased {what}: {done.ledger_entries:,} ledger entries; published "
        f"{done.published.bytes:,} bytes without it; the warehouse shrank from "
        f"{done.compacted.bytes_before:,} to {done.compacted.bytes_after:,} bytes"
    )
    source = known_source(feed)
    if resource is None and source is not None and source.has_event_log:
        told = jobs.forget_partition(str(mls_partitions(source.name).name), feed)
        if told:
            session.screen.say(told)
        if session.feeds.asks_for(feed):
            session.screen.say(
                f"Should {source.title} list {feed} again, it is downloaded again; if it must not "
                "be, "
                f"{line_to_remove(session.feeds, feed)}"
            )
    session.screen.say(
        f"Ledger digest {done.published.ledger_digest}, {done.published.ledger_entries:,} entries"
    )
