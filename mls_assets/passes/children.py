"""Which child collections of a changed listing have to be asked for again. Pure.

The guide (Spark, "Update Data") recommends updating the relations with each update, and media
only where the listing's change timestamps say that something moved.
"""

from collections.abc import Collection

import msgspec

from mls_assets.sources import RELATIONS
from mls_assets.values import Resource

#: A kind of media: the timestamp that says it moved, and the count to go by if that is hidden.
_MEDIA_SIGNALS = (
    ("PhotosChangeTimestamp", "PhotosCount"),
    ("VideosChangeTimestamp", "VideosCount"),
    ("DocumentsChangeTimestamp", "DocumentsCount"),
    ("FloorPlansChangeTimestamp", "FloorPlansCount"),
)

_MediaFacts = msgspec.defstruct(
    "_MediaFacts",
    [(name, msgspec.Raw, msgspec.Raw(b"")) for pair in _MEDIA_SIGNALS for name in pair],
    frozen=True,
)
_decode = msgspec.json.Decoder(_MediaFacts).decode
_NOT_TOLD = (b"", b"null")


def media_moved(before: bytes, after: bytes) -> bool:
    """Tell whether the change timestamps (or hidden ones' counts) of two versions differ."""
    try:
        old, new = _decode(before), _decode(after)
    except msgspec.DecodeError:
        return True
    for timestamp, count in _MEDIA_SIGNALS:
        was, now = bytes(getattr(old, timestamp)), bytes(getattr(new, timestamp))
        if now in _NOT_TOLD:
            if bytes(getattr(old, count)) != bytes(getattr(new, count)):
                return True
        elif was != now:
            return True
    return False


def due(
    before: bytes | None,
    after: bytes,
    *,
    stored: Collection[Resource],
    relations: Collection[str],
) -> frozenset[str]:
    """Return which of `relations` to ask for, given a listing's stored and new version.

    An unchanged listing needs nothing; a new one, or one whose collection was never told,
    needs everything; a changed one its rooms and units (they carry no timestamp of their own)
    and its media if they moved.
    """
    never_told = {name for name in relations if RELATIONS[name] not in stored}
    if before is None:
        return frozenset(relations)
    if before == after:
        return frozenset(never_told)
    wanted = {name for name in relations if name != "Media"} | never_told
    if "Media" in relations and media_moved(before, after):
        wanted.add("Media")
    return frozenset(wanted)
