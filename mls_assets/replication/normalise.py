"""Turning what landed into the RESO tables, in bounded batches, one transaction each.

It can be repeated at any time: the source is not asked, and a batch is merged as a whole or not
at all.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mls_assets import reso
from mls_assets.errors import FeedBusy
from mls_assets.model.resources import KEYED_RESOURCES, RESOURCE_OF_TABLE, Resource
from mls_assets.replication.workspace import Progress, Workspace
from mls_assets.sources.registry import feed_named, source_of
from mls_assets.warehouse import Connection
from mls_assets.warehouse.landing import cursors, vocabulary
from mls_assets.warehouse.tables import merging
from mls_assets.warehouse.tables.merging import Pending


@dataclass(slots=True)
class NormalisedRows:
    """How many rows were written per table, and how many values were rejected for each.

    `busy` are the feeds that another run works on: it normalises them.
    """

    rows: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    busy: list[str] = field(default_factory=list)


def normalise_landed(
    workspace: Workspace, feeds: Sequence[str] | None = None, *, from_raw: bool = False
) -> NormalisedRows:
    """Merge everything that landed and was not yet normalised, of all feeds or those given.

    With `from_raw` what was normalised already is normalised again, for a new dictionary or a
    mended fault; that is noted first, so that a feed which is busy or a kill loses nothing: the
    feed's next run does it. Takes each feed's lock: a removal must not run between reading a
    record and merging it. Of all feeds, those that another run works on are left to it; raises
    FeedBusy for one that was given.
    """
    everything = feeds is None
    if feeds is None:
        with workspace.warehouse.read() as con:
            feeds = sorted({state.feed for state in cursors.states(con)})
    if from_raw:
        with workspace.warehouse.write() as con:
            merging.note_renormalise(con, feeds)
    done = NormalisedRows()
    waiting = list(feeds)
    for last in (False, True):
        busy = []
        for feed in waiting:
            try:
                with workspace.feed_lock(feed):
                    normalise_locked(workspace, feed, done)
            except FeedBusy:
                if last and not everything:
                    raise
                busy.append(feed)
        waiting = busy
    done.busy = waiting
    return done


def normalise_locked(
    workspace: Workspace,
    feed: str,
    done: NormalisedRows | None = None,
    resources: Sequence[Resource] = KEYED_RESOURCES,
) -> NormalisedRows:
    """Do the same for one feed whose lock the caller holds, or for some of its resources."""
    done = NormalisedRows() if done is None else done
    with workspace.warehouse.read() as con:
        noted = merging.is_noted(con, feed)
    if noted:
        with workspace.warehouse.write() as con:
            merging.begin_renormalise(con, feed)
    dialect, name = source_of(feed).dialect, feed_named(feed)
    batches = records = 0
    while True:
        with workspace.warehouse.read() as con:
            found = _next_pending(con, feed, resources)
            if found is None:
                return done
            resource, pending = found
            mls_of = merging.mls_of_listings(con, feed, pending)
        ready = reso.normalise_batch(
            dialect, name, resource, pending.records, pending.children, mls_of=mls_of
        )
        with workspace.warehouse.write() as con:
            merged = merging.merge_batch(
                con,
                feed,
                resource,
                frames=ready.frames,
                replaced=ready.replaced,
                rejected=ready.rejected,
                pending=pending,
            )
            for table, frame in ready.frames.items():
                vocabulary.note_local_fields(
                    con, feed, RESOURCE_OF_TABLE[table], frame, label=dialect.label
                )
        done.rows.update(merged.rows)
        done.rejected.update(merged.rejected)
        batches += 1
        records += len(pending.records)
        workspace.progress(Progress(feed, resource, "normalise", batches, records))


def _next_pending(
    con: Connection, feed: str, resources: Sequence[Resource]
) -> tuple[Resource, Pending] | None:
    for resource in resources:
        pending = merging.pending_records(con, feed, resource)
        if pending is not None:
            return resource, pending
    return None
