"""Forge's dialect: flat records, names of its own, photos and features inside the listing.

The rules are those of the vendor's guide (a couple of fields are not RESO's). How values are
decoded does not belong here, except for `Photos` and `ForgeFeatures`, which are no columns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from msgspec import Raw

from mls_assets.model.resources import Resource
from mls_assets.reso import dictionary
from mls_assets.reso.convert import ConversionError, convert
from mls_assets.reso.dictionary import DictionaryField, FieldType
from mls_assets.reso.filing import FieldMapping, FieldRole

PHOTOS = "Photos"
FEATURES = "ForgeFeatures"

#: RESO field that is filled from Forge's own field where it is absent or null.
FILLED_FROM: Mapping[str, str] = {"PublicRemarks": "Remarks", "ListingContractDate": "ListDate"}

_TOMBSTONE = "DELETED"
_NULL = b"null"


@cache
def filing(resource: Resource) -> FieldMapping:
    """How Forge's records of this resource are filed."""
    columns = tuple(dictionary.fields_of(resource))
    expansions = dictionary.expansions(resource)
    taken_apart: tuple[str, ...] = ()
    if resource is Resource.PROPERTY:
        taken_apart = (PHOTOS, FEATURES)
        columns += tuple(FILLED_FROM.values())

    def role(name: str) -> FieldRole:
        if name in FILLED_FROM.values():
            return FieldRole.LOCAL
        if name in columns or name in taken_apart:
            return FieldRole.COLUMN
        if name == _TOMBSTONE:
            return FieldRole.ENVELOPE
        if name in expansions:
            return FieldRole.EXPANSION
        return FieldRole.LOCAL

    return FieldMapping(columns + taken_apart, role)


def label(name: str) -> str:
    """The readable label of a field: its name, for Forge's records are flat and plain."""
    return name


def mls_of_feed_name(feed: str) -> str:
    """The MLS key of a Forge feed."""
    return feed.removeprefix("forge/")


def filled(tokens: list[Raw | None], others: list[Raw | None]) -> set[int]:
    """Fill a RESO column from Forge's own field, in place; answers the positions filled."""
    positions = {
        position
        for position, (token, other) in enumerate(zip(tokens, others, strict=True))
        if other is not None and (token is None or bytes(token) == _NULL)
    }
    for position in positions:
        tokens[position] = others[position]
    return positions


@dataclass(frozen=True, slots=True)
class Photos:
    """A listing's photos: (position from 1, address), and (token, problem) of the rest.

    A photo that is no text counts for the positions of those behind it.
    """

    addresses: tuple[tuple[int, str], ...]
    rejected: tuple[tuple[bytes, str], ...]


_ADDRESS = DictionaryField(Resource.MEDIA, "MediaURL", FieldType.TEXT)
_TOKENS = msgspec.json.Decoder(list[Raw])


def read_photos(token: bytes) -> Photos | None:
    """Read `Photos`; None if it is null (not told). Raises ConversionError if it is no list."""
    if token == _NULL:
        return None
    if not token.startswith(b"["):
        raise ConversionError("no list of photos")
    addresses, rejected = [], []
    for position, item in enumerate(_TOKENS.decode(token), 1):
        photo = bytes(item)
        if photo.startswith(b'"'):
            addresses.append((position, str(convert(_ADDRESS, photo))))
        else:
            rejected.append((photo, f"photo {position} is no address"))
    return Photos(tuple(addresses), tuple(rejected))


_NAME = DictionaryField(Resource.PROPERTY, "name", FieldType.TEXT)
_VALUE = DictionaryField(Resource.PROPERTY, "value", FieldType.TEXT)
_PAIRS = msgspec.json.Decoder(list[dict[str, Raw]])


def read_features(token: bytes) -> tuple[list[dict[str, Any]] | None, str]:
    """Read `ForgeFeatures` in its order, repeated and null names kept; None if it is null.

    Answers the features and what to note about them (empty: nothing). Raises ConversionError if
    they are no list of objects, or a name or value is no text.
    """
    if token == _NULL:
        return None, ""
    try:
        pairs = _PAIRS.decode(token)
    except msgspec.ValidationError:
        raise ConversionError("no list of names and values") from None
    found = [
        {
            "name": convert(_NAME, bytes(pair.get("name", _NULL))),
            "value": convert(_VALUE, bytes(pair.get("value", _NULL))),
        }
        for pair in pairs
    ]
    more = any(pair.keys() - {"name", "value"} for pair in pairs)
    return found, "a feature has more than a name and a value; only these are kept" if more else ""
