"""What Spark's answers say: a step of a walk becomes a page of records, removals, child sets.

Pure; the questions are asked in `spark`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mls_assets.model.declarations import LookupValue
from mls_assets.model.records import ChildSet, Page, RawRecord, Reject, Removal, UntoldCollection
from mls_assets.model.resources import KEY_FIELDS, Reason, Resource
from mls_assets.sources.odata.expansions import (
    OPEN_HOUSES,
    RELATIONS,
    Collection,
    collections_in,
    members_of,
)
from mls_assets.sources.odata.queries import Envelope
from mls_assets.sources.transport.records import (
    MODIFIED,
    REMOVED_STATUS,
    STATUS,
    BrokenRecord,
    RecordHeader,
    decoded,
    header_of,
    instant,
    without,
)
from mls_assets.sources.transport.session import HttpAnswer


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """One answer of a walk: the records' heads in their order, and where it goes on."""

    heads: tuple[RecordHeader | Reject, ...]
    next: str | None
    count: int | None
    answer: HttpAnswer[Envelope]

    @property
    def keys(self) -> list[str]:
        """The usable keys, in the order in which they came."""
        return [head.key for head in self.heads if isinstance(head, RecordHeader)]

    @property
    def rejects(self) -> list[Reject]:
        """The records that cannot be stored under a key."""
        return [
            head.reject() if isinstance(head, BrokenRecord) else head
            for head in self.heads
            if isinstance(head, Reject)
        ]


def members_to_read(resource: Resource) -> tuple[str, ...]:
    """What is read of a record beside its key."""
    return (
        (MODIFIED, STATUS, *members_of(RELATIONS)) if resource is Resource.PROPERTY else (MODIFIED,)
    )


def page_from(
    feed: str,
    resource: Resource,
    step: PageAnswer,
    complete: Callable[[Sequence[Collection]], list[Collection]] = list,
    names: Iterable[str] = RELATIONS,
) -> Page:
    """The step as a page. Of two versions of a key the newer stays, of equals the later.

    A listing whose status is RESO's "Delete" is a removal, not a record, even if another value of
    it cannot be read. `complete` fetches what collections of these names inside the listings left
    out.
    """
    latest: dict[str, tuple[RecordHeader, datetime | None]] = {}
    rejects: list[Reject] = []
    for head in step.heads:
        if isinstance(head, BrokenRecord):
            head = _deleted(head) or head.reject()
        if isinstance(head, Reject):
            rejects.append(head)
            continue
        modified = instant(head.members.get(MODIFIED))
        held = latest.get(head.key, (None, None))[1]
        if held and modified and modified < held:
            continue
        rejects = without(rejects, head.key)
        latest[head.key] = (head, modified)
    records: list[RawRecord] = []
    removals: list[Removal] = []
    alive: list[RecordHeader] = []
    for head, modified in latest.values():
        if head.members.get(STATUS) == REMOVED_STATUS:
            removals.append(Removal(head.key, Reason.STATUS_DELETE, modified))
        else:
            records.append(RawRecord(head.key, head.body, modified))
            alive.append(head)
    told = [one.told() for one in complete(collections_in(alive, names))]
    return Page(
        feed=feed,
        resource=resource,
        fetched_at=step.answer.began_at,
        records=tuple(records),
        children=tuple(one for one in told if isinstance(one, ChildSet)),
        untold=tuple(one for one in told if isinstance(one, UntoldCollection)),
        removals=tuple(removals),
        rejects=tuple(rejects),
        next=step.next,
        count=step.count,
        size=step.answer.size,
        sha256=step.answer.sha256,
        keys=tuple(step.keys),
    )


def _deleted(broken: BrokenRecord) -> RecordHeader | None:
    """The head of a record that cannot be read as a whole, but says that it is deleted."""
    if broken.key is None or broken.members.get(STATUS) != REMOVED_STATUS:
        return None
    return RecordHeader(broken.key, b"", broken.members)


def relation_page_of(feed: str, step: PageAnswer, collections: Sequence[Collection]) -> Page:
    """The step as a page that carries child collections only."""
    told = [one.told() for one in collections]
    return Page(
        feed=feed,
        resource=Resource.PROPERTY,
        fetched_at=step.answer.began_at,
        children=tuple(one for one in told if isinstance(one, ChildSet)),
        untold=tuple(one for one in told if isinstance(one, UntoldCollection)),
        rejects=tuple(step.rejects),
        next=step.next,
        count=step.count,
        size=step.answer.size,
        sha256=step.answer.sha256,
    )


@dataclass(frozen=True, slots=True)
class ListedOpenHouses:
    """What a listing tells of its open houses, whole: their keys, and records that can stand alone.

    `readable` is false if one of them has no usable key: then the others say nothing of it.
    """

    keys: frozenset[str]
    records: tuple[RawRecord, ...]
    readable: bool


@dataclass(frozen=True, slots=True)
class ExpandedAnswer:
    """What an answer by key tells of collections; `answered` are the listings that were in it."""

    children: tuple[ChildSet, ...] = ()
    untold: tuple[UntoldCollection, ...] = ()
    open_houses: Mapping[str, ListedOpenHouses] = field(default_factory=dict)
    answered: frozenset[str] = frozenset()


def expanded_answer(
    listing_keys: Iterable[str], names: Iterable[str], collections: Sequence[Collection]
) -> ExpandedAnswer:
    """What came about collections that were asked for; what did not come whole is untold."""
    answered = frozenset(listing_keys)
    came = {(one.listing_key, one.name) for one in collections}
    children, untold, open_houses = [], [], {}
    for one in collections:
        told = one.told()
        if one.name == OPEN_HOUSES:
            if isinstance(told, ChildSet):
                open_houses[one.listing_key] = _open_houses(one)
        elif isinstance(told, ChildSet):
            children.append(told)
        else:
            untold.append(told)
    untold += [
        UntoldCollection(key, RELATIONS[name])
        for name in names
        if name != OPEN_HOUSES
        for key in sorted(answered)
        if (key, name) not in came
    ]
    return ExpandedAnswer(tuple(children), tuple(untold), open_houses, answered)


def _open_houses(collection: Collection) -> ListedOpenHouses:
    """A record stands alone if it names this listing, as those of the open houses' own set do."""
    key_field, listing_key = KEY_FIELDS[Resource.OPEN_HOUSE], KEY_FIELDS[Resource.PROPERTY]
    heads = [header_of(item, key_field, (MODIFIED, listing_key)) for item in collection.items]
    usable = [head for head in heads if isinstance(head, RecordHeader)]
    return ListedOpenHouses(
        frozenset(head.key for head in usable),
        tuple(
            RawRecord(head.key, head.body, instant(head.members.get(MODIFIED)))
            for head in usable
            if _text(head.members.get(listing_key)) == collection.listing_key
        ),
        readable=len(usable) == len(heads),
    )


#: What is read of a Lookup record beside its key.
LOOKUP_MEMBERS = (
    "LookupName",
    "LookupValue",
    "StandardLookupValue",
    "LegacyODataValue",
    MODIFIED,
)


def lookups_of(step: PageAnswer) -> list[LookupValue]:
    """The step's enumeration values; one without a key, name or value says nothing."""
    found = []
    for head in step.heads:
        if not isinstance(head, RecordHeader):
            continue
        name, value, standard, legacy = (
            _text(head.members.get(member)) for member in LOOKUP_MEMBERS[:4]
        )
        if name and value is not None:
            modified_at = instant(head.members.get(MODIFIED))
            found.append(LookupValue(name, value, standard, legacy, head.key, modified_at))
    return found


def _text(token: bytes | None) -> str | None:
    value = decoded(token) if token is not None else None
    return value if isinstance(value, str) else None
