"""What Spark's answers say: a step of a walk becomes a page of records, removals, child sets.

Pure; the questions are asked in `spark`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mls_assets.sources.http import Answer
from mls_assets.sources.odata import Envelope
from mls_assets.sources.split import (
    MODIFIED,
    REMOVED_STATUS,
    STATUS,
    Head,
    decoded,
    instant,
    without,
)
from mls_assets.values import (
    ChildSet,
    LookupValue,
    Page,
    RawRecord,
    Reason,
    Reject,
    Removal,
    Resource,
)

#: Spark's navigations of a listing, and the dictionary's names for the same collections.
RELATIONS: Mapping[str, Resource] = {
    "Media": Resource.MEDIA,
    "Room": Resource.ROOMS,
    "Rooms": Resource.ROOMS,
    "Unit": Resource.UNIT_TYPES,
    "UnitTypes": Resource.UNIT_TYPES,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One answer of a walk: the records' heads in their order, and where it goes on."""

    heads: tuple[Head | Reject, ...]
    next: str | None
    count: int | None
    answer: Answer[Envelope]

    @property
    def keys(self) -> list[str]:
        """The usable keys, in the order in which they came."""
        return [head.key for head in self.heads if isinstance(head, Head)]

    @property
    def rejects(self) -> list[Reject]:
        """The records that cannot be stored under a key."""
        return [head for head in self.heads if isinstance(head, Reject)]


def wanted_of(resource: Resource) -> tuple[str, ...]:
    """What is read of a record beside its key."""
    return (MODIFIED, STATUS, *RELATIONS) if resource is Resource.PROPERTY else (MODIFIED,)


def page_of(feed: str, resource: Resource, step: Step) -> Page:
    """The step as a page. Of two versions of a key the newer stays, of equals the later.

    A listing whose status is RESO's "Delete" is a removal, not a record.
    """
    latest: dict[str, tuple[Head, datetime | None]] = {}
    rejects: list[Reject] = []
    for head in step.heads:
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
    children: list[ChildSet] = []
    for head, modified in latest.values():
        if head.members.get(STATUS) == REMOVED_STATUS:
            removals.append(Removal(head.key, Reason.STATUS_DELETE, modified))
        else:
            records.append(RawRecord(head.key, head.body, modified))
            children += _told(head, RELATIONS)
    return Page(
        feed=feed,
        resource=resource,
        fetched_at=step.answer.began_at,
        records=tuple(records),
        children=tuple(children),
        removals=tuple(removals),
        rejects=tuple(rejects),
        next=step.next,
        count=step.count,
        size=step.answer.size,
        sha256=step.answer.sha256,
        keys=tuple(step.keys),
    )


def relation_page_of(feed: str, step: Step, children: Sequence[ChildSet]) -> Page:
    """The step as a page that carries child collections only."""
    return Page(
        feed=feed,
        resource=Resource.PROPERTY,
        fetched_at=step.answer.began_at,
        children=tuple(children),
        rejects=tuple(step.rejects),
        next=step.next,
        count=step.count,
        size=step.answer.size,
        sha256=step.answer.sha256,
    )


def child_sets(step: Step, relations: Iterable[str]) -> list[ChildSet]:
    """The collections of these relations that the step tells, each listing's newest only."""
    told = {
        (child.listing_key, child.resource): child
        for head in step.heads
        if isinstance(head, Head)
        for child in _told(head, relations)
    }
    return list(told.values())


def _told(head: Head, relations: Iterable[str]) -> Iterator[ChildSet]:
    """The collections that a record tells: `[]` means none, null or no member tells nothing."""
    bodies: dict[Resource, bytes] = {}
    for name in relations:
        body = head.members.get(name, b"")
        if body.startswith(b"["):
            bodies[RELATIONS[name]] = body
    for resource, body in bodies.items():
        yield ChildSet(head.key, resource, body)


#: What is read of a Lookup record beside its key.
LOOKUP_MEMBERS = (
    "LookupName",
    "LookupValue",
    "StandardLookupValue",
    "LegacyODataValue",
    MODIFIED,
)


def lookups_of(step: Step) -> list[LookupValue]:
    """The step's enumeration values; one without a key, name or value says nothing."""
    found = []
    for head in step.heads:
        if not isinstance(head, Head):
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
