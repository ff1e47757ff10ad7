"""The seven RESO tables, declared once: DDL, Dagster schema, documentation and tests read this.

What a table's columns are belongs here; how a value gets into them is `convert` and `decode`.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from mls_assets.model.declarations import Column, Table
from mls_assets.model.resources import KEY_FIELDS, LISTING_RESOURCES, TABLE_OF_RESOURCE, Resource
from mls_assets.reso import dictionary
from mls_assets.reso.dictionary import DictionaryField, FieldType

#: DuckDB's type for each type of the dictionary.
COLUMN_TYPES: Mapping[FieldType, str] = MappingProxyType(
    {
        FieldType.TEXT: "VARCHAR",
        FieldType.INTEGER: "BIGINT",
        FieldType.DECIMAL: "DOUBLE",
        FieldType.BOOLEAN: "BOOLEAN",
        FieldType.TIMESTAMP: "TIMESTAMPTZ",
        FieldType.DATE: "DATE",
        FieldType.LIST: "VARCHAR[]",
    }
)

LOCAL_FIELDS = "local_fields"
HIDDEN_FIELDS = "hidden_fields"
FORGE_FEATURES = "forge_features"
LANDED_AT = "landed_at"
FEATURES_TYPE = "STRUCT(name VARCHAR, value VARCHAR)[]"

_ORIGIN = (
    Column("feed", "VARCHAR", "Feed that the row was replicated from, such as spark/default."),
    Column("source", "VARCHAR", "Kind of the feed: spark or forge."),
    Column("mls", "VARCHAR", "MLS of the record: OriginatingSystemName or feed; Forge's MLS key."),
)
_LOCAL = Column(
    LOCAL_FIELDS,
    "JSON",
    "Fields that the dictionary does not know, as sent, ordered by name; NULL if there are none.",
)
_HIDDEN = Column(
    HIDDEN_FIELDS,
    "VARCHAR[]",
    "Fields that the source says it withholds, ordered; NULL where a source never says so.",
)
_FEATURES = Column(
    FORGE_FEATURES,
    FEATURES_TYPE,
    "Forge's ForgeFeatures in their order, for display only; names may repeat or be NULL.",
)
_PAST = Column(
    "is_past",
    "BOOLEAN",
    "True once it is over (as of the last publication); sources list only those to come.",
)
_LOCAL_TIMES = (
    Column(
        "time_zone",
        "VARCHAR",
        "Time zone of the local times: the feed's time_zone setting, else that of the listing's "
        "state, if it lies in one; NULL where neither is known.",
    ),
    Column("starts_local", "TIMESTAMP", "OpenHouseStartTime in local time of time_zone."),
    Column("ends_local", "TIMESTAMP", "OpenHouseEndTime in local time of time_zone."),
    Column(
        "date_from_start",
        "BOOLEAN",
        "True where the source gave no OpenHouseDate, so that it is the day of starts_local.",
    ),
)
_LANDED = Column(LANDED_AT, "TIMESTAMPTZ", "When the source was asked for this version (UTC).")

_GRAIN: Mapping[Resource, str] = {
    Resource.PROPERTY: "listing of a feed",
    Resource.MEDIA: "photo, video, tour, document or floor plan of a listing",
    Resource.ROOMS: "room of a listing",
    Resource.UNIT_TYPES: "type of unit of a listing",
    Resource.OPEN_HOUSE: "open house of a feed",
    Resource.MEMBER: "agent or other member of a feed",
    Resource.OFFICE: "office of a feed",
}

_KINDS: Mapping[FieldType, str] = {
    FieldType.TEXT: "text",
    FieldType.INTEGER: "whole number",
    FieldType.DECIMAL: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.TIMESTAMP: "moment in UTC",
    FieldType.DATE: "date",
    FieldType.LIST: "list of texts",
}


def _comment(field: DictionaryField) -> str:
    kind = f"RESO {_KINDS[field.type]}"
    if field.name == "OpenHouseDate":
        return f"{kind}; where the source gives none, the day of starts_local (date_from_start)."
    if field.lookup is None:
        return f"{kind}."
    if field.lookup.values:
        return f"{kind}, standard values of the lookup {field.lookup.name}."
    return f"{kind}, local values of the lookup {field.lookup.name}."


def _key(resource: Resource) -> tuple[str, ...]:
    """The key fields, the listing's first. A child is unique within its listing."""
    own = KEY_FIELDS[resource]
    return ("ListingKey", own) if resource in LISTING_RESOURCES else (own,)


def _columns(resource: Resource) -> Iterator[Column]:
    fields = dictionary.fields_of(resource)
    keys = _key(resource)
    yield from _ORIGIN
    for name in keys:
        what = "listing's" if name == "ListingKey" else "record's"
        yield Column(name, "VARCHAR", f"RESO text: the {what} key.")
    for field in fields.values():
        if field.name not in keys:
            yield Column(field.name, COLUMN_TYPES[field.type], _comment(field))
    yield _LOCAL
    yield _HIDDEN
    if resource is Resource.PROPERTY:
        yield _FEATURES
    if resource is Resource.OPEN_HOUSE:
        yield _PAST
        yield from _LOCAL_TIMES
    yield _LANDED


def _unique(resource: Resource) -> tuple[str, ...]:
    """An open house has a key of its own in the feed; other children have one in their listing."""
    if resource is Resource.OPEN_HOUSE:
        return ("feed", KEY_FIELDS[resource])
    return ("feed", *_key(resource))


#: Every RESO table by its name.
RESO_TABLES: Mapping[str, Table] = MappingProxyType(
    {
        name: Table(name, _GRAIN[resource], tuple(_columns(resource)), _unique(resource))
        for resource, name in TABLE_OF_RESOURCE.items()
    }
)

#: By table and field, the values that the standard has, where it does not leave them to the MLS.
STANDARD_VALUES: Mapping[str, Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        name: MappingProxyType(
            {
                field.name: field.lookup.values
                for field in dictionary.fields_of(resource).values()
                if field.lookup is not None and field.lookup.values
            }
        )
        for resource, name in TABLE_OF_RESOURCE.items()
    }
)

#: Columns of the view `listings_brief`: what people ask for first.
BRIEF_COLUMNS: tuple[str, ...] = (
    "feed",
    "mls",
    "ListingKey",
    "ListingId",
    "StandardStatus",
    "MlsStatus",
    "PropertyType",
    "PropertySubType",
    "ListPrice",
    "OriginalListPrice",
    "ClosePrice",
    "ListingContractDate",
    "OnMarketDate",
    "PurchaseContractDate",
    "CloseDate",
    "DaysOnMarket",
    "UnparsedAddress",
    "UnitNumber",
    "City",
    "StateOrProvince",
    "PostalCode",
    "CountyOrParish",
    "SubdivisionName",
    "Latitude",
    "Longitude",
    "BedroomsTotal",
    "BathroomsTotalInteger",
    "LivingArea",
    "LotSizeAcres",
    "YearBuilt",
    "GarageSpaces",
    "PoolPrivateYN",
    "WaterfrontYN",
    "AssociationFee",
    "PhotosCount",
    "ListAgentFullName",
    "ListOfficeName",
    "PublicRemarks",
    "StatusChangeTimestamp",
    "ModificationTimestamp",
    "landed_at",
)
