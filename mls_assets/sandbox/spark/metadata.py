"""The service document and `$metadata`: what the surface says about itself.

CSDL 4.0 in the namespace and with the annotations that real Spark uses. Fields and types come
from the catalogue; nothing is declared here a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from xml.sax.saxutils import quoteattr

import msgspec

from mls_assets.sandbox.catalogue import ENTITY_SETS, Catalogue
from mls_assets.sandbox.spark import schema

NAMESPACE = "ODataService"
LOCAL_NAME = "MLS.OData.Metadata.LocalName"
LOOKUP_NAME = "RESO.OData.Metadata.LookupName"


def service_document(root: str) -> bytes:
    """The list of entity sets."""
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in ENTITY_SETS]
    return msgspec.json.encode({"@odata.context": f"{root}/$metadata", "value": sets})


def metadata(catalogue: Catalogue) -> bytes:
    """The schema as an XML document, for the shape that the catalogue has."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">',
        "<edmx:DataServices>",
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">',
        *_entity_types(catalogue),
        '<EntityContainer Name="Container">',
        *(f'<EntitySet Name="{name}" EntityType="{NAMESPACE}.{name}"/>' for name in ENTITY_SETS),
        "</EntityContainer>",
        "</Schema>",
        "</edmx:DataServices>",
        "</edmx:Edmx>",
    ]
    return "\n".join(lines).encode()


def _entity_types(catalogue: Catalogue) -> Iterator[str]:
    lookups = _lookup_names(catalogue)
    labels = catalogue.local_names()
    below = (schema.navigations(catalogue, resource).values() for resource in ENTITY_SETS)
    for entity_type in dict.fromkeys([*ENTITY_SETS, *chain.from_iterable(below)]):
        yield from _entity_type(catalogue, entity_type, labels, lookups)


def _entity_type(
    catalogue: Catalogue, entity_type: str, labels: Mapping[str, str], lookups: frozenset[str]
) -> Iterator[str]:
    key = schema.key_field(catalogue, entity_type)
    yield f'<EntityType Name="{entity_type}"><Key><PropertyRef Name="{key}"/></Key>'
    for name, edm_type in schema.properties(catalogue, entity_type).items():
        annotations = ""
        if entity_type == "Property" and name in labels:
            annotations += _annotation(LOCAL_NAME, labels[name])
        if name in lookups:
            annotations += _annotation(LOOKUP_NAME, name)
        required = ' Nullable="false"' if name == key or edm_type.startswith("Collection") else ""
        head = f"<Property Name={quoteattr(name)} Type={quoteattr(edm_type)}{required}"
        yield f"{head}>{annotations}</Property>" if annotations else f"{head}/>"
    for name, target in schema.navigations(catalogue, entity_type).items():
        yield (
            f'<NavigationProperty Name="{name}" Type="Collection({NAMESPACE}.{target})"'
            ' ContainsTarget="true"/>'
        )
    yield "</EntityType>"


def _annotation(term: str, value: str) -> str:
    return f"<Annotation Term={quoteattr(term)} String={quoteattr(value)}/>"


def _lookup_names(catalogue: Catalogue) -> frozenset[str]:
    """Lookups go by the name of the field that uses them."""
    records = (catalogue.record("Lookup", key) for key in catalogue.keys("Lookup"))
    return frozenset(record["LookupName"] for record in records if record)
