"""What is made of clocks that disagree: which cursor is sane, and what a person is told. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

_NO_TIME = timedelta(0)
#: What a Date header cannot tell apart.
CLOCK_GRAIN = timedelta(seconds=1)
#: A lead that loses nothing, for each update asks again for a longer time before its cursor (the
#: guide's 20 minutes).
HARMLESS = timedelta(minutes=15)
#: By how much two clocks may differ before a person is told.
SKEW_TOLD = timedelta(minutes=5)
#: How far back changes are asked for where no earlier cursor is known.
FAR_BACK = timedelta(days=30)


def lead_of_source(skew: timedelta | None) -> timedelta:
    """Return by how much the source's clock is ahead of ours; nothing where it is not, or tells
    none.

    `skew` is by how much ours is ahead of it.
    """
    return max(-(skew or _NO_TIME), _NO_TIME)


def is_ahead(moment: datetime, now: datetime) -> bool:
    """Tell whether a stored time lies in the future, so that a clock ran ahead when it was taken.

    `now` is what both the source's and this machine's clock allow.
    """
    return moment - now >= CLOCK_GRAIN


def last_sane(cursors: Sequence[datetime], now: datetime) -> datetime:
    """Return the last cursor of before a clock ran ahead; the newest of `cursors` is in the future.

    They stand in the order in which they were stored. A clock that jumped left a gap among them
    that is at least as long as what is left of its lead. Where polls lie so far apart that several
    gaps are as long, the oldest one counts: asking for more than was missed loses nothing.
    """
    lead = cursors[-1] - now if cursors else timedelta(0)
    for earlier, later in pairwise(cursors):
        if later - earlier >= max(lead, HARMLESS) and earlier <= now:
            return earlier
    sane = [cursor for cursor in cursors if cursor < now]
    if not sane:
        return now - FAR_BACK
    return sane[-1] if lead < HARMLESS else min(sane)


def about_skew(skew: timedelta | None) -> tuple[str, ...]:
    """Say that the source's clock and ours differ; `skew` is by how much ours is ahead of it."""
    if skew is None or abs(skew) <= SKEW_TOLD:
        return ()
    side = "behind" if skew > timedelta(0) else "ahead of"
    minutes = abs(skew) / timedelta(minutes=1)
    return (
        f"the source's clock is {minutes:,.0f} min {side} this machine's; cursors follow the "
        "earlier of the two. Set the one that is wrong",
    )


def about_return(cursor: datetime, now: datetime, since: datetime) -> str:
    """Say that changes are asked for again, because the cursor lay in the future."""
    lead = (cursor - now).total_seconds()
    return (
        f"the stored cursor {cursor.isoformat()} was {lead:,.0f} s in the future, so a clock ran "
        f"ahead or was set back; all changes since {since.isoformat()} were asked for again"
    )
