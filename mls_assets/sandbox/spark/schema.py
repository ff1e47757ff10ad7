"""Entity types as the surface sees them: the catalogue's own, and the empty ones around them.

Real Spark offers navigations whose content this sandbox does not make; they are declared here
with their keys, answer `[]` and stand in `$metadata`. No request handling.
"""

from __future__ import annotations

from collections.abc import Mapping

from mls_assets.sandbox.catalogue import ENTITY_SETS, Catalogue

FILLED_NAVIGATIONS = ("Media", "Room", "Unit", "OpenHouse")
"""Navigations of Property that have content."""

CUSTOM_FIELDS = "CustomFields"
"""Not in `$metadata` any more, but the vendor's own replicator still expands it."""

_OF_PEOPLE = {
    "SocialMedia": "SocialMedia",
    "Association": "Association",
    "DelegatedAccess": "DelegatedAccess",
    "ExternalProducts": "ExternalProducts",
}
EMPTY_NAVIGATIONS: Mapping[str, Mapping[str, str]] = {
    "Property": {
        "HistoryTransactional": "HistoryTransactional",
        "RentalCalendar": "RentalCalendar",
        "GreenVerification": "PropertyGreenVerification",
    },
    "Member": {**_OF_PEOPLE, "TeamMembers": "TeamMembers"},
    "Office": _OF_PEOPLE,
}
"""Navigations that exist and never have content, and their entity types."""

EMPTY_TYPES: Mapping[str, str] = {
    "Association": "AssociationKey",
    "DelegatedAccess": "DelegatedAccessKey",
    "ExternalProducts": "ExternalProductKey",
    "HistoryTransactional": "HistoryTransactionalKey",
    "PropertyGreenVerification": "GreenBuildingVerificationKey",
    "RentalCalendar": "RentalCalendarKey",
    "SocialMedia": "SocialMediaKey",
    "TeamMembers": "TeamKey",
}
"""Entity types without content, and their keys."""


def is_entity_set(name: str) -> bool:
    """Whether the service document lists it."""
    return name in ENTITY_SETS


def properties(catalogue: Catalogue, entity_type: str) -> Mapping[str, str]:
    """Field to Edm type."""
    if entity_type == CUSTOM_FIELDS:
        own = catalogue.properties("Property")
        return {name: own[name] for name in catalogue.local_names() if name in own}
    if entity_type in EMPTY_TYPES:
        return {EMPTY_TYPES[entity_type]: "Edm.String"}
    return catalogue.properties(entity_type)


def navigations(catalogue: Catalogue, entity_type: str) -> Mapping[str, str]:
    """Navigation to entity type; none for types that are not entity sets."""
    if entity_type not in ENTITY_SETS:
        return {}
    return {**catalogue.navigations(entity_type), **EMPTY_NAVIGATIONS.get(entity_type, {})}


def expandable(catalogue: Catalogue, entity_type: str) -> Mapping[str, str]:
    """What `$expand` takes: the navigations, and the custom fields of a listing."""
    known = navigations(catalogue, entity_type)
    return {**known, CUSTOM_FIELDS: CUSTOM_FIELDS} if entity_type == "Property" else known


def key_field(catalogue: Catalogue, entity_type: str) -> str:
    """The name of the key of an entity type."""
    return EMPTY_TYPES.get(entity_type) or catalogue.key_field(entity_type)
