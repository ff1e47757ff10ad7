"""`mls-assets status`: how closely each feed matches its source, as a table or as JSON."""

import json
from datetime import UTC, datetime, timedelta

from mls_assets.cli.choosing import NOTHING_CONFIGURED
from mls_assets.cli.screen import Screen, amount, complain
from mls_assets.cli.streams import deliver
from mls_assets.credentials import token_of
from mls_assets.errors import ConfigurationError
from mls_assets.feeds import Feeds, load_feeds
from mls_assets.passes.findings import by_cause
from mls_assets.passes.site import Site, data_folder, database_of
from mls_assets.passes.status import FeedStatus, Status, status
from mls_assets.values import Source

_HEADINGS = ("feed", "resource", "state", "rows", "source rows", "last success", "reconciled",
             "newest record", "removal due")  # fmt: skip

#: States that somebody has to act on, the most urgent first.
_URGENT = ("blocked", "refused", "unconfigured", "needs_resync")


def show(*, as_json: bool) -> int:
    """Print the status of everything stored and configured; return the exit code.

    That is 2 where a feed has no usable token, which is said. Raises ConfigurationError when
    nothing is stored nor configured.
    """
    feeds = load_feeds()
    database = database_of()
    if not feeds.configured and not database.exists():
        raise ConfigurationError(NOTHING_CONFIGURED)
    site = Site.open(data_folder(), database, run_id="status")
    current = status(site, feeds)
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
    for name, access in (*feeds.spark.items(), *([("forge", feeds.forge)] if feeds.forge else [])):
        try:
            token_of(access.token_env)
        except ConfigurationError as error:
            problems.append(f"{name}: {error}")
    return problems


def _table(screen: Screen, current: Status, now: datetime) -> None:
    ranked = sorted(current.feeds, key=_rank)
    screen.table(_HEADINGS, [_row(entry, now) for entry in ranked])
    for entry in ranked:
        if entry.blocked is not None:
            screen.say(
                f"blocked: {entry.blocked.explanation or entry.blocked.sweep_id} "
                f"(sweep {entry.blocked.sweep_id})"
            )
        elif entry.state.state != "unconfigured" and (entry.hours_left or 0) < 0:
            screen.say(
                f"overdue: {entry.state.feed} {entry.state.resource} has no proof of its removals "
                f"since {-(entry.hours_left or 0):.1f} hours too long; run "
                f"`mls-assets {_remedy(entry)} {entry.state.feed}`"
            )
    for told in (*current.unasked, *current.remarks):
        screen.say(str(told))
    for line in by_cause(current.findings).values():
        screen.say(f"not served: {line}")
    published = f"{ago(current.published_at, now)} ago" if current.published_at else "never"
    screen.say(f"Published: {published}")


def _shown(entry: FeedStatus) -> str:
    """Return the state in one word; what a guard holds back is nothing that is current."""
    return "blocked" if entry.blocked is not None else entry.state.state


def _rank(entry: FeedStatus) -> int:
    """Put first what a person has to do something about; else the order stays."""
    state = _shown(entry)
    if state in _URGENT:
        return _URGENT.index(state)
    return len(_URGENT) + (entry.hours_left is None or entry.hours_left >= 0)


def _remedy(entry: FeedStatus) -> str:
    downloaded = entry.state.initial_download_complete
    is_forge = entry.state.feed.startswith(f"{Source.FORGE}/")
    return "purge" if downloaded and not is_forge else "replicate"


def _row(entry: FeedStatus, now: datetime) -> tuple[str, ...]:
    state = entry.state
    return (
        state.feed,
        str(state.resource),
        _shown(entry),
        amount(state.rows),
        amount(state.source_rows),
        ago(state.last_success_at, now),
        ago(state.reconciled_at, now),
        ago(state.newest_modification, now),
        "-"
        if entry.hours_left is None
        else f"in {entry.hours_left:.1f} h"
        if entry.hours_left >= 0
        else f"{-entry.hours_left:.1f} h ago",
    )


def ago(moment: datetime | None, now: datetime) -> str:
    """Return the age of a moment in its largest sensible unit; a dash where there is none."""
    if moment is None:
        return "-"
    age = now - moment
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)),
                         ("min", timedelta(minutes=1))):  # fmt: skip
        if abs(age) >= 2 * length:
            return f"{age / length:.0f} {unit}"
    return f"{age.total_seconds():.0f} s"
