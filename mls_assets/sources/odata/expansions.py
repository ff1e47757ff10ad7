"""The collections that come inside a listing: what came, and whether it is the whole. Pure.

A collection with a link to more beside it, or a larger count, is not the whole (OData 4.01 JSON,
"Expanded Navigation Property"); `[]` means none; null or no member tells nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from mls_assets.model.records import ChildSet, UntoldCollection
from mls_assets.model.resources import Resource
from mls_assets.sources.odata.queries import COUNTS, NEXT_LINKS, usable_count
from mls_assets.sources.transport.records import RecordHeader, decoded

#: Spark's navigations of a listing, and the dictionary's names for the same collections.
RELATIONS: Mapping[str, Resource] = {
    "Media": Resource.MEDIA,
    "Room": Resource.ROOMS,
    "Rooms": Resource.ROOMS,
    "Unit": Resource.UNIT_TYPES,
    "UnitTypes": Resource.UNIT_TYPES,
}
#: The navigation to a listing's open houses, which have records of their own.
OPEN_HOUSES = "OpenHouse"
_RESOURCES = {**RELATIONS, OPEN_HOUSES: Resource.OPEN_HOUSE}
_ANNOTATIONS = (*NEXT_LINKS, *COUNTS)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of one listing as far as it came.

    `link` leads to the rest of it; `count` is the source's; `broken` says that there is more,
    and no link that can be followed.
    """

    listing_key: str
    name: str
    items: tuple[bytes, ...]
    body: bytes
    link: str | None = None
    count: int | None = None
    broken: bool = False

    @property
    def resource(self) -> Resource:
        """What its items are."""
        return _RESOURCES[self.name]

    @property
    def whole(self) -> bool:
        """Whether nothing says that there is more.

        Parts that repeat an item were not cut where one ended: what lies between did not come.
        """
        few = self.count is not None and self.count > len(self.items)
        return not (self.link or self.broken or few)

    def with_more(
        self, items: Iterable[bytes], link: str | None, count: int | None
    ) -> "Collection":
        """The collection with a further part of it, and the link to what follows."""
        count = self.count if count is None else count
        more = tuple(items)
        repeats = not set(more).isdisjoint(self.items)
        return replace(
            self,
            items=(*self.items, *more),
            body=b"",
            link=link,
            count=count,
            broken=self.broken or repeats,
        )

    def told(self) -> ChildSet | UntoldCollection:
        """What it tells of its listing: a child set if it is whole."""
        if not self.whole:
            return UntoldCollection(self.listing_key, self.resource, cut=True)
        # verbatim as long as nothing was added to it
        body = self.body or b"[" + b",".join(self.items) + b"]"
        return ChildSet(self.listing_key, self.resource, body)


def members_of(names: Iterable[str]) -> tuple[str, ...]:
    """The members of a record in which these collections and what is said of them stand."""
    return tuple(f"{name}{what}" for name in names for what in ("", *_ANNOTATIONS))


def collections_in(heads: Iterable[object], names: Iterable[str]) -> list[Collection]:
    """The collections of these names that records carry, each listing's newest only."""
    names = tuple(names)
    found = {
        (one.listing_key, one.resource): one
        for head in heads
        if isinstance(head, RecordHeader)
        for one in _collections_of(head, names)
    }
    return list(found.values())


def _collections_of(head: RecordHeader, names: Iterable[str]) -> Iterator[Collection]:
    for name in names:
        body = head.members.get(name, b"")
        if not body.startswith(b"["):
            continue
        links = [head.members.get(f"{name}{what}", b"null") for what in NEXT_LINKS]
        counts = (
            usable_count(decoded(head.members.get(f"{name}{what}", b"null"))) for what in COUNTS
        )
        count = next((count for count in counts if count is not None), None)
        told = [token for token in links if token != b"null"]
        if not told and count is None and name != OPEN_HOUSES:
            yield Collection(head.key, name, (), body)  # nothing asks for its items
            continue
        link = decoded(told[0]) if told else None
        usable = link.strip() if isinstance(link, str) else ""
        items = tuple(bytes(item) for item in msgspec.json.decode(body, type=list[msgspec.Raw]))
        yield Collection(
            head.key, name, items, body, usable or None, count, broken=bool(told) and not usable
        )
