"""Forge's dialect: flat records, names of its own, photos and features inside the listing.

The rules are those of the vendor's guide (a couple of fields are not RESO's). How values are
decoded does not belong here, except for `Photos` and `ForgeFeatures`, which are no columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import polars as pl
from msgspec import Raw

from mls_assets.model.feed_names import FeedName
from mls_assets.model.resources import Resource
from mls_assets.reso import dictionary, tables
from mls_assets.reso.convert import ConversionError, convert
from mls_assets.reso.decode import series
from mls_assets.reso.dialect import Dialect, TakenApart
from mls_assets.reso.dictionary import DictionaryField, FieldType
from mls_assets.reso.filing import FieldMapping, FieldRole
from mls_assets.reso.rejects import LandedItem, Rejects
from mls_assets.reso.rows import Rows, frame, origin

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


def _take_apart(feed: FeedName, rows: Rows, rejects: Rejects) -> Sequence[TakenApart]:
    """Read the features and photos of listings."""
    if rows.resource is not Resource.PROPERTY:
        return ()
    _set_features(rows, rejects)
    return _photos_of(feed, rows, rejects)


def _set_features(rows: Rows, rejects: Rejects) -> None:
    found: list[list[dict[str, str | None]] | None] = []
    for item, raw in zip(rows.items, rows.tokens[FEATURES], strict=True):
        features, token = None, bytes(raw or b"null")
        try:
            features, problem = read_features(token)
        except ConversionError as misfit:
            problem = str(misfit)
        if problem:
            rejects.add(rows.resource, item, FEATURES, token, problem)
        found.append(features)
    name = tables.FORGE_FEATURES
    rows.columns[name] = series(name, found, tables.FEATURES_TYPE)


def _photos_of(feed: FeedName, rows: Rows, rejects: Rejects) -> Sequence[TakenApart]:
    """Make media rows of the photos of each listing that tells of them."""
    told: list[str] = []
    owners: list[LandedItem] = []
    places: list[int] = []
    addresses: list[str] = []
    for item, raw in zip(rows.items, rows.tokens[PHOTOS], strict=True):
        token = bytes(raw or b"null")
        try:
            photos = read_photos(token)
        except ConversionError as misfit:
            rejects.add(rows.resource, item, PHOTOS, token, str(misfit))
            continue
        if photos is None:
            continue
        told.append(item.record_key)
        for place, address in photos.addresses:
            owners.append(item)
            places.append(place)
            addresses.append(address)
        for photo, problem in photos.rejected:
            rejects.add(rows.resource, item, PHOTOS, photo, problem)
    if not told:
        return ()
    media = _photo_frame(feed, owners, places, addresses)
    return (TakenApart(Resource.MEDIA, media, told),)


def _photo_frame(
    feed: FeedName, owners: Sequence[LandedItem], places: Sequence[int], addresses: Sequence[str]
) -> pl.DataFrame:
    count = len(owners)
    listings = [item.record_key for item in owners]
    keys = [f"{listing}-{place}" for listing, place in zip(listings, places, strict=True)]
    texts = {
        "mls": [feed.mls] * count,
        "ListingKey": listings,
        "MediaKey": keys,
        "MediaURL": addresses,
        "MediaCategory": ["Photo"] * count,
        "ResourceName": [str(Resource.PROPERTY)] * count,
        "ResourceRecordKey": listings,
    }
    columns = origin(feed, owners)
    columns |= {name: series(name, values, "VARCHAR") for name, values in texts.items()}
    columns["Order"] = series("Order", places, "BIGINT")
    return frame(Resource.MEDIA, columns, count)


FORGE_DIALECT = Dialect(
    filing=filing,
    filled_from={Resource.PROPERTY: FILLED_FROM},
    feed_is_mls=True,
    take_apart=_take_apart,
)
