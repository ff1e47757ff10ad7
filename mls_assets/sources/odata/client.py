"""Spark's RESO Web API as iterators of pages, exactly as its replication guide asks.

Walks, questions by key, and counts. What a page means for the tables is decided elsewhere:
nothing here stores, compares or removes. One client serves one feed.
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from mls_assets.errors import AnswerBroken
from mls_assets.model.declarations import Declaration, LookupValue
from mls_assets.model.records import KeyPage, Page
from mls_assets.model.resources import KEY_FIELDS, Resource
from mls_assets.sources.odata.answers import (
    LOOKUP_MEMBERS,
    MODIFIED,
    STATUS,
    ExpandedAnswer,
    PageAnswer,
    expanded_answer,
    lookups_of,
    members_to_read,
    page_from,
    relation_page_of,
)
from mls_assets.sources.odata.csdl import read_csdl
from mls_assets.sources.odata.expansions import RELATIONS, Collection, collections_in, members_of
from mls_assets.sources.odata.queries import (
    WITHOUT_TIMESTAMP,
    Envelope,
    PaginationGuard,
    after_key,
    batches,
    changed_between,
    envelope_of,
    keys_filter,
    news_since,
    pages_by_skip,
    url_of,
)
from mls_assets.sources.odata.rest import with_rests
from mls_assets.sources.odata.signals import SIGNAL_FIELDS
from mls_assets.sources.transport.deadline import Limits
from mls_assets.sources.transport.links import resolve_link, shown_address
from mls_assets.sources.transport.records import RecordHeader, header_of, instant
from mls_assets.sources.transport.retry import NOT_APPLIED
from mls_assets.sources.transport.session import HttpAnswer, HttpSession
from mls_assets.sources.transport.vendor_errors import QuestionRefused

log = logging.getLogger(__name__)

_NOT_IN_SYNC = "/1024"

#: Always asked for with a configured `select`: key, timestamp and the status that can say
#: "Delete"; further what tells that media moved, so far as the source declares it.
_ALWAYS_SELECTED = ("ListingKey", MODIFIED, STATUS)


class SparkClient:
    """One Spark feed. Use it as a context manager; it is safe for several threads.

    `select` names the Property fields to ask for (none: all); key, timestamps and what else tells
    of media are added. `relations` names the collections that are taken where a listing brings
    them along, by any of their names. `notes` collects what the user should be told.
    Raises ConfigurationError for an unusable address or token, and everything that
    `HttpSession` raises; walks raise PagingLoop and LinkExpired too. A page that raises was
    not yielded, so the link of the page before it is still the one to resume from.
    """

    def __init__(
        self,
        feed: str,
        base_url: str,
        token: str,
        *,
        page_size: int = 1000,
        relations_page_size: int = 250,
        select: tuple[str, ...] = (),
        relations: Sequence[str] = tuple(RELATIONS),
        patience: float = 30.0,
        limits: Limits | None = None,
        session: HttpSession | None = None,
    ) -> None:
        self.feed = feed
        self._base = base_url.strip().rstrip("/")
        self._http = session or HttpSession(base_url, token, patience=patience, limits=limits)
        self.page_size = page_size
        self._relations_page_size = relations_page_size
        self._select = select
        asked = {RELATIONS[name] for name in relations}
        self._taken = [name for name, resource in RELATIONS.items() if resource in asked]
        self._selectable: tuple[str, ...] | None = None
        self._with_in = True
        self.notes: list[str] = []
        self.expands_open_houses = True  # until the source refuses to

    def __repr__(self) -> str:
        return f"SparkClient({self.feed!r}, {self._base!r})"

    def __enter__(self) -> "SparkClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; what another thread is still fetching breaks off."""
        self._http.close()

    @property
    def clock(self) -> datetime | None:
        """When the request of the newest answer began; None before any.

        By the source's clock, but never later than by ours.
        """
        return self._http.clock

    @property
    def skew(self) -> timedelta | None:
        """By how much our clock is ahead of the source's; None where it tells none."""
        return self._http.skew

    # Walks ------------------------------------------------------------------------------

    def pages(
        self,
        resource: Resource,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        resume: str | None = None,
    ) -> Iterator[Page]:
        """All records (guide, step 1), or those modified after `since` (step 2).

        `resume` goes on from the `next` of an earlier page. Never filtered by status: changes
        to Closed or Withdrawn have to arrive too.
        """
        url = resume or self._records_url(resource, _window(since, until))
        steps = self._walk(
            url, resource, members_to_read(resource), continuation=resume is not None
        )
        for step in steps:
            yield page_from(self.feed, resource, step, self._with_rest, self._taken)

    def link_behind(
        self,
        resource: Resource,
        key: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> str:
        """The link by which a walk of `pages` goes on behind a key where the server gave none."""
        return self._records_url(resource, _window(since, until), _behind(resource, key))

    def relation_pages(
        self, relations: Sequence[str], *, resume: str | None = None
    ) -> Iterator[Page]:
        """The child collections of all listings: a walk that selects the key and expands.

        Its pages carry `children` and `untold` only. A listing without a collection's member
        gets no ChildSet for it: some servers ignore an expansion, and only `[]` means "none".
        """
        url = resume or self._url(
            Resource.PROPERTY,
            top=self._relations_page_size,
            select=(KEY_FIELDS[Resource.PROPERTY],),
            expand=relations,
        )
        warned = False
        for step in self._walk(
            url, Resource.PROPERTY, members_of(relations), continuation=resume is not None
        ):
            collections = self._with_rest(collections_in(step.heads, relations))
            if step.keys and not collections and not warned:
                warned = True
                log.warning("%s: the source leaves out %s", self.feed, ", ".join(relations))
            yield relation_page_of(self.feed, step, collections)

    def key_pages(self, resource: Resource, *, behind: str | None = None) -> Iterator[KeyPage]:
        """The key sweep (guide, step 3): step 1 again with only the key selected.

        `behind` goes on behind a key where the server gave no link.
        """
        key_field = KEY_FIELDS[resource]
        where = _behind(resource, behind)
        url = self._url(resource, top=self.page_size, count=True, select=(key_field,), where=where)
        for step in self._walk(url, resource, ()):
            breaches = ("code 1024: the source was not in step with the MLS",)
            if not _out_of_step(step.answer):
                breaches = ()
            yield KeyPage(
                keys=tuple(step.keys),
                keyless=len(step.rejects),
                fetched_at=step.answer.began_at,
                next=step.next,
                count=step.count,
                breaches=breaches,
                paged_by_skip=pages_by_skip(step.next),
            )

    def lookups(self) -> Iterator[list[LookupValue]]:
        """The Lookup set, page by page, which Spark pages by offset.

        Raises AnswerBroken at its end if the source counts more than came, or lists more behind.
        """
        options = {"$top": str(self.page_size)}
        count, came = None, 0
        for step in self._walk(url_of(self._base, "Lookup", options), "Lookup", LOOKUP_MEMBERS):
            count = step.count if step.count is not None else count
            came += len(step.heads)
            yield lookups_of(step)
        behind = {"$top": "1", "$skip": str(came)}
        more = self._get(url_of(self._base, "Lookup", behind), "Lookup").content.elements
        if more or (count is not None and count > came):
            raise AnswerBroken(
                f"{self._base}/Lookup ended after {came:,} values, although there are more, so it "
                "was not taken over."
            )

    def declared(self) -> Declaration:
        """What `$metadata` declares; AnswerBroken if it cannot be read."""
        url = f"{self._base}/$metadata"
        return self._http.get(url, read_csdl, accept="application/xml").content

    # Questions by key -------------------------------------------------------------------

    def records(self, resource: Resource, keys: Sequence[str]) -> Iterator[Page]:
        """These records, in batches; a key that the source does not answer is in no page."""
        answers = self._by_key(resource, keys, self._selected(resource), members_to_read(resource))
        for step in itertools.chain.from_iterable(answers):
            yield page_from(self.feed, resource, step, self._with_rest, self._taken)

    def existing_keys(
        self, resource: Resource, keys: Sequence[str], controls: Sequence[str] = ()
    ) -> set[str]:
        """Which of these keys the source answers; each question carries the controls too.

        Controls are keys that are there. Raises AnswerBroken if an answer is without one of
        them, if a record cannot be read, or if the source was not in step with the MLS (code
        1024): the absence of the others would prove nothing.
        """
        found, cut = self._answered(resource, keys, controls)
        silent = sorted(set(keys) - found)
        if cut and silent:
            # what repeats a record can be full before it came to the last one
            more, cut = self._answered(resource, silent, controls)
            found |= more
            if cut and set(silent) - more:
                raise AnswerBroken(
                    f"{self._base}/{resource} answered records twice, and may have cut off others "
                    f"for it, so its silence about some proves nothing. {NOT_APPLIED}"
                )
        return found & set(keys)

    def _answered(
        self, resource: Resource, keys: Sequence[str], controls: Sequence[str]
    ) -> tuple[set[str], bool]:
        """The keys that are answered, and whether an answer repeated some."""
        found: set[str] = set()
        cut = False
        for answer in self._by_key(resource, keys, (KEY_FIELDS[resource],), (), controls=controls):
            came: list[str] = []
            for step in answer:
                if step.rejects:
                    raise AnswerBroken(
                        f"{self._base}/{resource}: {len(step.rejects):,} records of a "
                        f"confirmation could not be read ({step.rejects[0].problem}), so it "
                        "proves no absence."
                    )
                if _out_of_step(step.answer):
                    raise AnswerBroken(
                        f"{self._base}/{resource} was not in step with the MLS (code 1024) when "
                        "keys were asked for again, so its silence about some proves nothing."
                    )
                came += step.keys
            repeats = len(set(came)) < len(came)
            silent = set(controls) - set(came)
            if silent and not repeats:
                raise AnswerBroken(
                    f"{self._base}/{resource} did not answer for {len(silent)} of "
                    f"{len(controls)} keys that it had just listed, so its silence about others "
                    "proves nothing. Nothing was removed for it; the next sweep starts over."
                )
            cut = cut or repeats
            found |= set(came)
        return found, cut

    def children(self, listing_keys: Sequence[str], relations: Sequence[str]) -> ExpandedAnswer:
        """The collections of these listings, and which of the listings were answered.

        The listings' OpenHouse can be among `relations`.
        """
        collections: list[Collection] = []
        answered: set[str] = set()
        key_field = KEY_FIELDS[Resource.PROPERTY]
        answers = self._by_key(
            Resource.PROPERTY, listing_keys, (key_field,), members_of(relations), expand=relations
        )
        for step in itertools.chain.from_iterable(answers):
            collections += self._with_rest(collections_in(step.heads, relations))
            answered.update(step.keys)
            # of a record that cannot be read it is told that it is there, and nothing else
            answered.update(reject.key for reject in step.rejects if reject.key)
        return expanded_answer(answered, relations, collections)

    def undated(self, resource: Resource) -> Iterator[list[str]]:
        """The keys of records that the source says have no ModificationTimestamp.

        Raises AnswerBroken if it answers one that has a usable timestamp: it ignores the filter.
        """
        select = (KEY_FIELDS[resource], MODIFIED)
        url = self._url(resource, top=self.page_size, select=select, where=WITHOUT_TIMESTAMP)
        for step in self._walk(url, resource, (MODIFIED,)):
            heads = [head for head in step.heads if isinstance(head, RecordHeader)]
            if any(instant(head.members.get(MODIFIED)) for head in heads):
                raise AnswerBroken(
                    f"{shown_address(url)} answered records that were not asked for, so it ignores "
                    f"$filter. {NOT_APPLIED}"
                )
            yield [head.key for head in heads]

    # Small questions --------------------------------------------------------------------

    def count(
        self, resource: Resource, *, since: datetime | None = None, until: datetime | None = None
    ) -> int | None:
        """How many records the source counts (of a window, as `pages` asks for it).

        None where it gives no usable count. What it counted after an answer that it was not in
        step with the MLS is none.
        """
        url = self._url(
            resource,
            top=1,
            count=True,
            select=(KEY_FIELDS[resource],),
            where=_window(since, until),
        )
        answer = self._get(url, resource)
        return None if _out_of_step(answer) else answer.content.count

    def peek(
        self,
        resource: Resource,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        after: str | None = None,
        skip: int = 0,
    ) -> list[str]:
        """The next few keys of a walk, behind a key or so many records after its start.

        A record without a usable key is an empty text.
        """
        where = " and ".join(filter(None, (_window(since, until), _behind(resource, after))))
        key_field = KEY_FIELDS[resource]
        url = self._url(resource, top=2, select=(key_field,), where=where or None, skip=skip)
        heads = (header_of(item, key_field) for item in self._get(url, resource).content.elements)
        return [head.key if isinstance(head, RecordHeader) else "" for head in heads]

    def some_keys(self, resource: Resource, how_many: int) -> list[str]:
        """Keys that the source lists just now, the first ones; one small request."""
        url = self._url(resource, top=min(how_many, self.page_size), select=(KEY_FIELDS[resource],))
        return next(self._walk(url, resource, ())).keys

    def newest_than(self, resource: Resource, since: datetime) -> bool:
        """Whether anything was modified after the second of `since`; one small request.

        What is dated further in the future than any clock errs is no news, however often asked.
        """
        where = news_since(since, datetime.now(UTC))
        url = self._url(resource, top=1, select=(KEY_FIELDS[resource],), where=where)
        return bool(self._get(url, resource).content.elements)

    # ------------------------------------------------------------------------------------

    def _records_url(self, resource: Resource, *clauses: str | None) -> str:
        return self._url(
            resource,
            top=self.page_size,
            count=True,
            select=self._selected(resource),
            where=" and ".join(filter(None, clauses)) or None,
        )

    def _url(
        self,
        resource: Resource,
        *,
        top: int,
        count: bool = False,
        select: Sequence[str] = (),
        expand: Sequence[str] = (),
        where: str | None = None,
        skip: int = 0,
    ) -> str:
        options = {
            "$top": str(top),
            "$skip": str(skip) if skip else None,
            "$count": "true" if count else None,
            "$select": ",".join(select),
            "$expand": ",".join(expand),
            "$filter": where,
        }
        return url_of(self._base, resource, options)

    def _selected(self, resource: Resource) -> tuple[str, ...]:
        if resource is not Resource.PROPERTY or not self._select:
            return ()
        if self._selectable is None:
            self._selectable = self._signals()
        return tuple(dict.fromkeys((*_ALWAYS_SELECTED, *self._selectable, *self._select)))

    def _signals(self) -> tuple[str, ...]:
        """Those of the fields that tell of media which the source lets us select.

        One small question finds out. Where it is refused each field is asked for by itself: one
        refusal of all says nothing about a single one, and a field that is left out would be
        emptied in each record that changes.
        """
        if self._selects(*SIGNAL_FIELDS):
            return SIGNAL_FIELDS
        found = tuple(name for name in SIGNAL_FIELDS if self._selects(name))
        left_out = [name for name in SIGNAL_FIELDS if name not in found]
        if left_out:
            self.notes.append(
                f"{self.feed}: the source refuses a `select` with {', '.join(left_out)}, so it is "
                "asked without. Media of each changed listing are asked for."
            )
        return found

    def _selects(self, *names: str) -> bool:
        everything = (*_ALWAYS_SELECTED, *names)
        try:
            self._get(self._url(Resource.PROPERTY, top=1, select=everything), Resource.PROPERTY)
        except QuestionRefused:
            return False
        return True

    def _with_rest(self, collections: Sequence[Collection]) -> list[Collection]:
        return with_rests(self._http, self._base, collections)

    def _get(self, url: str, resource: str, *, continuation: bool = False) -> HttpAnswer[Envelope]:
        read = partial(envelope_of, resource=resource)
        return self._http.get(url, read, continuation=continuation)

    def _walk(
        self, url: str, resource: str, wanted: tuple[str, ...], *, continuation: bool = False
    ) -> Iterator[PageAnswer]:
        """Ask for `url`, then for every next link, verbatim, until an answer has none."""
        trail = PaginationGuard(url, self._http.limits.pages)
        asked: str | None = url
        while asked is not None:
            answer = self._get(asked, resource, continuation=continuation)
            link = answer.content.next_link
            following = resolve_link(link, asked, self._http.origin) if link is not None else None
            key_field = KEY_FIELDS[resource] if isinstance(resource, Resource) else "LookupKey"
            heads = tuple(header_of(item, key_field, wanted) for item in answer.content.elements)
            step = PageAnswer(heads, following, answer.content.count, answer)
            trail.step(step.keys, following)
            yield step
            del answer, heads, step  # a page is not kept while the next one travels
            asked, continuation = following, True

    def _by_key(
        self,
        resource: Resource,
        keys: Sequence[str],
        select: Sequence[str],
        wanted: tuple[str, ...],
        *,
        expand: Sequence[str] = (),
        controls: Sequence[str] = (),
    ) -> Iterator[list[PageAnswer]]:
        """Ask for records by key, an answer at a time; the controls are asked for in each.

        A server that refuses `in` is asked with `eq` from then on.
        """
        key_field = KEY_FIELDS[resource]
        waiting = [*batches(key_field, list(dict.fromkeys(keys)), with_in=self._with_in)][::-1]
        while waiting:
            batch = waiting.pop()
            with_in = self._with_in
            asked = [*batch, *controls]
            url = self._url(
                resource,
                top=len(asked),
                select=select,
                expand=expand,
                where=keys_filter(key_field, asked, with_in=with_in),
            )
            try:
                steps = self._asked_only(url, resource, wanted, set(asked))
            except QuestionRefused as refusal:
                half = len(batch) // 2
                if refusal.too_long and half:
                    waiting += [batch[half:], batch[:half]]
                elif with_in and not refusal.too_long:
                    self._with_in = False
                    waiting += [*batches(key_field, batch, with_in=False)][::-1]
                else:
                    raise
            else:
                yield steps

    def _asked_only(
        self, url: str, resource: Resource, wanted: tuple[str, ...], keys: set[str]
    ) -> list[PageAnswer]:
        """The answer to one question by key; AnswerBroken if the server ignored the filter."""
        steps = []
        for step in self._walk(url, resource, wanted):
            if strangers := len(set(step.keys) - keys):
                raise AnswerBroken(
                    f"{shown_address(url)} answered {strangers:,} records that were not asked for, "
                    "so "
                    f"it ignores $filter. {NOT_APPLIED}"
                )
            steps.append(step)
        return steps


def _window(since: datetime | None, until: datetime | None) -> str | None:
    return changed_between(since, until) if since is not None else None


def _behind(resource: Resource, key: str | None) -> str | None:
    return after_key(KEY_FIELDS[resource], key) if key is not None else None


def _out_of_step(answer: HttpAnswer[Envelope]) -> bool:
    """Whether the source said, before it answered, that it was not in step with the MLS."""
    return any(reason.endswith(_NOT_IN_SYNC) for reason in answer.retried)
