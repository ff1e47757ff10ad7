"""Which collections of a changed listing have to be asked for again. Pure.

The guide (Spark, "Update Data") recommends updating the relations with each update, and media
only where the listing's change timestamps say that something moved. What those fields tell is
written down in `sources.signals`; where they do not tell of every kind of media, it is asked.
"""

from collections.abc import Collection, Mapping

import msgspec

from mls_assets.model.resources import Resource
from mls_assets.sources import (
    MEDIA_KINDS,
    RELATIONS,
    SIGNAL_FIELDS,
    TOUR_FIELDS,
    TOUR_PREFIX,
    MediaKind,
)

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOTHING = (None, b"null")


def media_moved(before: bytes, after: bytes) -> bool:
    """Tell whether media may have changed between two versions of a listing.

    False only if both versions tell of every kind of media, and tell the same.
    """
    try:
        old, new = _signals(before), _signals(after)
    except msgspec.MsgspecError:
        return True
    return not (
        all(_kind_stands(kind, old, new) for kind in MEDIA_KINDS)
        and _of_tours(old) == _of_tours(new)
        and all(name in old for name in TOUR_FIELDS)
    )


def due(
    before: bytes | None,
    after: bytes,
    *,
    stored: Collection[Resource],
    relations: Collection[str],
    dated: bool = True,
) -> frozenset[str]:
    """Return which of `relations` to ask for, given a listing's stored and new version.

    An unchanged listing needs nothing, if it is `dated`: without a ModificationTimestamp the same
    members do not tell that its collections stand, so it is taken for a changed one; a new one, or
    one whose collection was never told, needs everything; a changed one its rooms and units (they
    carry no timestamp of their own) and its media unless every kind of them tells that it stands.
    """
    never_told = {name for name in relations if RELATIONS[name] not in stored}
    if before is None:
        return frozenset(relations)
    if before == after and dated:
        return frozenset(never_told)
    wanted = {name for name in relations if name != "Media"} | never_told
    if "Media" in relations and media_moved(before, after):
        wanted.add("Media")
    return frozenset(wanted)


def _signals(body: bytes) -> dict[str, bytes]:
    """The members of a listing that can tell of its media, verbatim."""
    return {
        name: bytes(value)
        for name, value in _members(body).items()
        if name in SIGNAL_FIELDS or name.startswith(TOUR_PREFIX)
    }


def _kind_stands(kind: MediaKind, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> bool:
    """Whether a kind is told by both versions, and did not move.

    An equal count says nothing of its own (one photo can take another's place), unless it is 0.
    """
    timestamps = old.get(kind.timestamp), new.get(kind.timestamp)
    counts = old.get(kind.count), new.get(kind.count)
    if timestamps[0] != timestamps[1]:
        return False
    if counts[0] not in _NOTHING and counts[1] not in _NOTHING and counts[0] != counts[1]:
        return False
    return timestamps[1] not in _NOTHING or counts == (b"0", b"0")


def _of_tours(signals: Mapping[str, bytes]) -> dict[str, bytes]:
    """The addresses of tours that are told; an annotation tells that one is hidden."""
    return {name: value for name, value in signals.items() if name.startswith(TOUR_PREFIX)}
