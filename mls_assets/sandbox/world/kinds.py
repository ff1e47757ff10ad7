"""The sorts of property and the statuses of listings: how many, how large, at what price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class PropertyKind:
    """A sort of property: how often per mille, its RESO types, its rough size and price."""

    weight: int
    property_type: str
    sub_type: str
    noun: str
    beds: tuple[int, int] | None
    area: tuple[int, int] | None
    price: tuple[int, int]
    unit_share: int = 0
    units: tuple[int, int] | None = None


PROPERTY_KINDS: Mapping[str, PropertyKind] = {
    "house": PropertyKind(
        400, "Residential", "Single Family Residence", "house", (2, 6), (900, 5200), (180, 2400)
    ),
    "condo": PropertyKind(
        260, "Residential", "Condominium", "condo", (1, 4), (480, 2600), (90, 1500), 100
    ),
    "townhouse": PropertyKind(
        120, "Residential", "Townhouse", "townhouse", (2, 4), (1000, 2800), (150, 900), 60
    ),
    "manufactured": PropertyKind(
        40, "Residential", "Manufactured Home", "home", (1, 3), (500, 1700), (35, 240)
    ),
    "lease": PropertyKind(
        60, "Residential Lease", "Apartment", "apartment", (1, 3), (400, 1800), (1, 9), 100
    ),
    "income": PropertyKind(
        40,
        "Residential Income",
        "Duplex",
        "building",
        (2, 12),
        (1500, 9000),
        (250, 3000),
        0,
        (2, 6),
    ),
    "land": PropertyKind(60, "Land", "Unimproved Land", "parcel", None, None, (8, 900)),
    "commercial": PropertyKind(
        20, "Commercial Sale", "Office", "building", None, (900, 40_000), (200, 9000)
    ),
}
LOCAL_TYPE = "Land & Docks"
"""A PropertyType that only this MLS knows: one parcel in eight has it."""

SETTLED = {"Closed": 80, "Expired": 8, "Canceled": 5, "Withdrawn": 5, "Active": 2}
CURRENT = {
    "Active": 620,
    "Pending": 180,
    "Active Under Contract": 60,
    "ActiveUnderContract": 8,
    "Coming Soon": 20,
    "Closed": 52,
    "Hold": 10,
    "Withdrawn": 30,
    "Canceled": 10,
    "Expired": 10,
}
"""Per mille; the older third of a market is `SETTLED` (percent). One spelling is the legacy one."""

UNDER_CONTRACT = {"Pending", "Active Under Contract", "ActiveUnderContract"}
MARKET_STATUSES = {"Active", "Coming Soon", *UNDER_CONTRACT}
SHOWABLE = MARKET_STATUSES - {"Pending"}


def _ladder(weights: Mapping[str, int]) -> tuple[str, ...]:
    """A table to draw from with one index instead of a walk over the weights."""
    return tuple(name for name, weight in weights.items() for _ in range(weight))


KIND_LADDER = _ladder({name: kind.weight for name, kind in PROPERTY_KINDS.items()})
SETTLED_LADDER = _ladder(SETTLED)
CURRENT_LADDER = _ladder(CURRENT)
