"""Forge's replication API as iterators of pages, as its guide asks: ask, handle, ask for more.

Nothing here stores a cursor: a page carries the event id to store with what it brought. One
client serves every MLS of a token.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from mls_assets.errors import (
    AccessLost,
    ConfigurationError,
    MlsAssetsError,
    PagingLoop,
    SourceError,
    SourceRefused,
)
from mls_assets.model.declarations import Declaration
from mls_assets.model.feed_names import FeedName
from mls_assets.model.records import Page
from mls_assets.model.resources import Resource
from mls_assets.sources.forge.answers import (
    AnsweredErrors,
    EventPage,
    Position,
    events_of,
    mlses_of,
    positions_of,
    went_back,
)
from mls_assets.sources.forge.errors import unknown_field
from mls_assets.sources.forge.queries import (
    DEFAULT_LISTING_FIELDS,
    MLSES_QUERY,
    RECORD_KINDS,
    ForgeShape,
    MlsList,
)
from mls_assets.sources.forge.shapes import ForgeShapes
from mls_assets.sources.forge.trail import EventTrail
from mls_assets.sources.transport.deadline import Limits
from mls_assets.sources.transport.links import shown_address, shown_text
from mls_assets.sources.transport.session import HttpAnswer, HttpSession

__all__ = ["ForgeClient", "Position"]

T = TypeVar("T")

_STANDSTILL_TRIES = 3
_STANDSTILL_SECONDS = 5.0
#: MLSs in one question for positions.
MAX_MLSES_PER_QUERY = 50
_INT_LIMIT_NEAR = 2_000_000_000  # GraphQL's Int ends at 2,147,483,647


class ForgeClient:
    """One token of Forge. Use it as a context manager; it is safe for several threads.

    `fields_fallback` names the listing fields to ask for where introspection is refused; `shapes`
    is what another client of the same address found out, and is added to.
    Raises ConfigurationError for an unusable address or token, and everything that
    `HttpSession` raises. A page that raises was not yielded.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        patience: float = 30.0,
        limits: Limits | None = None,
        fields_fallback: tuple[str, ...] = DEFAULT_LISTING_FIELDS,
        session: HttpSession | None = None,
        shapes: dict[str, ForgeShape | None] | None = None,
    ) -> None:
        self._url = url.strip()
        self._http = session or HttpSession(self._url, token, patience=patience, limits=limits)
        self.shapes = ForgeShapes(
            shown_address(self._url),
            self._ask,
            self.mlses,
            fields_fallback,
            {} if shapes is None else shapes,
        )

    def __repr__(self) -> str:
        return f"ForgeClient({shown_address(self._url)!r})"

    def __enter__(self) -> "ForgeClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; what another thread is still fetching breaks off."""
        self._http.close()

    def mlses(self) -> MlsList:
        """Every MLS that the token has access to."""
        return self._ask(MLSES_QUERY, {}, mlses_of).content

    def declared(self) -> Declaration | None:
        """What the server's record types declare; None if it tells no schema.

        Raises AnswerBroken for a schema that is not whole, and what the session raises.
        """
        return self.shapes.declared()

    def pages(
        self,
        feed: str,
        mls: str,
        resource: Resource,
        *,
        after: int,
        filter: Sequence[Any] | None = None,  # noqa: A002 - the argument's name at the vendor's
    ) -> Iterator[Page]:
        """The events after `after`, page by page, until none remain.

        `filter` is passed on as the query's argument of that name. `Page.position` is what to
        store with the page. Where the source's `remaining` is unusable (negative, a word), the
        walk ends with answers that bring no new event id; then the last page's `remaining` is
        None, for nobody said that this is the end of the log. Raises AccessLost, CursorWentBack,
        PagingLoop (the log stands still although events remain, or has no end within the limit of
        pages) and whatever the session raises.
        """
        shape, name = self._shape_for(resource), FeedName(feed, is_mls=True)
        if filter and shape.filter_type is None:
            raise ConfigurationError(
                f"{feed}: the source's `{shape.query}` takes no filter. Nothing was asked; take "
                "`filter` out of the feeds file."
            )
        query = shape.page_query(filtered=bool(filter))
        trail = EventTrail(_where(mls, shape), self._http.limits.pages)
        while True:
            variables = {"mls_key": mls, "latest_event": after}
            if filter:
                variables["filter"] = list(filter)
            answer = self._events(query, variables, shape)
            events = answer.content
            if events is None:
                raise self._access_lost(mls)
            position = events.position
            ended = position.remaining == 0 or position.latest_event == after
            trail.step(events, ended=ended)
            yield Page(
                feed=name,
                resource=resource,
                fetched_at=answer.began_at,
                records=events.records,
                removals=events.removals,
                rejects=events.rejects,
                in_event_order=True,
                position=position.latest_event,
                remaining=position.remaining,
                size=answer.size,
                sha256=answer.sha256,
            )
            if ended:
                return
            after = position.latest_event

    def positions(
        self,
        mlses: Sequence[str],
        cursors: Mapping[str, int],
        resource: Resource = Resource.PROPERTY,
    ) -> dict[str, Position | SourceError]:
        """Where these MLSs' logs stand seen from the cursors (0 where there is none).

        One request for up to 50 of them. An MLS's error is its value; errors of the whole
        request are raised.
        """
        shape = self._shape_for(resource)
        found: dict[str, Position | SourceError] = {}
        for start in range(0, len(mlses), MAX_MLSES_PER_QUERY):
            asked = [
                (mls, cursors.get(mls, 0)) for mls in mlses[start : start + MAX_MLSES_PER_QUERY]
            ]
            variables: dict[str, Any] = {}
            for number, (mls, after) in enumerate(asked):
                variables |= {f"k{number}": mls, f"e{number}": after}
            query = shape.positions_query(len(asked))
            read = partial(positions_of, shape=shape, asked=asked)
            found |= self._ask(query, variables, read).content
        return found

    # ------------------------------------------------------------------------------------

    def _ask(
        self, query: str, variables: Mapping[str, Any], read: Callable[[bytes], T]
    ) -> HttpAnswer[T]:
        """POST a query and read its answer; GraphQL's errors are judged like HTTP's."""

        def judged(body: bytes) -> T:
            try:
                return read(body)
            except AnsweredErrors as answered:
                self._http.judge(answered.verdict, shown_address(self._url), digest=answered.digest)

        return self._http.post(self._url, {"query": query, "variables": dict(variables)}, judged)

    def _events(
        self, query: str, variables: Mapping[str, Any], shape: ForgeShape
    ) -> HttpAnswer[EventPage | None]:
        """One page that gets on, or has nothing more to bring.

        An answer with the same event id that does not say that no events remain is asked for
        again, a few times.
        """
        after: int = variables["latest_event"]
        where = _where(variables["mls_key"], shape)
        remaining = 0
        for attempt in range(_STANDSTILL_TRIES):
            if attempt:
                self._http.sleep(_STANDSTILL_SECONDS * attempt)
            try:
                answer = self._ask(query, variables, partial(events_of, shape=shape))
            except SourceError as error:
                if after > _INT_LIMIT_NEAR:
                    raise type(error)(f"{error} {_near_limit(after)}") from None
                hint = self.shapes.if_refused.get(shape.kind)
                if hint and unknown_field(error):
                    raise SourceRefused(f"{error} {hint}") from None
                raise
            if answer.content is None:
                return answer
            position = answer.content.position
            if position.latest_event < after:
                raise went_back(where, after, position.latest_event)
            if position.latest_event > after or position.remaining == 0:
                return answer
            if position.remaining is None and attempt + 1 == _STANDSTILL_TRIES:
                return answer
            remaining = position.remaining or remaining
        raise PagingLoop(
            f"{where}: {remaining:,} events remain after event {after:,}, but "
            f"{_STANDSTILL_TRIES} answers got no further. Nothing of them was applied; run again, "
            "and tell the source if it stays so."
        )

    def _access_lost(self, mls: str) -> AccessLost:
        unlisted, advice = False, "check the access, or erase the feed"
        try:
            answer = self.mlses()
        except MlsAssetsError:
            known = "not to be had"
        else:
            keys = [found.key for found in answer.mlses]
            known = ", ".join(shown_text(key, 60) for key in keys) or "none"
            unlisted = bool(keys) and not answer.odd and mls not in keys
            alike = [key for key in keys if key != mls and key.casefold() == mls.casefold()]
            if unlisted and alike:
                advice = f"did you mean {shown_text(alike[0], 60)}? Correct `mlses` under [forge]"
        return AccessLost(
            f"{shown_text(mls, 60)} is unknown to the source, or access to it has ended (MLSs it "
            f"lists: {known}). Nothing was applied or removed; {advice}.",
            unlisted=unlisted,
        )

    def _shape_for(self, resource: Resource) -> ForgeShape:
        kind = next((kind for kind, (of, _) in RECORD_KINDS.items() if of is resource), None)
        shape = self.shapes.shape(kind) if kind is not None else None
        if shape is None:
            raise SourceRefused(
                f"{shown_address(self._url)} has no query for {resource} records. Nothing was "
                "asked."
            )
        return shape


def _where(mls: str, shape: ForgeShape) -> str:
    return f"{shown_text(mls, 60)} {shape.query}"


def _near_limit(after: int) -> str:
    return (
        f"The event id {after:,} is near 2,147,483,647, the largest that GraphQL's Int can send: "
        "ask the vendor."
    )
