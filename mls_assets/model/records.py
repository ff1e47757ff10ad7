"""Records, pages and keys as they travel from a source to the warehouse. Values only, no rule."""

from dataclasses import dataclass
from datetime import datetime

from mls_assets.model.resources import Reason, Resource


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One entity as its source sent it.

    `body` is the verbatim JSON text (UTF-8). `modified_at` is its ModificationTimestamp as an
    instant (None where absent or unreadable); an older version never overwrites a newer one.
    """

    key: str
    body: bytes
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChildSet:
    """One listing's whole collection of one child resource; `body` is the verbatim JSON array."""

    listing_key: str
    resource: Resource
    body: bytes


@dataclass(frozen=True, slots=True)
class UntoldCollection:
    """A listing's collection that its source did not tell whole, so that nothing is known of it.

    `cut` says that a part came, and that there is more; else it was left out of an answer to a
    question that asked for it.
    """

    listing_key: str
    resource: Resource
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """A page said that this key is gone; `modified_at` is the record's, where it came with one."""

    key: str
    reason: Reason
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that cannot be stored under a key. Its content is not kept, only its hash.

    `maybe_removed` says that it cannot be told whether the record is there or gone.
    """

    problem: str
    sha256: str
    key: str | None = None
    maybe_removed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source, split into records but not decoded.

    Within a page the last occurrence of a key wins, so a key is either in `records` or in
    `removals`, once. `fetched_at` is the source's clock (Date header) when the request began.
    `next` is what asks for the following page: a nextLink verbatim (Spark) or None at the end.
    `position` and `remaining` are Forge's `latest_event` and `remaining`; `count` is
    `@odata.count` where it was asked for and usable. `size` is in bytes, after inflation. `keys`
    are all usable ones in the order in which they came, where a walk is proven by it.
    `in_event_order` says that pages tell events in their order, so that a later one counts
    whatever its timestamp. `untold` are collections that were asked for and did not come whole;
    `along` are pages of other resources that were told of with this one and land with it.
    """

    feed: str
    resource: Resource
    fetched_at: datetime
    records: tuple[RawRecord, ...] = ()
    children: tuple[ChildSet, ...] = ()
    untold: tuple[UntoldCollection, ...] = ()
    removals: tuple[Removal, ...] = ()
    rejects: tuple[Reject, ...] = ()
    next: str | None = None
    position: int | None = None
    remaining: int | None = None
    count: int | None = None
    size: int = 0
    sha256: str = ""
    keys: tuple[str, ...] = ()
    in_event_order: bool = False
    along: tuple["Page", ...] = ()

    @property
    def items(self) -> int:
        """How many records came, of whatever kind."""
        return len(self.records) + len(self.removals) + len(self.rejects)


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """How the keys of a walk came so far: the last two, and whether all ascend, and as what."""

    last: str | None = None
    before_last: str | None = None
    bytewise: bool = True
    numeric: bool = True


@dataclass(frozen=True, slots=True)
class KeyPage:
    """One answer of a key sweep.

    `keys` are in the order in which the source gave them. `breaches` are the reasons, in words,
    why this answer cannot be part of a proof (a key missing or not a text, code 1024, ...);
    `keyless` counts the records without a usable key among them.
    """

    keys: tuple[str, ...]
    keyless: int
    fetched_at: datetime
    next: str | None = None
    count: int | None = None
    breaches: tuple[str, ...] = ()
    paged_by_skip: bool = False


@dataclass(frozen=True, slots=True)
class LandedRecord:
    """A stored record that waits for normalisation, with the facts of its landing."""

    key: str
    body: bytes
    page_id: int
    landed_at: datetime


@dataclass(frozen=True, slots=True)
class LandedChildren:
    """A stored child set that waits for normalisation."""

    listing_key: str
    resource: Resource
    body: bytes
    page_id: int
    landed_at: datetime
