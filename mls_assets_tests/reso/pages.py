"""Records of the shape that the sources send, made up from the dictionary; nothing is real.

A Spark v2 record has some 700 keys and 25 kB: every standard field padded with null, withheld
ones replaced by an annotation, one boolean per custom option that is chosen.
"""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from mls_assets.model.records import LandedRecord
from mls_assets.model.resources import Resource
from mls_assets.reso import dictionary
from mls_assets.reso.dictionary import DictionaryField, FieldType

LANDED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
_WORDS = ("bright", "corner", "home", "near", "the", "park", "with", "an", "open", "kitchen")
_GROUPS = ("Interior_sp_Features", "Room_sp_Types", "Showing_sp_Requirements", "Restrictions")


def key(number: int) -> str:
    """A key as Spark makes them: 26 digits."""
    return f"20240712{number:06d}154755000000"


def spark_listing(number: int, *, media: int = 0) -> dict[str, Any]:
    """One listing of a Spark v2 page, with so many media if any are asked for."""
    dice = random.Random(number)
    record: dict[str, Any] = {}
    for name, field in dictionary.fields_of(Resource.PROPERTY).items():
        kind = random.Random(name).random()
        if kind < 0.35:
            continue
        if kind < 0.62:
            record[name] = [] if field.type is FieldType.LIST and kind < 0.6 else None
        elif kind < 0.80:
            record[f"{name}@Core.Permissions"] = "None"
        else:
            record[name] = _value(field, dice)
    record |= {f"FormerField{place}KeyNumeric": None for place in range(150)}
    for place in range(400):
        if dice.random() < 0.3:
            name = f"{_GROUPS[place % 4]}_co_Option_sp_Number_sp_{place}"
            record[name] = True if place % 5 else "Main"
    record |= {
        "ListingKey": key(number),
        "ListingId": f"R{number}",
        "OriginatingSystemName": "BeachesMLS",
        "StandardStatus": "Active",
        "PublicRemarks": " ".join(dice.choices(_WORDS, k=150)),
        "ModificationTimestamp": "2026-04-30T11:22:33Z",
    }
    if media:
        record["Media"] = [_photo(number, place) for place in range(1, media + 1)]
        record |= {"Room": [], "Unit": [], "OpenHouse": []}
    record["@odata.id"] = f"https://example.com/Reso/OData/Property('{key(number)}')"
    return record


def _value(field: DictionaryField, dice: random.Random) -> Any:
    known = sorted(field.lookup.values) if field.lookup else []
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=dice.randrange(10**7))
    match field.type:
        case FieldType.TEXT:
            return dice.choice(known) if known else " ".join(dice.choices(_WORDS, k=2))
        case FieldType.LIST:
            return dice.sample(known, min(len(known), dice.randrange(4)))
        case FieldType.INTEGER:
            return dice.randrange(3000)
        case FieldType.DECIMAL:
            return dice.randrange(10**8) / 100
        case FieldType.BOOLEAN:
            return dice.random() < 0.5
        case FieldType.TIMESTAMP:
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case FieldType.DATE:
            return moment.date().isoformat()


def _photo(number: int, place: int) -> dict[str, Any]:
    return {
        "MediaCategory": "Photo",
        "Permission": ["Public"],
        "LongDescription": "",
        "Order": place,
        "PreferredPhotoYN": place == 1,
        "MediaURL": f"https://photos.example.com/{number}/{place}.jpg",
        "MediaHTML": None,
        "MediaKey": f"{key(number)}{place:04d}",
        "ResourceRecordKey": key(number),
        "@odata.id": f"Property('{key(number)}')/Media('{place}')",
    }


def forge_listing(number: int) -> dict[str, Any]:
    """One listing as Forge sends it."""
    return {
        "DELETED": None,
        "ListingId": str(140000 + number),
        "ListingKey": str(1100000 + number),
        "UnparsedAddress": f"LOT {number} EXAMPLE CIRCLE",
        "City": "Springfield",
        "ListDate": "2004-02-04T00:00:00",
        "StandardStatus": "Withdrawn",
        "ListPrice": 27500 + number,
        "BedroomsTotal": None,
        "Remarks": "A view of the hills.",
        "Latitude": 45.162238,
        "Photos": [f"https://photos.example.com/{number}/{place}.jpg" for place in range(3)],
        "ForgeFeatures": [
            {"name": "Lot Description", "value": "Golf Course, Level"},
            {"name": "Road Frontage", "value": "75"},
            {"name": "Road Frontage", "value": "80"},
        ],
    }


def landed(number: int, record: dict[str, Any] | str, record_key: str = "") -> LandedRecord:
    """A record as it waits in the warehouse; `record` is an object or its text."""
    text = record if isinstance(record, str) else json.dumps(record, separators=(",", ":"))
    return LandedRecord(record_key or key(number), text.encode(), 7, LANDED_AT)
