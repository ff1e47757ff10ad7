"""Value types that several rooms share: records, pages, removals, table columns.

Only plain immutable data belongs here. No I/O, no SQL, no rule of either source: those live
in `sources`, `warehouse`, `reso` and `reconcile`, which know this module but not each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Source(StrEnum):
    """The two kinds of origin a feed can have."""

    SPARK = "spark"
    FORGE = "forge"


class Resource(StrEnum):
    """RESO resource names, as they stand in every `resource` column."""

    PROPERTY = "Property"
    MEMBER = "Member"
    OFFICE = "Office"
    OPEN_HOUSE = "OpenHouse"
    MEDIA = "Media"
    ROOMS = "PropertyRooms"
    UNIT_TYPES = "PropertyUnitTypes"


#: The RESO key of each resource.
KEY_FIELDS: Mapping[Resource, str] = {
    Resource.PROPERTY: "ListingKey",
    Resource.MEMBER: "MemberKey",
    Resource.OFFICE: "OfficeKey",
    Resource.OPEN_HOUSE: "OpenHouseKey",
    Resource.MEDIA: "MediaKey",
    Resource.ROOMS: "RoomKey",
    Resource.UNIT_TYPES: "UnitTypeKey",
}

#: The table of each resource (and the `reso` asset of the same name).
TABLES: Mapping[Resource, str] = {
    Resource.PROPERTY: "listings",
    Resource.MEDIA: "media",
    Resource.ROOMS: "rooms",
    Resource.UNIT_TYPES: "unit_types",
    Resource.OPEN_HOUSE: "open_houses",
    Resource.MEMBER: "members",
    Resource.OFFICE: "offices",
}

#: The resource of each table.
RESOURCES: Mapping[str, Resource] = {table: resource for resource, table in TABLES.items()}

#: Resources with a key set of their own: they are walked, swept and entered in the ledger.
KEYED_RESOURCES = (Resource.PROPERTY, Resource.MEMBER, Resource.OFFICE, Resource.OPEN_HOUSE)

#: Resources that exist only inside a listing and go with it.
CHILD_RESOURCES = (Resource.MEDIA, Resource.ROOMS, Resource.UNIT_TYPES)

#: Resources whose rows name their listing.
OF_LISTINGS = (*CHILD_RESOURCES, Resource.OPEN_HOUSE)

#: Names of fields that one feed's records of a resource may have; a real feed has 1,500.
MOST_NAMES = 6_000


#: A record dated so much later than now tells nothing about how new others are.
IN_THE_FUTURE = timedelta(hours=1)
#: A record dated before this tells nothing either.
OUR_TIME = datetime(1900, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Why a ledger entry was written."""

    ABSENT_FROM_SWEEP = "absent_from_sweep"
    ABSENT_FROM_RELATION = "absent_from_relation"
    TOMBSTONE = "tombstone"
    STATUS_DELETE = "status_delete"
    OPERATOR_ERASE = "operator_erase"
    RETURNED = "returned"


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
class Untold:
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
    """A record that cannot be stored under a key. Its content is not kept, only its hash."""

    problem: str
    sha256: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source, split into records but not decoded.

    Within a page the last occurrence of a key wins, so a key is either in `records` or in
    `removals`, once. `fetched_at` is the source's clock (Date header) when the request began.
    `next` is what asks for the following page: a nextLink verbatim (Spark) or None at the end.
    `position` and `remaining` are Forge's `latest_event` and `remaining`; `count` is
    `@odata.count` where it was asked for and usable. `size` is in bytes, after inflation. `keys`
    are all usable ones in the order in which they came, where a walk is proven by it.
    `untold` are collections that were asked for and did not come whole; `along` are pages of
    other resources that were told of with this one and land with it.
    """

    feed: str
    resource: Resource
    fetched_at: datetime
    records: tuple[RawRecord, ...] = ()
    children: tuple[ChildSet, ...] = ()
    untold: tuple[Untold, ...] = ()
    removals: tuple[Removal, ...] = ()
    rejects: tuple[Reject, ...] = ()
    next: str | None = None
    position: int | None = None
    remaining: int | None = None
    count: int | None = None
    size: int = 0
    sha256: str = ""
    keys: tuple[str, ...] = ()
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
class DeclaredField:
    """A field as its source's schema declares it; `label` is empty where the schema tells none."""

    resource: Resource
    name: str
    type: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a source declares: the fields, and the text in which it does so."""

    fields: tuple[DeclaredField, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Selection:
    """What a GraphQL source is asked for of each record: the query, its fields and argument types.

    A field that is an object has its own fields in braces behind its name. `introspected` says
    whether the source's schema told this, or it is assumed.
    """

    query: str
    fields: tuple[str, ...]
    filter_type: str | None
    key_type: str
    event_type: str
    introspected: bool

    @property
    def paths(self) -> frozenset[str]:
        """Every single value that is asked for: `City`, or `ForgeFeatures.name` of an object."""
        return frozenset(path for field in self.fields for path in _paths(field))


def amount(number: int | None) -> str:
    """Return a number with thousands separated, or a dash where nobody knows it."""
    return "-" if number is None else f"{number:,}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, `1 key` or `2,000 keys`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _paths(field: str) -> tuple[str, ...]:
    name, _, inner = field.partition("{")
    within = inner.rstrip(" }").split()
    return tuple(f"{name.strip()}.{each}" for each in within) or (name.strip(),)


@dataclass(frozen=True, slots=True)
class LookupValue:
    """A value of an enumeration, as a source lists it; texts are None where it tells none."""

    lookup: str
    value: str
    standard_value: str | None = None
    legacy_value: str | None = None
    lookup_key: str | None = None
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: `type` is DuckDB's name of it, `comment` one plain sentence."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One declaration that serves as DDL, Dagster column schema, documentation and test.

    `grain` completes "One row per ..."; `key` names the columns that are unique together.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    column_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "column_names", tuple(column.name for column in self.columns))


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
