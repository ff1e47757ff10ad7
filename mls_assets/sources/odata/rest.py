"""Fetching the rest of a listing's collection by the link beside it, so far as it can be had.

Nothing is raised for a rest that cannot be had: the collection stays cut, and says so. Only a
source that is not there, or limits our requests, ends the walk.
"""

import logging
import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mls_assets.errors import (
    AnswerBroken,
    LinkExpired,
    SourceRefused,
    SourceUnreachable,
    TokenRefused,
)
from mls_assets.sources.odata.expansions import Collection
from mls_assets.sources.odata.queries import envelope_of
from mls_assets.sources.transport.links import resolve_link
from mls_assets.sources.transport.session import HttpSession

log = logging.getLogger(__name__)

#: Further pages of one collection, and bytes of all its items; a real listing has 100 photos.
MOST_PAGES = 200
MOST_BYTES = 32 * 1024 * 1024
#: Requests and bytes for all collections of one page; what is beyond stays cut, and has its turn
#: at the end of the run. Each of 1,000 listings can have a rest.
MOST_REQUESTS_A_PAGE = 2_000
MOST_BYTES_A_PAGE = 128 * 1024 * 1024
#: After so many rests in a row to which the source had no proper answer, a page's others are left.
MOST_FAILURES = 3

_ORDER = random.Random()  # noqa: S311 - guards nothing
_ENTITY_SET = "Property"


@dataclass(slots=True)
class _Spent:
    """What one page's collections cost so far, and how many failed in a row."""

    requests: int = 0
    size: int = 0
    failures: int = 0

    @property
    def all(self) -> bool:
        return (
            self.requests >= MOST_REQUESTS_A_PAGE
            or self.size >= MOST_BYTES_A_PAGE
            or self.failures >= MOST_FAILURES
        )


def with_rests(http: HttpSession, base: str, collections: Iterable[Collection]) -> list[Collection]:
    """Return a page's collections with what their links lead to; still cut where that is not all.

    The links are followed by the rules for any link: never to another origin, never in a circle.
    Raises SourceUnreachable where the source is not there or limits our requests.
    """
    spent = _Spent()
    found = list(collections)
    waiting = [number for number, one in enumerate(found) if not one.whole]
    _ORDER.shuffle(waiting)  # so that those whose rest fails for good never keep others waiting
    for number in waiting:
        if spent.all:
            break
        found[number] = _with_rest(http, base, found[number], spent)
    return found


def _with_rest(http: HttpSession, base: str, collection: Collection, spent: _Spent) -> Collection:
    asked = f"{base}/{_ENTITY_SET}"
    followed: set[str] = set()
    size = len(collection.body)
    while collection.link and not collection.broken and not spent.all:
        try:
            _bound(len(followed), size)
            spent.requests += 1
            url = resolve_link(collection.link, _beside(collection.link, base, asked), http.origin)
            _note(url, followed)
            part = http.get(url, envelope_of, continuation=True).content
        except (AnswerBroken, LinkExpired, SourceRefused, TokenRefused) as error:
            log.warning("The rest of a listing's %s could not be had: %s", collection.name, error)
            return replace(collection, broken=True)
        except SourceUnreachable as error:
            if not error.answers:
                raise
            spent.failures += 1
            log.warning("The rest of a listing's %s could not be had: %s", collection.name, error)
            return replace(collection, broken=True)
        spent.failures = 0
        spent.size += sum(map(len, part.elements))
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
