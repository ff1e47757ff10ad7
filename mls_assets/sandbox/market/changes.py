"""What happens to a listing when its price, status, photos or remarks change: pure, RESO names.

Each function returns the fields to change; ModificationTimestamp is the caller's. Both sources
use them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mls_assets.sandbox.world.dice import Dice
from mls_assets.sandbox.world.keys import DAY, date, stamp
from mls_assets.sandbox.world.kinds import UNDER_CONTRACT
from mls_assets.sandbox.world.words import SENTENCES

CHANGE_KINDS = ("price", "status", "photos", "remarks", "touch")
"""What can be asked for; `touch` moves the timestamp and nothing else."""

_NEXT = {"Active": "Pending", "Coming Soon": "Active", "Pending": "Closed"}


def price(record: Mapping[str, Any], dice: Dice, now: int) -> dict[str, Any]:
    """Another price: usually less."""
    old = record.get("ListPrice") or 100_000.0
    factor = dice.pick((90, 93, 95, 97, 98, 103))
    return {
        "ListPrice": round(old * factor / 100, 2),
        "PreviousListPrice": old,
        "PriceChangeTimestamp": stamp(now),
        "MajorChangeTimestamp": stamp(now),
        "MajorChangeType": "Price Reduced" if factor < 100 else "Price Increase",
    }


def next_status(record: Mapping[str, Any], now: int, to: str | None = None) -> dict[str, Any]:
    """The next status in a listing's life, or the one asked for, with the dates it brings."""
    old = record.get("StandardStatus")
    new = to or ("Closed" if old in UNDER_CONTRACT else _NEXT.get(str(old), "Active"))
    back = new in ("Active", "Coming Soon")
    contract = new == "Closed" or new in UNDER_CONTRACT
    bought = record.get("PurchaseContractDate") or date(now)
    return {
        "StandardStatus": new,
        "MlsStatus": "Under Contract" if new in UNDER_CONTRACT else new,
        "StatusChangeTimestamp": stamp(now),
        "MajorChangeTimestamp": stamp(now),
        "MajorChangeType": "Back On Market" if back else "Status Change",
        "ContractStatusChangeDate": date(now),
        "OffMarketDate": None if back else date(now),
        "PurchaseContractDate": bought if contract else None,
        "Contingency": "Pending" if new in UNDER_CONTRACT else None,
        "CloseDate": date(now) if new == "Closed" else None,
        "ClosePrice": record.get("ListPrice") if new == "Closed" else None,
    }


def changed_remarks(dice: Dice) -> dict[str, Any]:
    """Other remarks."""
    return {"PublicRemarks": f"Updated. {dice.pick(SENTENCES)} {dice.pick(SENTENCES)}"}


def changed_photos(numbers: Sequence[int], highest: int, dice: Dice) -> tuple[int, ...]:
    """A new photo comes first, one of the old goes, two change places; at most 88 remain."""
    kept = list(numbers)
    if len(kept) > 1:
        kept.pop(dice.below(len(kept)))
    if len(kept) > 1:
        place = dice.below(len(kept) - 1)
        kept[place], kept[place + 1] = kept[place + 1], kept[place]
    fresh = range(highest + 1, highest + 2 + dice.below(2))
    return (*fresh, *kept)[:88]


def relisted(listing_id: str, now: int) -> dict[str, Any]:
    """A house that comes back under a new key and a new number, as a new listing."""
    return {
        "ListingId": listing_id,
        "StandardStatus": "Active",
        "MlsStatus": "Active",
        "MajorChangeType": "New Listing",
        "MajorChangeTimestamp": stamp(now),
        "StatusChangeTimestamp": stamp(now),
        "ListingContractDate": date(now),
        "OnMarketDate": date(now),
        "ContractStatusChangeDate": date(now),
        "DaysOnMarket": 0,
        "PriceChangeTimestamp": None,
        "PreviousListPrice": None,
        "OffMarketDate": None,
        "PurchaseContractDate": None,
        "Contingency": None,
        "CloseDate": None,
        "ClosePrice": None,
    }


def open_house_moved(now: int) -> dict[str, Any]:
    """Another time: the day after tomorrow, for two hours."""
    starts = (now // DAY + 2) * DAY + 15 * 3_600_000_000
    return {
        "OpenHouseStartTime": stamp(starts),
        "OpenHouseEndTime": stamp(starts + 2 * 3_600_000_000),
    }
