"""The Lookup resource: which values the feed's enumerations have, with keys unlike all others."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

from mls_assets.sandbox.world import schema

_CHANGED = "2025-03-03T17:43:35Z"


@cache
def lookup_rows() -> MappingProxyType[str, dict[str, Any]]:
    """Key -> record, ascending by key. Keys look like `2027-2027-2614-97`."""
    names: dict[str, dict[str, str]] = {
        name: dict(values) for name, values in schema.lookup_spellings().items()
    }
    for name, it in schema.standard_fields().items():
        if it.kind in "sl" and it.values:
            values = names.setdefault(name, {})
            for value in it.values:
                values.setdefault(value, "".join(c for c in value.title() if c.isalnum()))
    names.setdefault("PropertyType", {})["Land & Docks"] = "LandDocks"
    rows: dict[str, dict[str, Any]] = {}
    number = 0
    for position, (name, values) in enumerate(sorted(names.items())):
        for value, legacy in values.items():
            number += 1
            field = 2001 + position
            key = f"{field}-{field}-{2000 + number}-{10 + number % 90}"
            rows[key] = {
                "LookupKey": key,
                "LookupName": name,
                "LookupValue": value,
                "StandardLookupValue": value if name in schema.lookup_spellings() else None,
                "LegacyODataValue": legacy,
                "ModificationTimestamp": _CHANGED,
            }
    return MappingProxyType(dict(sorted(rows.items())))
