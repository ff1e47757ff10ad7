"""Asking Spark whether a walk over records came to the end of its set, and how it goes on if not.

What the answers mean is decided in `reconcile.ending`; what came is stored by the walks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mls_assets.errors import AnswerBroken, SourceRefused, SourceUnreachable
from mls_assets.model.records import KeyOrder
from mls_assets.model.resources import Resource
from mls_assets.reconcile.ending import Beyond, WalkCounts, at_the_end, missing, read_beyond
from mls_assets.sources import SparkClient


@dataclass(frozen=True, slots=True)
class Window:
    """What a walk asks for: all records of a resource, or what was modified in a time."""

    resource: Resource
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a walk ended: whole, or with a `link` by which it goes on, or with a `fault` in words.

    With `denied` the source says that nothing lies behind the last key, and yet counts so many
    more than came.
    """

    link: str | None = None
    fault: str = ""
    denied: int = 0


def ending(
    client: SparkClient,
    window: Window,
    order: KeyOrder,
    came: WalkCounts,
    *,
    items: int,
    changed: Callable[[], int],
    went_behind: str | None = None,
) -> Ending:
    """Prove that a walk is whole, by the counts alone or by a question behind its last key.

    `items` counts all records that came, `changed` those that were modified meanwhile;
    `went_behind` is the last key if this walk went on behind it already.
    """
    if not came.in_doubt:
        return Ending()
    try:
        beyond = beyond_last_key(client, window, order, items)
    except SourceUnreachable:
        if not came.agreed:
            raise
        beyond = "untold"  # some servers fail at what they do not understand
    if beyond == "more" and order.last is not None and order.last != went_behind:
        since, until = window.since, window.until
        return Ending(client.link_behind(window.resource, order.last, since=since, until=until))
    short = bool(came.counts) and min(came.counts) > came.seen
    if missing(came, beyond, changed() if short else 0):
        denied = min(came.counts) - came.seen if beyond == "nothing" and short else 0
        return Ending(fault=_in_words(came, beyond), denied=denied)
    return Ending()


def way_out(feed: str, found: Ending) -> str:
    """Say what a person can do about a walk that was not whole."""
    if found.denied:
        return (
            f"Nothing lies behind the last key, so the source counts {found.denied:,} that it did "
            "not list: ask whoever runs it why its count and its pages differ."
        )
    return how_to_widen(feed)


def how_to_widen(feed: str) -> str:
    """Say where a person sets the page size above what a source gives in one answer."""
    return (
        "If the server takes `$top` for a limit of the whole answer, set `page_size` above its "
        f"count: under [{feed.replace('/', '.', 1)}] in the feeds file (MLS_ASSETS_FEEDS), or "
        "for one run in the Launchpad (resource `spark`)."
    )


def beyond_last_key(client: SparkClient, window: Window, order: KeyOrder, items: int) -> Beyond:
    """Ask the source what lies behind the last key of a walk over so many records.

    Asked for are the keys behind the last but one, so that the last one has to be among them; else
    those from the last place on. Raises SourceUnreachable.
    """
    found: Beyond = "untold"
    if order.before_last is not None and (order.bytewise or order.numeric):
        keys = _peek(client, window, after=order.before_last)
        found = "untold" if keys is None else read_beyond(order, keys)
    if found == "untold":
        keys = _peek(client, window, skip=max(items - 1, 0))
        found = "untold" if keys is None else at_the_end(order, keys)
    return found


def _peek(
    client: SparkClient, window: Window, *, after: str | None = None, skip: int = 0
) -> list[str] | None:
    try:
        return client.peek(
            window.resource, since=window.since, until=window.until, after=after, skip=skip
        )
    except (SourceRefused, AnswerBroken):
        return None  # a question that is not answered tells nothing


def _in_words(came: WalkCounts, beyond: Beyond) -> str:
    text = f"the pages ended after {came.seen:,} records, "
    if not came.counts:
        text += "and the source gave no usable count of all"
    else:
        before, after = (
            "nothing" if count is None else f"{count:,}" for count in (came.before, came.after)
        )
        text += f"but the source counts {before} before and {after} after"
    told = {
        "nothing": "",
        "more": "; more lies behind the last key",
        "untold": "; asked what lies behind the last key, it did not tell",
    }
    return text + told[beyond]
