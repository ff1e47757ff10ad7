"""Fetching the rest of a listing's collection by the link beside it, so far as it can be had.

Nothing is raised for a rest that cannot be had: the collection stays cut, and says so. Only a
source that does not answer at all ends the walk.
"""

import logging
from dataclasses import replace

from mls_assets.errors import AnswerBroken, LinkExpired, SourceRefused, TokenRefused
from mls_assets.sources.expansions import Collection
from mls_assets.sources.http import HttpSession
from mls_assets.sources.links import follow
from mls_assets.sources.odata import Envelope, envelope_of

log = logging.getLogger(__name__)

#: Further pages of one collection, and bytes of all its items; a real listing has 100 photos.
MOST_PAGES = 200
MOST_BYTES = 32 * 1024 * 1024

_ENTITY_SET = "Property"


def with_rest(http: HttpSession, base: str, collection: Collection) -> Collection:
    """Return the collection with what its links lead to; still cut where that is not all.

    The links are followed by the rules for any link: never to another origin, never in a circle.
    Raises SourceUnreachable.
    """
    asked = f"{base}/{_ENTITY_SET}"
    followed: set[str] = set()
    size = len(collection.body)
    while collection.link:
        try:
            _bound(len(followed), size)
            url = follow(collection.link, _beside(collection.link, base, asked), http.origin)
            _note(url, followed)
            part = http.get(url, _part_of, continuation=True).content
        except (AnswerBroken, LinkExpired, SourceRefused, TokenRefused) as error:
            log.warning("The rest of a listing's %s could not be had: %s", collection.name, error)
            return replace(collection, broken=True)
        collection = collection.with_more(part.elements, part.next_link, part.count)
        size += sum(map(len, part.elements))
        asked = url
    return collection


def _bound(pages: int, size: int) -> None:
    if pages >= MOST_PAGES or size > MOST_BYTES:
        raise AnswerBroken(f"it has more than {pages:,} further pages, or than {size:,} bytes")


def _note(url: str, followed: set[str]) -> None:
    if url in followed:
        raise AnswerBroken("its link had been followed before")
    followed.add(url)


def _beside(link: str, base: str, asked: str) -> str:
    """What a relative link is relative to: one that begins with the entity set, to the root."""
    return f"{base}/{_ENTITY_SET}" if link.startswith(_ENTITY_SET) else asked


def _part_of(body: bytes) -> Envelope:
    return envelope_of(body)
