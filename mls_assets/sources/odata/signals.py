"""The fields by which a listing tells that its media changed. One declaration, nothing else.

The guide (Spark, "Update Data") names change timestamps for photos, videos and documents; floor
plans have one too, tours have only their addresses. They are asked for with every `select`, and
`replication.children` decides by them.

What a field tells is the same in both payload shapes: a value tells, `null` in a timestamp or a
count tells nothing. Shape v2 sends every standard field (unused ones as `null`), v3 only those
that the MLS has enabled and filled, and both replace a hidden field by `@Core.Permissions`. So a
field that is absent can be hidden, switched off or empty, and never means "nothing changed".
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaKind:
    """A kind of media: the timestamp that says that it changed, and how many there are."""

    timestamp: str
    count: str


MEDIA_KINDS = (
    MediaKind("PhotosChangeTimestamp", "PhotosCount"),
    MediaKind("VideosChangeTimestamp", "VideosCount"),
    MediaKind("DocumentsChangeTimestamp", "DocumentsCount"),
    MediaKind("FloorPlansChangeTimestamp", "FloorPlansCount"),
)

#: The addresses of tours; a null is told: there is none. Some MLSs have further ones.
TOUR_FIELDS = ("VirtualTourURLBranded", "VirtualTourURLUnbranded")
TOUR_PREFIX = "VirtualTourURL"

#: All of them, as a `select` asks for them.
SIGNAL_FIELDS = (
    *(name for kind in MEDIA_KINDS for name in (kind.timestamp, kind.count)),
    *TOUR_FIELDS,
)
