"""When to ask again: pure decisions over what Dagster remembers. No I/O here.

A failed run is asked for again, later each time, and never more often than a bound: an
unbounded retry condition makes a request storm of every lasting fault.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

#: Seconds after the first failure; doubled by each further one, up to the bound.
FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0
#: The same when configuration or token is at fault, which asking again seldom mends; a suspended
#: token is suspended for longer by whoever goes on knocking.
FIRST_WAIT_CONFIGURATION, LONGEST_WAIT_CONFIGURATION = 1800.0, 6 * 3600.0
#: The same when some of the feed's resources came through and others did not: those that do shall
#: not wait for those that do not. It is also the longest time between two updates of a feed that
#: is well: the source's caches are up to 20 minutes late (Spark's guide), and what they hide until
#: then bears an older timestamp, which the cheap question does not find.
UPDATE_FLOOR = 20 * 60.0
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class History:
    """What became of a job's runs for one feed: newest first, as far as it matters.

    `failures` counts the failed ones since the last success, `exit_code` is that of the newest,
    `partly` whether some resources came through in it, `ended_at` (seconds since 1970) when it
    ended, `last_run_id` which it was. `done_at` is when the newest one began that succeeded and
    was no dry run.
    """

    in_flight: str | None = None
    failures: int = 0
    exit_code: int = 0
    partly: bool = False
    ended_at: float = 0.0
    last_run_id: str = ""
    done_at: float | None = None

    @property
    def run_key(self) -> str:
        """A key for the next run: one run follows each run, whatever became of it.

        Dagster never repeats a key, not even of a failed run, so a position of the source in it
        would leave a failed run unrepeated until the source moves.
        """
        return f"after {self.last_run_id or 'none'}"


def reason_to_wait(history: History, now: float) -> str | None:
    """Say why no run may be asked for now; None if one may."""
    if history.in_flight:
        return history.in_flight
    if not history.failures:
        return None
    wait = wait_after(history.failures, history.exit_code, partly=history.partly)
    left = history.ended_at + wait - now
    if left <= 0:
        return None
    return (
        f"the last {history.failures} run(s) failed (exit code {history.exit_code}); asked again "
        f"in {left / 60:.0f} min"
    )


def wait_after(failures: int, exit_code: int, *, partly: bool = False) -> float:
    """Return how many seconds to wait after so many failures in a row.

    `partly`: in the newest one some resources came through.
    """
    first, longest = FIRST_WAIT, LONGEST_WAIT
    if exit_code == 2:
        first, longest = FIRST_WAIT_CONFIGURATION, LONGEST_WAIT_CONFIGURATION
    if partly and exit_code != 2:
        longest = UPDATE_FLOOR
    return min(first * 2.0 ** min(failures - 1, 20), longest)


@dataclass(frozen=True, slots=True)
class Landed:
    """A page asset's last materialisation: when, how far, and whether anything was left to do."""

    at: float = 0.0
    cursor: str | None = None
    newest_modification: str | None = None
    complete: bool = False

    @property
    def position(self) -> int:
        """Return Forge's event id, 0 before the first."""
        return int(self.cursor) if self.cursor and self.cursor.isdigit() else 0


def reason_to_run(landed: Mapping[str, Landed | None], now: float, floor: float) -> str | None:
    """Say why a run is due without asking the source, None if the source has to be asked.

    `floor` is the longest time, in seconds, that may pass between two runs.
    """
    for name, last in landed.items():
        if last is None:
            return f"{name} was never materialised"
        if not last.complete:
            return f"{name} has more to do"
    oldest = min((last.at for last in landed.values() if last), default=0.0)
    if now - oldest >= floor:
        return f"the last run was {(now - oldest) / 60:.0f} min ago"
    return None


def sweep_due_at(last: float, hours: float, feed: str) -> float:
    """Return when the sweep after the one that began at `last` is due (seconds since 1970).

    At a minute of the hour that is the feed's own, so that feeds sweep one after the other and
    none at the full hour, when everybody else's jobs run; and within `hours`, so that a proof
    never grows older than that.
    """
    latest = last + hours * _HOUR
    # from the fifth minute of an hour to its 55th
    own = (5 + zlib.crc32(feed.encode()) % 50) * 60.0
    quiet = latest - (latest - own) % _HOUR
    return quiet if quiet > last + hours * _HOUR / 2 else latest


def read_times(cursor: str | None) -> dict[str, float]:
    """Read the times that a sensor keeps in its cursor; an unreadable cursor holds none."""
    try:
        times = json.loads(cursor or "{}")
        return {str(name): float(at) for name, at in times.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def write_times(times: Mapping[str, float]) -> str:
    """Write times as a sensor's cursor."""
    return json.dumps(dict(times), sort_keys=True)
