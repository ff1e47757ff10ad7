"""The static bulk of a Spark Property record, prepared once and shared by many listings.

A real record has some 700 keys, of which a listing's own facts are a hundred; the rest is null
padding, hidden-field annotations, lookup lists and local options. A prototype is one such rest,
made for a kind of property in a variant, as a dict and as JSON text. `listings.py` has the facts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from mls_assets.sandbox.catalogue import Shape
from mls_assets.sandbox.jsontext import dumps
from mls_assets.sandbox.world import schema
from mls_assets.sandbox.world.dice import Dice, salt
from mls_assets.sandbox.world.words import ESTATES, LAST, phone

VARIANTS = 24
HIDDEN = "@Core.Permissions"
BUYER_FIELDS = tuple(
    name for name, it in schema.standard_fields().items() if it.filled == 0 and 0 < it.hidden < 100
)
"""Fields that are null while a listing is on the market and hidden while it is under contract."""

PLATFORM = {
    "OriginatingSystemID": "M00000001",
    "SourceSystemID": "M00000001",
    "OriginatingSystemPlatformID": "T00000001",
    "OriginatingSystemPlatformName": "Sandbox",
    "SourceSystemPlatformID": "T00000001",
    "SourceSystemPlatformName": "Sandbox",
}
_SPARSE_KINDS = {"land", "commercial"}


class Prototype(NamedTuple):
    """The rest of a record: its fields, the same as text without the opening brace."""

    fields: Mapping[str, Any]
    tail: bytes


class Prototypes:
    """The prototypes that complete listings which bring the fields `own` themselves.

    They are the same for every seed and feed, so that a process makes each only once; which one
    a listing gets is what the seed decides.
    """

    def __init__(self, own: Collection[str]) -> None:
        names = frozenset(own) | frozenset(BUYER_FIELDS) | {"VideosChangeTimestamp"}
        self._own = names
        self.get = cache(self._get)

    def _get(self, kind: str, variant: int, shape: Shape) -> Prototype:
        return _make(kind, variant, shape, self._own)


@cache
def _make(kind: str, variant: int, shape: Shape, own: frozenset[str]) -> Prototype:
    # Both shapes draw the same numbers, so that they tell the same story.
    dice = Dice(salt(variant, kind), variant)
    ticked = _ticked(dice, kind)
    standard = _standard(dice, ticked)
    hidden = [
        name for name, it in schema.standard_fields().items() if it.filled == 0 and it.hidden == 100
    ]
    custom = _custom(dice)
    options: dict[str, Any] = {
        f"{group}_co_{option}": True for group, some in ticked.items() for option in some
    }
    if shape == "v3":
        known = schema.declared("Property")
        enabled = {name for name, it in schema.standard_fields().items() if it.filled}
        standard = {k: v for k, v in standard.items() if k in known and k in enabled}
        hidden = [name for name in hidden if name in known]
        options = _arrays(ticked, known)
        custom = {k: v for k, v in custom.items() if k in known}
    fields = {
        **{name: value for name, value in standard.items() if name not in own},
        **{name + HIDDEN: "None" for name in hidden if name not in own},
        **{name: value for name, value in custom.items() if name not in own},
        **options,
    }
    return Prototype(fields, dumps(fields)[1:])


def _ticked(dice: Dice, kind: str) -> dict[str, list[str]]:
    """Which local options a listing of this kind has, by group."""
    share = 0.15 if kind in _SPARSE_KINDS else 1.0
    chosen = {}
    for group, options in schema.custom_flags().items():
        some = [option for option, percent in options.items() if dice.chance(percent * share)]
        if some:
            chosen[group] = some
    return chosen


def _arrays(ticked: Mapping[str, list[str]], known: Mapping[str, str]) -> dict[str, list[str]]:
    """The v3 form: one array a group, where $metadata has one."""
    return {
        f"{group}_co_{group}": [schema.option_label(option) for option in some]
        for group, some in ticked.items()
        if f"{group}_co_{group}" in known
    }


def _standard(dice: Dice, ticked: Mapping[str, list[str]]) -> dict[str, Any]:
    lists = {
        schema.decoded_name(group).replace(" ", ""): [
            schema.option_label(option) for option in some
        ]
        for group, some in ticked.items()
    }
    co_listed = dice.chance(34)
    fields: dict[str, Any] = {}
    for name, it in schema.standard_fields().items():
        if it.filled == 0 and it.hidden:
            continue
        if it.absent and dice.chance(it.absent):
            continue
        if it.kind == "l" and it.filled:
            common = [value for value, percent in it.values.items() if dice.chance(percent)]
            fields[name] = lists.get(name, common)
        elif name in PLATFORM:
            fields[name] = PLATFORM[name]
        elif name.startswith("CoList"):
            fields[name] = _text(dice, name) if it.filled and co_listed else None
        elif it.filled == 0 or not dice.chance(it.filled):
            fields[name] = None
        else:
            fields[name] = _value(dice, name, it)
    return fields


def _value(dice: Dice, name: str, it: schema.Standard) -> Any:
    if it.kind == "b":
        return dice.chance(it.values.get("true", 100 if it.filled == 100 else 50))
    if it.values:
        return dice.weighted(it.values)
    return _by_kind(dice, name, it.kind)


def _by_kind(dice: Dice, name: str, kind: str) -> Any:
    if kind == "i":
        return dice.below(12)
    if kind == "n":
        small = name.endswith(("Spaces", "ParkingTotal"))
        return float(dice.below(5)) if small else dice.below(90_000) / 100
    if kind == "b":
        return dice.chance(50)
    if kind == "d":
        return f"20{dice.between(23, 25)}-{dice.between(1, 12):02}-{dice.between(1, 28):02}"
    if kind == "t":
        return f"2025-{dice.between(1, 12):02}-{dice.between(1, 28):02}T05:00:00Z"
    return [] if kind == "l" else _text(dice, name)


def _text(dice: Dice, name: str) -> str:
    if name.endswith(("Phone", "Fax")):
        return phone(dice)
    if name.endswith("Email"):
        return f"agent{dice.below(9999)}@example.com"
    if name.endswith("URL"):
        return dice.pick(("", "https://homes.example.com"))
    if name.endswith("MlsId"):
        return f"{dice.below(10**6):09}"
    if name.endswith("Key"):
        return f"2024{dice.between(1, 12):02}{dice.between(1, 28):02}{dice.below(10**12):012}000000"
    return dice.pick((dice.pick(ESTATES), dice.pick(LAST), f"{dice.below(999):03}", "Café #2", ""))


def _custom(dice: Dice) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, (kind, percent) in schema.custom_fields().items():
        if not dice.chance(percent):
            continue
        if name.rstrip("0123456789").endswith("_sp_YN"):
            fields[name] = dice.pick(("Yes", "No"))
        elif name.endswith("_sp_Level"):
            fields[name] = dice.pick(("Main", "Second"))
        else:
            fields[name] = _by_kind(dice, name, kind)
    return fields
