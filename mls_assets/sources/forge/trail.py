"""The way along an event log, to notice that it does not get on. Pure; nothing is asked here."""

from mls_assets.errors import PagingLoop
from mls_assets.sources.forge.answers import EventPage

#: A filter may leave out long stretches of a log; then fewer events remain with each page.
_EMPTY_PAGES = 100


class EventTrail:
    """Counts the pages of one walk along a log; `most_pages` is how many it may have."""

    def __init__(self, where: str, most_pages: int) -> None:
        self._where = where
        self._most_pages = most_pages
        self._pages = self._empty = 0
        self._fewest: int | None = None

    def step(self, page: EventPage, *, ended: bool) -> None:
        """Note a page. Raises PagingLoop if asking for the next one leads nowhere."""
        self._pages += 1
        remaining = page.position.remaining
        fewer = remaining is not None and (self._fewest is None or remaining < self._fewest)
        if fewer:
            self._fewest = remaining
        came = page.records or page.removals or page.rejects
        self._empty = 0 if came or fewer else self._empty + 1
        if ended:
            return
        if self._empty > _EMPTY_PAGES:
            raise self._loop(
                f"{self._empty} pages in a row were empty, and no fewer events remain than before"
            )
        if self._pages >= self._most_pages:
            raise self._loop(f"{self._pages:,} pages are the limit of one walk")

    def _loop(self, reason: str) -> PagingLoop:
        return PagingLoop(
            f"{self._where}: the log does not get on at page {self._pages:,}: {reason}. That page "
            "was not applied; run again, and tell the source if it stays so."
        )
