"""Words of the pipeline's own columns: states, events, kinds of passes. They stand nowhere else."""

from enum import StrEnum


class ReplicationState(StrEnum):
    """The `state` of a row in `feeds`.

    No stored row has the last two: `refused` is what ticks and runs met, `unconfigured` what the
    configuration says.
    """

    NEW = "new"
    DOWNLOADING = "downloading"
    CURRENT = "current"
    NEEDS_RESYNC = "needs_resync"
    BLOCKED = "blocked"
    REFUSED = "refused"
    UNCONFIGURED = "unconfigured"


class LedgerEvent(StrEnum):
    """The `event` of a row in `deletion_ledger`."""

    REMOVED = "removed"
    RESTORED = "restored"


class ListingEvent(StrEnum):
    """The `event` of a row in `listing_events`."""

    NEW = "new"
    RETURNED = "returned"
    PRICE_CHANGE = "price_change"
    STATUS_CHANGE = "status_change"
    BACK_ON_MARKET = "back_on_market"
    RELISTED = "relisted"


class PassKind(StrEnum):
    """What a pass over a resource is; a walk of it has the same `kind`.

    `relations` is the second walk of a download, over the listings' child collections.
    """

    DOWNLOAD = "download"
    RELATIONS = "relations"
    UPDATE = "update"
    EVENTS = "events"
    REPLAY = "replay"
