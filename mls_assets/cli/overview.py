"""`mls-assets status`: how closely each feed matches its source, as a table or as JSON."""

import json
from datetime import UTC, datetime

from mls_assets.configuration.credentials import token_of
from mls_assets.configuration.feeds import Feeds, load_feeds
from mls_assets.errors import ConfigurationError
from mls_assets.model.states import ReplicationState
from mls_assets.replication.reporting.findings import by_cause
from mls_assets.replication.reporting.status import FeedStatus, Status, status
from mls_assets.replication.reporting.status_table import (
    HEADINGS,
    ago,
    published_line,
    ranked,
    status_cells,
)
from mls_assets.replication.workspace import Workspace, data_folder, database_of, is_stored
from mls_assets.sources.registry import has_event_log
from mls_assets.terminal.choosing import nothing_configured
from mls_assets.terminal.screen import Screen, complain
from mls_assets.terminal.streams import deliver


def show_status(*, as_json: bool) -> int:
    """Print the status of everything stored and configured; return the exit code.

    That is 2 where a feed has no usable token, which is said. Raises ConfigurationError when
    nothing is stored nor configured.
    """
    feeds = load_feeds()
    if not feeds.configured and not is_stored():
        raise nothing_configured(feeds)
    workspace = Workspace.open(data_folder(), database_of(), run_id="status")
    current = status(workspace, feeds)
    if as_json:
        print(json.dumps(current.as_json(), indent=2))
    else:
        with Screen() as screen:
            _table(screen, current, datetime.now(UTC))
    deliver(whole=as_json)
    problems = _tokens_wanting(feeds)
    for problem in problems:
        complain(problem)
    return 2 if problems else 0


def _tokens_wanting(feeds: Feeds) -> list[str]:
    """Say which feeds have no usable token, and which variable is to hold it."""
    problems = []
    for access in feeds.accesses:
        try:
            token_of(access.token_env)
        except ConfigurationError as error:
            problems.append(f"{access.title}: {error}")
    return problems


def _table(screen: Screen, current: Status, now: datetime) -> None:
    entries = ranked(current.feeds)
    screen.table(HEADINGS, [status_cells(entry, now) for entry in entries])
    for entry in entries:
        if entry.blocked is not None:
            screen.say(
                f"blocked: {entry.blocked.explanation or entry.blocked.sweep_id} "
                f"(sweep {entry.blocked.sweep_id})"
            )
        elif entry.state.state != ReplicationState.UNCONFIGURED and (entry.hours_left or 0) < 0:
            screen.say(
                f"overdue: {entry.state.feed} {entry.state.resource} has no proof of its removals "
                f"since {-(entry.hours_left or 0):.1f} hours too long; run "
                f"`mls-assets {_remedy(entry)} {entry.state.feed}`"
            )
    for told in (*current.unasked, *current.remarks, *current.not_asked):
        screen.say(str(told))
    for line in by_cause(current.findings).values():
        screen.say(f"not served: {line}")
    screen.say(published_line(current, f"{ago(current.published_at, now)} ago"))


def _remedy(entry: FeedStatus) -> str:
    downloaded = entry.state.initial_download_complete
    return "purge" if downloaded and not has_event_log(entry.state.feed) else "replicate"
