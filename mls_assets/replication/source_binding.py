"""Holding a feed to the source it was first filled from, before that source is asked anything."""

import hashlib
import math
from dataclasses import replace

from mls_assets.errors import ConfigurationError
from mls_assets.model.resources import Resource
from mls_assets.model.states import ReplicationState
from mls_assets.replication.workspace import Workspace
from mls_assets.sources.registry import feed_named, source_of
from mls_assets.sources.source import Source
from mls_assets.warehouse import Connection, FeedState
from mls_assets.warehouse.landing import cursors, origins, replaying


def bind_source(
    workspace: Workspace,
    feed: str,
    origin: str,
    resource: Resource,
    question: str,
    same_questions: tuple[str, ...] = (),
    *,
    note: bool = True,
) -> tuple[FeedState, tuple[str, ...]]:
    """Hold the feed to the source it was first filled from, and notice a changed question.

    Returns the state to go on from, and what the user should be told. What a replay that was
    killed had staged is dropped: nobody will ever land it. `same_questions` ask the same in
    other words. Without `note` nothing is stored or dropped, and a changed question is left to
    the next run that asks it: a sweep asks for keys alone, a dry run for nothing.
    Raises ConfigurationError for another source, and for a feed or resource that is not
    configured any more: a run that waited while it was erased must not bring it back.
    """
    if not workspace.asks_for(feed, resource):
        raise ConfigurationError(
            f"{feed} {resource} is not configured (any more). Nothing was asked or stored."
        )
    source = source_of(feed)
    asked = _sha(question), {*map(_sha, same_questions)}
    if not note:
        with workspace.warehouse.read() as con:
            origins.compared(con, feed, origin, resource, *asked)
            return cursors.state_of(con, feed, resource), _renamed(workspace, con, feed, source)
    with workspace.warehouse.write() as con:
        replaying.drop_replay(con, feed, resource)
        claimed = origins.bind_origin(con, feed_named(feed), origin, resource, *asked)
        state = cursors.state_of(con, feed, resource)
        notes = _renamed(workspace, con, feed, source)
        if claimed != "asked_otherwise" or state.state == ReplicationState.NEW:
            return state, notes
        cursors.needs_resync(con, feed, resource)
    more = ", and more for relations" if source.relations else ""
    return replace(state, state=ReplicationState.NEEDS_RESYNC), (
        *notes,
        resync_note(state, "the question changed", more),
    )


def _renamed(workspace: Workspace, con: Connection, feed: str, source: Source) -> tuple[str, ...]:
    """Say which feeds of the same address are stored and not configured."""
    others = origins.sharing(con, feed) if source.one_feed_an_address else []
    return tuple(
        f"{feed} and {other} were filled from the same address, and {other} is not configured "
        f"any more. If it was renamed, its listings are here twice: end the old name with "
        f"`mls-assets erase {other} --yes`, or give the feed its old name back"
        for other in others
        if not workspace.asks_for(other, None)
    )


def resync_note(state: FeedState, why: str, more: str = "") -> str:
    """Say that a resource is downloaded afresh, and what that costs."""
    size = source_of(state.feed).page_size
    pages = max(math.ceil(max(state.rows, state.source_rows or 0) / size), 1)
    return (
        f"{state.feed} {state.resource}: {why}, so it is downloaded afresh (about {pages:,} "
        f"requests for records{more}); old rows stay until that ends"
    )


def _sha(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()
