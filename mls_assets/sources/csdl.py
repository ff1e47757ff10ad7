"""What an OData source's `$metadata` declares: fields with types and readable names. Pure.

CSDL is read for that alone; how records look is told by the records themselves.
"""

import io
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from mls_assets.errors import AnswerBroken
from mls_assets.values import Declaration, DeclaredField, Resource

#: Spark's entity types that RESO calls by another name (source: its $metadata).
_RESOURCES: Mapping[str, Resource] = {
    **{str(resource): resource for resource in Resource},
    "PropertyUnits": Resource.UNIT_TYPES,
}
_LOCAL_NAME = "MLS.OData.Metadata.LocalName"
#: A name, a type or a label beyond this is none; real ones have some 60 characters.
_LONGEST = 255


def declaration_of(body: bytes) -> Declaration:
    """Read the fields of our resources, each once, in order of resource and name.

    Raises AnswerBroken for what is no CSDL, or declares no field of ours: no source without any
    could be replicated, so that says nothing about its fields.
    """
    if b"<!DOCTYPE" in body:
        raise AnswerBroken("its $metadata has a document type, which CSDL never has")
    found: dict[tuple[Resource, str], DeclaredField] = {}
    try:
        for field in _read(body):
            found[field.resource, field.name] = field
    except ElementTree.ParseError as error:
        raise AnswerBroken(f"its $metadata is no XML ({error})") from None
    if not found:
        raise AnswerBroken("its $metadata declares no field of a RESO resource")
    return Declaration(tuple(found[place] for place in sorted(found)), body)


def _read(body: bytes) -> Iterator[DeclaredField]:
    entity: Resource | None = None
    name = kind = label = ""
    # in passing, for a tree of 20,000 elements is many times as large as its text
    parts = ElementTree.iterparse(io.BytesIO(body), events=("start", "end"))  # noqa: S314 - no DTD
    for event, element in parts:
        tag = element.tag.rpartition("}")[2]
        if event == "start":
            if tag == "EntityType":
                entity = _RESOURCES.get(element.get("Name", ""))
            elif tag == "Property":
                name, kind, label = element.get("Name", ""), element.get("Type", ""), ""
            elif tag == "Annotation" and element.get("Term", "").endswith(_LOCAL_NAME):
                label = element.get("String", "")
        elif tag == "EntityType":
            entity = None
            element.clear()
        elif tag == "Property":
            fits = all(len(text) <= _LONGEST for text in (name, kind, label))
            if entity is not None and name and kind and fits:
                yield DeclaredField(entity, name, kind, label)
            name = ""
