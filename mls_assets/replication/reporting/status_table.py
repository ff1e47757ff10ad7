"""The status as a table, the same for the terminal and for the UI: what each row says, and which is
first. Pure; the facts come from `status`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mls_assets.model.states import ReplicationState
from mls_assets.model.text import amount
from mls_assets.replication.reporting.status import FeedStatus, Status

HEADINGS = ("feed", "resource", "state", "rows", "source rows", "last success", "reconciled",
             "newest record", "removal due")  # fmt: skip

#: States that somebody has to act on, the most urgent first.
_URGENT = (
    ReplicationState.BLOCKED,
    ReplicationState.REFUSED,
    ReplicationState.UNCONFIGURED,
    ReplicationState.NEEDS_RESYNC,
)


def ranked(entries: Iterable[FeedStatus]) -> list[FeedStatus]:
    """Put first what a person has to do something about; else the order stays."""
    return sorted(entries, key=_rank)


def _shown(entry: FeedStatus) -> str:
    """Return the state in one word; what a guard holds back is nothing that is current."""
    return ReplicationState.BLOCKED if entry.blocked is not None else entry.state.state


def _rank(entry: FeedStatus) -> int:
    state = _shown(entry)
    if state in _URGENT:
        return _URGENT.index(state)
    return len(_URGENT) + (entry.hours_left is None or entry.hours_left >= 0)


def status_cells(entry: FeedStatus, now: datetime) -> tuple[str, ...]:
    """Return the cells of one resource of a feed, under `HEADINGS`."""
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
    return span(now - moment)


def span(time: timedelta) -> str:
    """Return a span of time in its largest sensible unit, such as `26 h` or `1 min`."""
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)),
                         ("min", timedelta(minutes=1))):  # fmt: skip
        if abs(time) >= 2 * length:
            return f"{time / length:.0f} {unit}"
    return f"{time.total_seconds():.0f} s"


def hours_in_words(hours: float) -> str:
    """Return a number of hours as a deadline needs it: `6.5 h`, and what is short as `1 min`."""
    return f"{hours:,.1f} h" if hours >= 2 else span(timedelta(hours=hours))


def as_markdown(current: Status) -> str:
    """Return the table as Markdown, with moments in UTC: a page may be looked at much later."""
    lines = [HEADINGS, ("---",) * len(HEADINGS)]
    for entry in ranked(current.feeds):
        state = entry.state
        moments = (state.last_success_at, state.reconciled_at, state.newest_modification)
        shown = map(_utc, (*moments, entry.removal_deadline))
        counts = (amount(state.rows), amount(state.source_rows))
        lines.append((state.feed, str(state.resource), _shown(entry), *counts, *shown))
    table = "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
    return f"{table}\n\n{published_line(current, _utc(current.published_at))}"


def published_line(current: Status, when: str) -> str:
    """Say when the readers' file was written last, and what is wrong with it."""
    if current.published_at is None:
        return "Published: never"
    problem = current.published_problem
    return f"Published: {when}, but {problem}" if problem else f"Published: {when}"


def _utc(moment: datetime | None) -> str:
    return "-" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}Z"


def _cell(text: str) -> str:
    return text.replace("|", "&#124;")
