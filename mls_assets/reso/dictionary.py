"""RESO Data Dictionary 2.0 of the seven resources, as the package's data files declare it.

Facts of the standard only (names, types, lookups): no rule of a source, no table of ours. The
data files hold what the normaliser needs, without definition texts.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from mls_assets.model.resources import Resource


class FieldType(StrEnum):
    """What a field holds, by its Edm name (without the prefix)."""

    TEXT = "String"
    INTEGER = "Int64"
    DECIMAL = "Decimal"
    BOOLEAN = "Boolean"
    TIMESTAMP = "DateTimeOffset"
    DATE = "Date"
    LIST = "Collection(String)"


@dataclass(frozen=True, slots=True)
class Lookup:
    """One enumeration.

    `values` are the standard values, `legacy` maps a legacy spelling (`ActiveUnderContract`) to
    its standard value (`Active Under Contract`) where the two differ. Both are empty for the
    lookups that the standard leaves to the MLS (`City`, `MlsStatus`, ...): any text is fine.
    `with_commas` are the spellings that hold a comma themselves, so that joined text can be told
    from a value.
    """

    name: str
    values: frozenset[str]
    legacy: Mapping[str, str]
    with_commas: frozenset[str]

    def standard(self, spelling: str) -> str:
        """The standard value of a legacy spelling; any other text as it is."""
        return self.legacy.get(spelling, spelling)


@dataclass(frozen=True, slots=True)
class DictionaryField:
    """One field of one resource; `max_length` is the suggested one (texts), never enforced."""

    resource: Resource
    name: str
    type: FieldType
    max_length: int | None = None
    lookup: Lookup | None = None


_EXPANSION = "Expansion"


def _rows(file_name: str) -> Iterator[dict[str, str]]:
    text = files("mls_assets.reso").joinpath("data", file_name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


@cache
def all_lookups() -> Mapping[str, Lookup]:
    """Every enumeration that a field of the seven resources names, by name."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    legacy: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in _rows("lookups.csv"):
        values[row["lookup"]].add(row["value"])
        if row["legacy"]:
            legacy[row["lookup"]][row["legacy"]] = row["value"]
    named = {row["lookup"] for row in _rows("fields.csv") if row["lookup"]}
    return MappingProxyType(
        {
            name: Lookup(
                name,
                frozenset(values[name]),
                MappingProxyType(legacy[name]),
                frozenset(text for text in (*values[name], *legacy[name]) if "," in text),
            )
            for name in sorted(named)
        }
    )


def is_standard(lookup: str, value: str) -> bool:
    """Tell whether the Data Dictionary 2.0 has this value in a lookup of this name."""
    known = all_lookups().get(lookup)
    return known is not None and known.standard(value) in known.values


@cache
def fields_of(resource: Resource) -> Mapping[str, DictionaryField]:
    """The fields of a resource that hold values, in the dictionary's order, by name."""
    return MappingProxyType(
        {
            row["field"]: DictionaryField(
                resource,
                row["field"],
                FieldType(row["type"]),
                int(row["max_length"]) if row["max_length"] else None,
                all_lookups()[row["lookup"]] if row["lookup"] else None,
            )
            for row in _rows("fields.csv")
            if row["resource"] == resource and row["type"] != _EXPANSION
        }
    )


@cache
def expansions(resource: Resource) -> frozenset[str]:
    """The names under which a record of this resource may carry other records inside."""
    return frozenset(
        row["field"]
        for row in _rows("fields.csv")
        if row["resource"] == resource and row["type"] == _EXPANSION
    )
