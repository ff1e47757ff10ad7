"""What hangs under a Spark listing: media, rooms and units, as Spark nests them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mls_assets.sandbox.jsontext import dumps
from mls_assets.sandbox.world.dice import Dice, salt
from mls_assets.sandbox.world.keys import child_key
from mls_assets.sandbox.world.kinds import PROPERTY_KINDS
from mls_assets.sandbox.world.listings import Listings
from mls_assets.sandbox.world.schema import declared

CAPTIONS = ("", "Front", "Kitchen", "Primary bath", "View to the garden", "Pool", "")
_CAPTION_JSON = tuple(dumps(caption).decode() for caption in CAPTIONS)
_EXTRA_FROM, _ROOM_FROM, _UNIT_FROM = 400_000, 500_000, 600_000
_CDN = "https://cdn.photos.example.com/fl/"

_PHOTO = '{"MediaCategory":"Photo","Permission":["Public"],"LongDescription":"","Order":'

_ROOMS = (
    "Primary Bedroom",
    "Bedroom 2",
    "Bedroom 3",
    "Kitchen",
    "Living Room",
    "Dining Room",
    "Den",
)


def photo_url(key: str, number: int) -> str:
    """The picture's address; the number in it differs from the MediaKey, as it does on Spark."""
    return f"{_CDN}{child_key(key, 999_999 - number)}-o.jpg"


class Children:
    """The children of one feed's listings.

    A photo is a number under its listing: 1..n at first; `numbers` is their present order. The
    numbers of new photos go on from there, so that a MediaKey never comes back for another photo.
    """

    def __init__(self, seed: int, feed: str, listings: Listings) -> None:
        self._listings = listings
        self._room_salt = salt(seed, f"{feed}/rooms")
        self._unit_salt = salt(seed, f"{feed}/units")

    def media(self, index: int, key: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Photos in order, then the other categories, each counting its Order from 1."""
        photos = [
            {
                "MediaCategory": "Photo",
                "Permission": ["Public"],
                "LongDescription": "",
                "Order": order,
                "PreferredPhotoYN": order == 1,
                "ShortDescription": CAPTIONS[(index + number) % len(CAPTIONS)],
                "MediaURL": photo_url(key, number),
                "MediaHTML": None,
                **_identity(key, child_key(key, number)),
            }
            for order, number in enumerate(numbers, 1)
        ]
        return photos + list(self._extras(index, key))

    def media_json(self, index: int, key: str, numbers: Sequence[int], root: str) -> bytes:
        """`media` as text with `@odata.id`, several times faster than serialising it."""
        start, captions = key[:20], _CAPTION_JSON
        middle = f'-o.jpg","MediaHTML":null,"OriginatingSystemMediaKey":"{start}'
        end = (
            f'","ResourceRecordID":"{key}","ResourceRecordKey":"{key}",'
            f"\"@odata.id\":\"{root}/Property('{key}')/Media('{start}"
        )
        photos = [
            f'{_PHOTO}{order},"PreferredPhotoYN":{"true" if order == 1 else "false"},'
            f'"ShortDescription":{captions[(index + number) % len(captions)]},'
            f'"MediaURL":"{_CDN}{start}{999_999 - number:06}{middle}{number:06}",'
            f'"MediaKey":"{start}{number:06}{end}{number:06}\')"}}'
            for order, number in enumerate(numbers, 1)
        ]
        for row in self._extras(index, key):
            row["@odata.id"] = f"{root}/Property('{key}')/Media('{row['MediaKey']}')"
            photos.append(dumps(row).decode())
        return f"[{','.join(photos)}]".encode()

    def _extras(self, index: int, key: str) -> Iterator[dict[str, Any]]:
        number = _EXTRA_FROM
        for category, count in self._listings.extras(index).items():
            for order in range(1, count + 1):
                number += 1
                media = child_key(key, number)
                video = category == "Video"
                url = f"https://documents.example.com/{media}.pdf"
                if category == "Unbranded Virtual Tour":
                    url = f"https://tours.example.com/{index}"
                yield {
                    "MediaCategory": category,
                    "Permission": ["Public"],
                    "LongDescription": None,
                    "Order": order,
                    "PreferredPhotoYN": None,
                    "ShortDescription": category,
                    "MediaURL": None if video else url,
                    "MediaHTML": f'<iframe src="https://video.example.com/{media}"></iframe>'
                    if video
                    else None,
                    **_identity(key, media),
                }

    def rooms(self, index: int, key: str) -> list[dict[str, Any]]:
        """Rooms with dimensions as text and no reference to their listing; two may look alike."""
        beds = PROPERTY_KINDS[self._listings.kind(index)].beds
        dice = Dice(self._room_salt, index)
        count = dice.between(3, 3 + beds[1]) if beds else 0
        return [
            {
                "RoomType": _ROOMS[min(number, len(_ROOMS)) - 1],
                "RoomLength": f"{dice.between(8, 24)}.{dice.pick(('00', '50', '25'))}",
                "RoomWidth": f"{dice.between(7, 18)}.00",
                "RoomLevel": dice.pick(("Main", "Second")),
                "RoomDescription": "Tray ceiling" if dice.chance(10) else None,
                "RoomKey": child_key(key, _ROOM_FROM + number),
            }
            for number in range(1, count + 1)
        ]

    def units(self, index: int, key: str) -> list[dict[str, Any]]:
        """Unit types: `[]` but for multi-family."""
        dice = Dice(self._unit_salt, index)
        rows = []
        for number in range(1, self._listings.unit_count(index) + 1):
            row: dict[str, Any] = {
                name: [] if edm.startswith("Collection") else None
                for name, edm in declared("PropertyUnits").items()
            }
            rent = float(dice.between(700, 2900))
            row |= {
                "UnitTypeKey": child_key(key, _UNIT_FROM + number),
                "UnitTypeType": dice.pick(("1 Bedroom", "2 Bedroom", "Efficiency")),
                "UnitTypeBedsTotal": dice.between(0, 3),
                "UnitTypeBathsFull": dice.between(1, 2),
                "UnitTypeBathsHalf": dice.below(2),
                "UnitTypeUnitsTotal": 1,
                "UnitTypeSqFt": float(dice.between(350, 1400)),
                "UnitTypeActualRent": rent,
                "UnitTypeAnnualRent": rent * 12,
                "UnitTypeFurnished": dice.pick(("Unfurnished", "Partially", None)),
                "UnitTypeAppliances": ["Range", "Refrigerator"] if dice.chance(60) else [],
                "UnitTypeCurrentlyLeasedYN": dice.chance(70),
                "UnitTypeLeaseExpiration": "2026-06-30" if dice.chance(40) else None,
            }
            rows.append(row)
        return rows


def _identity(key: str, media: str) -> dict[str, str]:
    return {
        "OriginatingSystemMediaKey": media,
        "MediaKey": media,
        "ResourceRecordID": key,
        "ResourceRecordKey": key,
    }
