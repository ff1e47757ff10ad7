"""Spark's dialect: annotations of withheld fields, inline relations, the MLS by its own name.

Which field is what belongs here, as observed on Spark's RESO Web API (payload v2 and v3); how
values are decoded does not.
"""

from functools import cache

from mls_assets.model.resources import Resource
from mls_assets.reso import dictionary
from mls_assets.reso.dialect import Dialect
from mls_assets.reso.filing import FieldMapping, FieldRole

_WITHHELD = "@Core.Permissions"
_CONTROL = "odata."

#: Collections of a listing that the landing stores as child sets, by Spark's names and RESO's.
_CHILDREN = frozenset({"Media", "Room", "Rooms", "Unit", "UnitTypes"})
#: Spark's name of a relation that RESO calls by another (open houses come from their own set).
_OPEN_HOUSES = frozenset({"OpenHouse"})


@cache
def filing(resource: Resource) -> FieldMapping:
    """How Spark's records of this resource are filed."""
    columns = dictionary.fields_of(resource)
    children = _CHILDREN if resource is Resource.PROPERTY else frozenset()
    expansions = dictionary.expansions(resource)
    if resource is Resource.PROPERTY:
        expansions |= _OPEN_HOUSES

    def role(name: str) -> FieldRole:
        if name in columns:
            return FieldRole.COLUMN
        if name.endswith(_WITHHELD):
            return FieldRole.WITHHELD
        if _is_control(name):
            return FieldRole.ENVELOPE
        if name in children:
            return FieldRole.CHILDREN
        if name in expansions:
            return FieldRole.EXPANSION
        return FieldRole.LOCAL

    return FieldMapping(tuple(columns), role, lambda name: name.removesuffix(_WITHHELD))


def _is_control(name: str) -> bool:
    """Whether a member is OData's own word about a field: `Media@odata.count`, 4.01's `@count`.

    Terms of other vocabularies have a dot in their name; that of control information is optional.
    """
    _, mark, term = name.rpartition("@")
    return bool(mark) and (term.startswith(_CONTROL) or "." not in term)


#: How Spark writes in a custom field's name what a name cannot hold.
_WRITTEN = (
    ("_co_", ": "),
    ("_sp_", " "),
    ("_hyphen_", "-"),
    ("_lparen_", "("),
    ("_rparen_", ")"),
    ("_pound_", "#"),
)


def label(name: str) -> str:
    """The readable label of a field, `Group: Field Name` of `Group_co_Field_sp_Name`.

    A digit at the end may tell two fields of one label apart, so it stays.
    """
    for written, meant in _WRITTEN:
        name = name.replace(written, meant)
    return name


SPARK_DIALECT = Dialect(filing=filing, label=label, annotates_withheld=True)
