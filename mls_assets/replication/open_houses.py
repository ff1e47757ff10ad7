"""The open houses that a changed listing tells of, and those that it tells of no more.

The guide's step 2 recommends to update this relation with each changed listing. What a listing
does not list is asked for by key, beside open houses that the source has just listed: only what
stays silent while those answer is gone. Who lists nothing at all proves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.errors import AnswerBroken
from mls_assets.model.records import Page, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.replication.clocks import lead_of_source
from mls_assets.replication.reconciliation.confirmation import CONTROLS
from mls_assets.replication.workspace import Workspace
from mls_assets.sources import ListedOpenHouses, SparkClient
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.removals import ledger
from mls_assets.warehouse.tables import open_houses

#: Removals within a day that need no sweep and its guard: these, or a tenth of those to come.
MOST_A_DAY, SHARE_A_DAY = 25, 0.10
_DAY = timedelta(hours=24)
#: What ends so soon may be over before the source has answered.
_MARGIN = timedelta(minutes=1)
_BATCH = 40


@dataclass(slots=True)
class Removing:
    """What one update removes on the word of listings, and what a day before it removed so.

    A page is judged while the one before it is being stored, so the ledger alone would count late.
    """

    before: int | None = None
    keys: set[str] = field(default_factory=set)


def pages_of(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    told: Mapping[str, ListedOpenHouses],
    removing: Removing,
) -> tuple[Page, ...]:
    """Return what these listings tell of their open houses as a page to land, if it is anything.

    Records count where they are newer than the stored ones, so that two forms of one version do
    not take turns; removals where the source denies an open house that is still to come.
    """
    now = client.clock or datetime.now(UTC)
    with workspace.warehouse.read() as con:
        if not cursors.state_of(con, feed.name, Resource.OPEN_HOUSE).initial_download_complete:
            return ()
        records = open_houses.newer(
            con, feed.name, [record for one in told.values() for record in one.records]
        )
        held = open_houses.to_come(con, feed.name, list(told), _latest(client))
    suspects = sorted(
        key
        for listing_key, keys in held.items()
        if told[listing_key].readable
        for key in keys - told[listing_key].keys
    )
    gone = _denied(workspace, client, feed, suspects, now, removing) if suspects else []
    if not records and not gone:
        return ()
    removals = tuple(Removal(key, Reason.ABSENT_FROM_RELATION) for key in gone)
    return (Page(feed.name, Resource.OPEN_HOUSE, now, records=tuple(records), removals=removals),)


def _latest(client: SparkClient) -> datetime:
    """The later one of the source's time now and ours, and a little more."""
    return datetime.now(UTC) + lead_of_source(client.skew) + _MARGIN


def _denied(
    workspace: Workspace,
    client: SparkClient,
    feed: SparkFeed,
    suspects: Sequence[str],
    now: datetime,
    removing: Removing,
) -> list[str]:
    """Return the suspects that the source denies; none if its silence is no proof."""
    listed = client.some_keys(Resource.OPEN_HOUSE, CONTROLS + len(suspects))
    controls = [key for key in listed if key not in suspects][:CONTROLS]
    if not controls:
        return []  # the next purge and its guard decide
    alive: set[str] = set()
    try:
        for start in range(0, len(suspects), _BATCH):
            batch = suspects[start : start + _BATCH]
            alive |= client.existing_keys(Resource.OPEN_HOUSE, batch, controls)
    except AnswerBroken as error:
        client.notes.append(f"{feed.name} {Resource.OPEN_HOUSE}: {error}")
        return []
    gone = [key for key in suspects if key not in alive]
    with workspace.warehouse.read() as con:
        # asking takes its time: what is over by now is not listed, and was not called off
        over = open_houses.over_by(con, feed.name, gone, _latest(client))
        gone = [key for key in gone if key not in over]
        if removing.before is None:
            removing.before = ledger.count_removed_for_reason(
                con, feed.name, Resource.OPEN_HOUSE, Reason.ABSENT_FROM_RELATION, now - _DAY
            )
        to_come = open_houses.count_to_come(con, feed.name, now)
    going = removing.keys.union(gone)
    if len(going) + removing.before > max(MOST_A_DAY, SHARE_A_DAY * (to_come + removing.before)):
        client.notes.append(
            f"{feed.name}: {len(gone):,} of {to_come:,} open houses to come are told no more by "
            "their listings, too many to remove on that word. They stay until a purge has proven "
            f"it: `mls-assets purge {feed.name}`."
        )
        return []
    removing.keys = going
    return gone
