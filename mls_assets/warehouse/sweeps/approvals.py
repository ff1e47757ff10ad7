"""A person's word to let go what a guard held back.

An approval names one blocked (or keyless) sweep, counts once and for a day. Judging is the
business of another room.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.model.verdicts import Verdict
from mls_assets.warehouse.storage.queries import Connection, rows, scalar
from mls_assets.warehouse.sweeps.verdicts import find_sweep, is_keyless

#: How long a blocked sweep can be approved.
VALID_FOR = timedelta(hours=24)
_HOURS = VALID_FOR / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Approval:
    """What a person released: the suspects of a blocked sweep, or a sweep's keyless records."""

    sweep_id: str
    keys: frozenset[str]
    keyless: bool


def approval(
    con: Connection, sweep_id: str, feed: str, resource: Resource, *, user: str = ""
) -> Approval:
    """Return what approving a sweep releases, for the sweep `user` if it began already.

    Raises ConfigurationError for a sweep that is unknown, another's, not held back, used by
    another, older than a day, or followed by one that came through.
    """
    row = find_sweep(con, sweep_id)
    if row is None or (row.feed, row.resource) != (feed, resource):
        raise _refused(sweep_id, f"no sweep of {feed} {resource} has this id")
    keyless = is_keyless(con, sweep_id)
    if row.verdict == Verdict.PLANNED:
        real = f"run `mls-assets purge {feed}` and approve the sweep that it blocks"
        raise _refused(sweep_id, f"it was a dry run; {real}")
    if row.verdict != Verdict.BLOCKED and not (keyless and row.verdict == Verdict.VOID):
        raise _refused(sweep_id, f"it is {row.verdict}, there is nothing to approve")
    used_by = scalar(con, "select used_by from raw.approvals where sweep_id = ?", [sweep_id])
    if used_by and used_by != user:
        raise _refused(sweep_id, f"its approval was used up by sweep {used_by}; it counts once")
    ended = row.finished_at or row.started_at
    age = datetime.now(UTC) - ended
    if age > VALID_FOR:
        hours = age / timedelta(hours=1)
        raise _refused(
            sweep_id, f"it ended {hours:.0f} hours ago; an approval counts for {_HOURS:.0f}"
        )
    later = scalar(
        con,
        "select any_value(sweep_id) from sweeps where feed = ? and resource = ? and "
        f"verdict in ('{Verdict.RECONCILED}', '{Verdict.UNEQUAL}') and finished_at > ?",
        [feed, resource, ended],
    )
    if later:
        raise _refused(sweep_id, f"sweep {later} came through since, so nothing waits any more")
    keys = rows(con, "select record_key from raw.suspects where sweep_id = ?", [sweep_id])
    return Approval(sweep_id, frozenset(key for (key,) in keys), keyless)


def use_approval(
    con: Connection, sweep_id: str, used_by: str, approved_by: str, *, released: int
) -> None:
    """Use a person's approval up, in the transaction of what it released.

    That is so many keys; 0 says that records without a key may stay out.
    """
    con.execute("delete from raw.approvals where sweep_id = ?", [sweep_id])
    con.execute(
        "insert into raw.approvals (sweep_id, approved_by, used_at, used_by, released) "
        "values (?, ?, ?, ?, ?)",
        [sweep_id, approved_by, datetime.now(UTC), used_by, released],
    )


def released_for(con: Connection, sweep_id: str) -> str:
    """Say what persons released for a sweep, and who; empty if nobody did."""
    found = rows(
        con,
        "select sweep_id, approved_by, released from raw.approvals where used_by = ?",
        [sweep_id],
    )
    return " ".join(
        (f"{released:,} keys of" if released else "The records without a key that")
        + f" {approved}{'' if released else ' met'} were released by {by}."
        for approved, by, released in found
    )


def _refused(sweep_id: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"Sweep {sweep_id} cannot be approved: {why}. Nothing was removed; `mls-assets status` "
        "and the explanations in `sweeps` name what waits for approval."
    )
