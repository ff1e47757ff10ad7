"""RESO resources with their keys and tables, and the reasons of removals."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum


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
TABLE_OF_RESOURCE: Mapping[Resource, str] = {
    Resource.PROPERTY: "listings",
    Resource.MEDIA: "media",
    Resource.ROOMS: "rooms",
    Resource.UNIT_TYPES: "unit_types",
    Resource.OPEN_HOUSE: "open_houses",
    Resource.MEMBER: "members",
    Resource.OFFICE: "offices",
}


#: The resource of each table.
RESOURCE_OF_TABLE: Mapping[str, Resource] = {
    table: resource for resource, table in TABLE_OF_RESOURCE.items()
}


#: Resources with a key set of their own: they are walked, swept and entered in the ledger.
KEYED_RESOURCES = (Resource.PROPERTY, Resource.MEMBER, Resource.OFFICE, Resource.OPEN_HOUSE)


#: Resources that exist only inside a listing and go with it.
CHILD_RESOURCES = (Resource.MEDIA, Resource.ROOMS, Resource.UNIT_TYPES)


#: Resources whose rows name their listing.
LISTING_RESOURCES = (*CHILD_RESOURCES, Resource.OPEN_HOUSE)


#: Names of fields that one feed's records of a resource may have; a real feed has 1,500.
MAX_FIELD_NAMES = 6_000


#: A record dated so much later than now tells nothing about how new others are.
FUTURE_TOLERANCE = timedelta(hours=1)


#: A record dated before this tells nothing either.
EARLIEST_TIMESTAMP = datetime(1900, 1, 1, tzinfo=UTC)


class Reason(StrEnum):
    """Why a ledger entry was written."""

    ABSENT_FROM_SWEEP = "absent_from_sweep"
    ABSENT_FROM_RELATION = "absent_from_relation"
    TOMBSTONE = "tombstone"
    STATUS_DELETE = "status_delete"
    OPERATOR_ERASE = "operator_erase"
    RETURNED = "returned"
