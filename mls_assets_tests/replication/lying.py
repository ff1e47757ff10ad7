"""A Spark server of 40 listings that tells the truth unless it is given a lie to tell.

It speaks as little OData as a sweep needs, from its own head and not from the sandbox's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from mls_assets_tests.sources.servers import (
    TOKEN,
    Asked,
    Reply,
    Server,
    as_json,
    keys_of_filter,
    listing,
)

KEYS = tuple(f"2026{number:06d}" for number in range(40))


@dataclass(frozen=True)
class Answer:
    """An answer before it is sent; `number` counts the pages of a walk from 1.

    `kind` is `walk`, `count` (a question for the count alone), `update` or `by key`.
    """

    kind: str
    number: int
    records: list[Any]
    count: object
    next: str | None
    root: str

    def without(self, keys: tuple[str, ...]) -> "Answer":
        kept = [record for record in self.records if record["ListingKey"] not in keys]
        return replace(self, records=kept)

    def sent(self) -> Reply:
        members: dict[str, object] = {}
        if self.count is not None:
            members["@odata.count"] = self.count
        if self.next is not None:
            members["@odata.nextLink"] = self.next
        # a clock that goes: what came within the last hour is told by it
        date = format_datetime(datetime.now(UTC), usegmt=True)
        return as_json({**members, "value": self.records}, Date=date)


Lie = Callable[[Answer], Answer | Reply]


def honest(answer: Answer) -> Answer:
    return answer


@dataclass
class LyingSource:
    """The server; `lie` is told from now on, `keys` is the truth."""

    server: Server
    keys: tuple[str, ...] = KEYS
    lie: Lie = honest
    deleted: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        return {"SPARK_ACCESS_TOKEN": TOKEN, "SPARK_BASE_URL": self.server.root}

    def answer(self, asked: Asked) -> Reply:
        options = asked.options
        size = int(options["$top"])
        after = options.get("$skiptoken", "")
        records = [_record(key, options, deleted=key in self.deleted) for key in self.keys]
        kind, number, link = "walk", 1, None
        if options.get("$filter", "").startswith("ModificationTimestamp"):
            # all of them were modified just now
            kind = "count" if size == 1 else "update"
        elif "$filter" in options:
            kind, wanted = "by key", set(keys_of_filter(asked))
            records = [record for record in records if record["ListingKey"] in wanted]
        elif size == 1:
            kind, records = "count", records[:1]
        else:
            later = [record for record in records if record["ListingKey"] > after]
            later = later[int(options.get("$skip", 0)) :]
            number = 1 + (len(records) - len(later)) // size
            records = later[:size]
            if len(later) > size:
                token = quote(records[-1]["ListingKey"])
                link = f"{self.server.root}/Property?$top={size}&$count=true&$skiptoken={token}"
        told = self.lie(Answer(kind, number, records, len(self.keys), link, self.server.root))
        return told.sent() if isinstance(told, Answer) else told


def _record(key: str, options: dict[str, str], *, deleted: bool) -> dict[str, Any]:
    record = listing(key, StandardStatus="Delete" if deleted else "Active", City="Fargo")
    selected = options.get("$select")
    return {name: record[name] for name in selected.split(",")} if selected else record


@contextmanager
def lying_source() -> Iterator[LyingSource]:
    server = Server()
    source = LyingSource(server)
    server.otherwise = source.answer
    try:
        yield source
    finally:
        server.stop()
