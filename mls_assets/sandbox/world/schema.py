"""Field names, types and frequencies of a real feed, read from the data files beside this room.

Names and figures only. `property_profile.json`: standard field -> [kind, % filled, % hidden,
% absent, {value: %}]; custom option -> % ticked; other custom field -> [kind, % present].
`spark_schema.json`: what $metadata declares. `forge_schema.json`: the Forge record types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

EDM = {
    "s": "Edm.String",
    "n": "Edm.Decimal",
    "i": "Edm.Int64",
    "b": "Edm.Boolean",
    "d": "Edm.Date",
    "t": "Edm.DateTimeOffset",
    "l": "Collection(Edm.String)",
}

SANDBOX_KEY_FIELDS = {
    "Property": "ListingKey",
    "Member": "MemberKey",
    "Office": "OfficeKey",
    "OpenHouse": "OpenHouseKey",
    "Lookup": "LookupKey",
    "Media": "MediaKey",
    "PropertyRooms": "RoomKey",
    "PropertyUnits": "UnitTypeKey",
}

NAVIGATIONS: Mapping[str, Mapping[str, str]] = {
    "Property": {
        "Media": "Media",
        "Room": "PropertyRooms",
        "Unit": "PropertyUnits",
        "OpenHouse": "OpenHouse",
    },
    "Member": {"Media": "Media"},
    "Office": {"Media": "Media"},
}

_ESCAPES = {
    "_lparen_": "(",
    "_rparen_": ")",
    "_hyphen_": "-",
    "_pound_": "#",
    "_percent_": "%",
    "_squote_": "'",
    "_sp_": " ",
}


class Standard(NamedTuple):
    """How one standard field of Property behaves over many real records (percent)."""

    kind: str
    filled: int
    hidden: int
    absent: int
    values: Mapping[str, int]


@cache
def _data(name: str) -> Any:
    source = files("mls_assets.sandbox").joinpath("data", f"{name}.json")
    return json.loads(source.read_text(encoding="utf-8"))


@cache
def standard_fields() -> Mapping[str, Standard]:
    """The standard fields of Property in the order of the wire."""
    return {name: Standard(*row) for name, row in _data("property_profile")["standard"].items()}


def custom_flags() -> Mapping[str, Mapping[str, int]]:
    """Group -> option -> percent of records that tick it, both names as the wire encodes them."""
    return _data("property_profile")["flags"]


def custom_fields() -> Mapping[str, tuple[str, int]]:
    """The MLS's own fields of Property -> (kind, percent of records that have one)."""
    return _data("property_profile")["custom"]


@cache
def declared(entity_type: str) -> Mapping[str, str]:
    """Field -> Edm type as $metadata declares it; {} for an unknown type."""
    kinds = _data("spark_schema")["types"].get(entity_type, {})
    return {name: EDM[kind] for name, kind in kinds.items()}


@cache
def forge_fields(kind: str) -> Mapping[str, str]:
    """Field -> kind letter of `listings` or `agents`."""
    return _data("forge_schema")[kind]


def lookup_spellings() -> Mapping[str, Mapping[str, str]]:
    """Lookup name -> standard value -> legacy spelling."""
    return _data("lookups")


def decoded_name(encoded: str) -> str:
    """Undoes the wire's escapes of a custom name: `Spa_lparen_s_rparen_` is `Spa(s)`."""
    for escape, text in _ESCAPES.items():
        encoded = encoded.replace(escape, text)
    return re.sub(" +", " ", encoded).strip()


def option_label(encoded: str) -> str:
    """The label of an option, without the digits that only tell equal names apart."""
    return re.sub(r"(?<=\D)\d+$", "", decoded_name(encoded))


@cache
def local_names() -> Mapping[str, str]:
    """Declared custom field -> label, such as `Auction Terms: Absolute`."""
    exceptions = _data("spark_schema")["labels"]
    names = {}
    for field in declared("Property"):
        if "_co_" in field:
            group, _, option = field.partition("_co_")
            group, option = decoded_name(group), option_label(option)
            label = group if option == group else f"{group}: {option}"
            names[field] = exceptions.get(field, label)
    return names
