"""What an OData source's `$metadata` declares: fields with types and readable names. Pure.

CSDL is read for that alone; how records look is told by the records themselves.
"""

from collections.abc import Mapping
from dataclasses import replace
from xml.parsers import expat

from mls_assets.errors import AnswerBroken
from mls_assets.model.declarations import Declaration, DeclaredField
from mls_assets.model.resources import Resource

#: Spark's entity types that RESO calls by another name (source: its $metadata).
_RESOURCES: Mapping[str, Resource] = {
    **{str(resource): resource for resource in Resource},
    "PropertyUnits": Resource.UNIT_TYPES,
}
_LOCAL_NAME = "MLS.OData.Metadata.LocalName"
#: A name, a type or a label beyond this is none; real ones have some 60 characters.
_LONGEST = 255


def read_csdl(body: bytes) -> Declaration:
    """Read the fields of our resources, each once, in order of resource and name.

    Raises AnswerBroken for what is no CSDL, or declares no field of ours: no source without any
    could be replicated, so that says nothing about its fields.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise AnswerBroken(f"its $metadata is no XML ({error})") from None
    if not reader.found:
        raise AnswerBroken("its $metadata declares no field of a RESO resource")
    return Declaration(tuple(reader.found[place] for place in sorted(reader.found)), body)


class _Reader:
    """Takes the fields out of the elements as they pass; no tree is kept."""

    def __init__(self) -> None:
        self.found: dict[tuple[Resource, str], DeclaredField] = {}
        self._entity: Resource | None = None
        self._field: DeclaredField | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note where we are."""
        match tag.rpartition("}")[2]:
            case "EntityType":
                self._entity = _RESOURCES.get(attributes.get("Name", ""))
            case "Property" if self._entity is not None:
                name, kind = attributes.get("Name", ""), attributes.get("Type", "")
                if 0 < len(name) <= _LONGEST and 0 < len(kind) <= _LONGEST:
                    self._field = DeclaredField(self._entity, name, kind)
            case "Annotation" if self._field is not None:
                label = attributes.get("String", "")
                if attributes.get("Term", "").endswith(_LOCAL_NAME) and len(label) <= _LONGEST:
                    self._field = replace(self._field, label=label)

    def end(self, tag: str) -> None:
        """Keep a field once all of it has passed."""
        match tag.rpartition("}")[2]:
            case "EntityType":
                self._entity = None
            case "Property" if self._field is not None:
                self.found[self._field.resource, self._field.name] = self._field
                self._field = None


def _refuse_doctype(*_: object) -> None:
    raise AnswerBroken("its $metadata has a document type, which CSDL never has")
