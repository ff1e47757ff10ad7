"""OData questions and paging rules: pure text and bookkeeping, no request.

What is built here follows Spark's replication guide: `$top`, `$count` and `$select` only for a
first download, the default order by key, `%20` for a space (strict servers refuse `+`).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

from mls_assets.errors import AnswerBroken, PagingLoop
from mls_assets.model.resources import FUTURE_TOLERANCE
from mls_assets.sources.transport.links import shown_address
from mls_assets.sources.transport.records import Unpacked, unpack

MAX_KEYS_PER_QUERY = 50
MAX_URL_BYTES = 7_000

NEXT_LINKS = ("@odata.nextLink", "@odata.nextlink", "@nextLink", "odata.nextLink")
COUNTS = ("@odata.count", "@count", "odata.count")
_PLAIN = "$,:()'*"
_MOST_COUNTED = 10**12
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_SAME_KEYS = 3
_EMPTY_PAGES = 100


def url_of(base: str, resource: str, options: Mapping[str, str | None]) -> str:
    """The URL of a question about an entity set; options without a value are left out."""
    query = "&".join(
        f"{name}={quote(value, safe=_PLAIN)}" for name, value in options.items() if value
    )
    return f"{base}/{resource}?{query}" if query else f"{base}/{resource}"


def timestamp_literal(moment: datetime) -> str:
    """An OData literal: UTC, whole seconds (rounded down), unquoted, as in all vendor samples."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def changed_between(since: datetime, until: datetime | None) -> str:
    """The filter of an update. A window without width is a 400 on Spark, so it stays open."""
    clause = f"ModificationTimestamp gt {timestamp_literal(since)}"
    if until is not None and timestamp_literal(until) > timestamp_literal(since):
        clause += f" and ModificationTimestamp lt {timestamp_literal(until)}"
    return clause


def news_since(newest: datetime, now: datetime) -> str:
    """The filter for what is newer than the newest record here, by whole seconds.

    Fractions of its second are no news: a source may keep more of them than it tells. Neither is
    what is dated in the future, or the same record would be news at each question.
    """
    since = min(newest, now).replace(microsecond=0) + timedelta(seconds=1)
    until = now + FUTURE_TOLERANCE
    return (
        f"ModificationTimestamp ge {timestamp_literal(since)} and ModificationTimestamp lt "
        f"{timestamp_literal(until)}"
    )


#: The filter for records that no window of an update holds.
WITHOUT_TIMESTAMP = "ModificationTimestamp eq null"


def after_key(key_field: str, key: str) -> str:
    """The filter that asks for what lies behind a key, in the order in which the server has it."""
    return f"{key_field} gt {_quoted(key)}"


def _quoted(key: str) -> str:
    return "'" + key.replace("'", "''") + "'"


def keys_filter(key_field: str, keys: Sequence[str], *, with_in: bool) -> str:
    """The filter that asks for records by key, with `in` or as a chain of `eq`."""
    quoted = [_quoted(key) for key in keys]
    if with_in:
        return f"{key_field} in ({','.join(quoted)})"
    return " or ".join(f"{key_field} eq {key}" for key in quoted)


def batches(key_field: str, keys: Sequence[str], *, with_in: bool) -> Iterator[list[str]]:
    """Keys in batches whose filter stays within what servers take in a URL."""
    batch: list[str] = []
    size = 0
    for key in keys:
        alone = len(quote(keys_filter(key_field, [key], with_in=with_in), safe=_PLAIN)) + 8
        if batch and (len(batch) >= MAX_KEYS_PER_QUERY or size + alone > MAX_URL_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(key)
        size += alone
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class Envelope:
    """An OData collection: its items verbatim, the link to the next page, the count if usable."""

    elements: tuple[bytes, ...]
    next_link: str | None
    count: int | None


def envelope_of(body: bytes, resource: str | None = None) -> Envelope:
    """Read a collection's answer. Raises AnswerBroken if it is none, or one of another set.

    Without `resource` it may be of any set.
    """
    answer = unpack(body, ("value",))
    if answer.elements is None:
        raise AnswerBroken("it has no list of records")
    if answer.member(0, "error"):
        raise AnswerBroken("it holds an error beside its records")
    context = answer.member(0, "@odata.context")
    found = _entity_set(context) if isinstance(context, str) and resource else ""
    if found not in ("", resource):
        raise AnswerBroken(f"it is about {found}, and {resource} was asked for")
    return Envelope(answer.elements, _next_link(answer), _count(answer))


def _entity_set(context: str) -> str:
    """The entity set that a context URL names, "" unless it is one of those we ask for."""
    name = context.rpartition("#")[2].partition("(")[0].partition("/")[0]
    return name if name in ("Property", "Member", "Office", "OpenHouse", "Lookup") else ""


def _next_link(answer: Unpacked) -> str | None:
    for name in NEXT_LINKS:
        link = answer.member(0, name)
        if isinstance(link, str):
            if link.strip():
                return link.strip()
        elif link is not None:
            raise AnswerBroken("its link to the next page is no text")
    return None


def _count(answer: Unpacked) -> int | None:
    found = (usable_count(answer.member(0, name)) for name in COUNTS)
    return next((count for count in found if count is not None), None)


def usable_count(value: object) -> int | None:
    """A count as it came, as a number; None where it is no usable count."""
    count = _whole_number(value)
    return count if count is not None and 0 <= count < _MOST_COUNTED else None


def _whole_number(value: object) -> int | None:
    """A count as a number: OData's Int64 may travel as a text, some servers send `42.0`."""
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def pages_by_skip(link: str | None) -> bool:
    """Whether a link pages by offset, so that rows can shift from page to page."""
    names = [name for name, _ in parse_qsl(urlsplit(link or "").query, keep_blank_values=True)]
    return "$skip" in names and "$skiptoken" not in names


class PaginationGuard:
    """The way a walk has come, to notice that it does not get on. Keeps hashes only."""

    def __init__(self, first: str, most_pages: int) -> None:
        self._place = shown_address(first)
        self._links = {_digest(first)}
        self._key_lists: Counter[bytes] = Counter()
        self._most_pages = most_pages
        self._pages = self._empty = 0

    def step(self, keys: Sequence[str], next_link: str | None) -> None:
        """Note a page. Raises PagingLoop if following its link would lead nowhere new."""
        self._pages += 1
        self._empty = 0 if keys else self._empty + 1
        if next_link is None:
            return
        if _digest(next_link) in self._links:
            raise self._loop("the link to the next page had been followed before")
        self._links.add(_digest(next_link))
        if self._empty > _EMPTY_PAGES:
            raise self._loop(f"{self._empty} pages in a row were empty")
        if keys:
            same = _digest("\n".join(keys))
            self._key_lists[same] += 1
            if self._key_lists[same] >= _SAME_KEYS:
                raise self._loop(f"{_SAME_KEYS} pages held the same {len(keys):,} keys")
        if self._pages >= self._most_pages:
            raise self._loop(f"{self._pages:,} pages are the limit of one walk")

    def _loop(self, reason: str) -> PagingLoop:
        return PagingLoop(
            f"{self._place}: the walk does not get on at page {self._pages:,}: {reason}. "
            "That page was not applied; run again, and tell the source if it stays so."
        )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
