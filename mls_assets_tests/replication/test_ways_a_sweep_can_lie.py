"""One row per way in which a source can make living listings look gone; none is ever removed.

All rows work on the same 40 listings, all of them alive, so one wrong removal shows in every
row after it. `walk`, `count` and `by key` are the three questions that a sweep asks.
"""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from msgspec import structs

from mls_assets.model.resources import Resource
from mls_assets.replication.reconciliation.sweep import SweptKeys
from mls_assets.replication.settings import SparkSettings
from mls_assets_tests.replication.lying import KEYS, Answer, Lie, LyingSource, honest, lying_source
from mls_assets_tests.replication.place import WAREHOUSE, Place
from mls_assets_tests.sources.servers import TOKEN, Reply, as_json, drop, gzipped, listing, reply

#: Four pages of ten keys. A lie that never ends is given up soon; any other has all the time.
SMALL = SparkSettings(page_size=10, patience_seconds=30)
HASTY = replace(SMALL, patience_seconds=0.4)

ERROR = {"error": {"code": "1500", "message": "no"}}
HTML = "<html><body>Sign in</body></html>"
JANUARY_KEYS = tuple(f"2025{number:06d}" for number in range(40))


def on(kind: str, change: Callable[[Answer], Answer | Reply], number: int = 0) -> Lie:
    """Lie in answers of a kind; in a walk on one page only, if its number is given."""

    def lie(answer: Answer) -> Answer | Reply:
        told = answer.kind == kind and number in (0, answer.number)
        return change(answer) if told else answer

    return lie


def both(*lies: Lie) -> Lie:
    def lie(answer: Answer) -> Answer | Reply:
        told: Answer | Reply = answer
        for each in lies:
            if isinstance(told, Answer):
                told = each(told)
        return told

    return lie


def says(content: Reply) -> Callable[[Answer], Reply]:
    return lambda _: content


def once(change: Callable[[Answer], Answer | Reply]) -> Callable[[Answer], Answer | Reply]:
    told: list[bool] = []

    def first(answer: Answer) -> Answer | Reply:
        if told:
            return answer
        told.append(True)
        return change(answer)

    return first


def refused(status: int, code: str) -> Callable[[Answer], Reply]:
    return says(as_json({"error": {"code": code, "message": "no"}}, status))


def having(**members: Any) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, **members)


def with_first(record: object) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, records=[record, *answer.records[1:]])


def linking(link: Callable[[Answer], str]) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, next=link(answer))


def _page(answer: Answer, after: str, more: str = "") -> str:
    return f"{answer.root}/Property?$top=10&$count=true&$skiptoken={after}{more}"


def _doubled(records: list[Any]) -> list[Any]:
    return [record for record in records for _ in range(2)]


def _body(answer: Answer) -> bytes:
    return (
        b'{"@odata.count":40,"value":['
        + b",".join(
            b'{"ListingKey":"%s"}' % record["ListingKey"].encode() for record in answer.records
        )
        + b"]}"
    )


def _everywhere(keys: tuple[str, ...], count: int) -> Lie:
    """A server that knows other keys: its walk, its count and its answers by key agree."""

    def lie(answer: Answer) -> Answer:
        if answer.kind == "by key":
            return replace(answer, records=[])
        if answer.kind == "count":
            return replace(answer, count=count, records=[{"ListingKey": keys[0]}] if keys else [])
        held = [{"ListingKey": key} for key in keys]
        page = held[10 * (answer.number - 1) : 10 * answer.number]
        link = answer.next if len(held) > 10 * answer.number else None
        return replace(answer, records=page, count=count, next=link)

    return lie


def _gone(keys: tuple[str, ...], *, by_key: bool) -> Lie:
    """A server that lost some keys; asked for them by key it knows them, or not."""

    def lie(answer: Answer) -> Answer:
        if answer.kind == "by key":
            return answer if by_key else answer.without(keys)
        return replace(answer.without(keys), count=40 - len(keys))

    return lie


def _shifting() -> Lie:
    """Pages by offset: what goes between two pages pushes another key out of the second walk."""
    walks: list[Answer] = []

    def lie(answer: Answer) -> Answer:
        if answer.kind != "walk":
            return answer
        if answer.number == 1:
            walks.append(answer)
        told = answer.without(KEYS[12:13]) if len(walks) == 2 else answer
        link = f"{answer.root}/Property?$top=10&$count=true&$skip={10 * answer.number}"
        return replace(told, next=link if answer.next else None)

    return lie


@dataclass(frozen=True)
class Row:
    """What is told, and what becomes of the sweep: its verdict, and words that say why."""

    name: str
    lie: Lie
    verdict: str
    words: str
    settings: SparkSettings = SMALL


TABLE = (
    # the set is cut short
    Row("empty, and the count agrees", _everywhere((), 0), "blocked", "lists no key at all"),
    Row("empty, but counted", on("walk", having(records=[], next=None), 1), "void", "40 before"),
    Row("empty, without a count", on("walk", having(records=[], next=None, count=None)), "void",
        "no usable count"),
    Row("the last page missing", on("walk", having(next=None), 3), "void", "30 keys came"),
    Row("one page of four", on("walk", having(next=None), 1), "void", "10 keys came"),
    Row("an empty page in the middle", on("walk", having(records=[]), 2), "void", "30 keys came"),
    Row("a first count as short as the walk", on("walk", having(next=None, count=10), 1),
        "void", "the last page was full and had no link"),
    Row("a key left out", on("walk", lambda a: a.without(KEYS[15:16]), 2), "void", "39 keys came"),
    # errors in the middle
    Row("401 in the middle", on("walk", refused(401, "401"), 3), "void", "after 2 page(s)"),
    Row("401 at the last page", on("walk", refused(401, "401"), 4), "void", "after 3 page(s)"),
    Row("403 in the middle", on("walk", refused(403, "1021"), 2), "void", "after 1 page(s)"),
    Row("404 in the middle", on("walk", refused(404, "404"), 2), "void", "after 1 page(s)"),
    Row("skiptoken expired", on("walk", refused(400, "400"), 2), "void", "after 1 page(s)"),
    Row("429 for ever", on("walk", says(as_json(ERROR, 429, Retry_After="1")), 2), "void",
        "after 1 page(s)", HASTY),
    Row("500 for ever", on("walk", refused(500, "1026"), 3), "void", "after 2 page(s)", HASTY),
    Row("503 from a gateway", on("walk", says(reply(503, HTML, Content_Type="text/html")), 2),
        "void", "after 1 page(s)", HASTY),
    Row("1024 once, then good answers", on("walk", once(refused(503, "1024")), 3), "void", "1024"),
    Row("1024 once at the last count", both(_gone(KEYS[:5], by_key=False),
        on("count", once(refused(503, "1024")))), "void", "no usable count after"),
    Row("1024 once when asked by key", both(_gone(KEYS[:5], by_key=False),
        on("by key", once(refused(503, "1024")))), "void", "1024"),
    Row("the connection dropped", on("walk", says(drop()), 2), "void", "after 1 page(s)", HASTY),
    # answers that are none
    Row("HTML with 200", on("walk", says(reply(200, HTML, Content_Type="text/html")), 2), "void",
        "after 1 page(s)"),
    Row("an error with 200", on("walk", says(as_json(ERROR)), 2), "void", "after 1 page(s)"),
    Row("no content", on("walk", says(reply(204)), 2), "void", "after 1 page(s)"),
    Row("a redirect to a login", on("walk", says(reply(302, "", Location="/login")), 2), "void",
        "after 1 page(s)"),
    Row("half a body", on("walk", lambda a: reply(200, _body(a)[:60]), 2), "void",
        "after 1 page(s)"),
    Row("half a gzip", on("walk", lambda a: gzipped(_body(a), cut=20), 2), "void",
        "after 1 page(s)", HASTY),
    Row("value is no list", on("walk", says(as_json({"value": {}})), 2), "void",
        "after 1 page(s)"),
    Row("no value at all", on("walk", says(as_json({"@odata.count": 40})), 1), "void",
        "after 0 page(s)"),
    # paging that leads astray
    Row("a link to itself", on("walk", linking(lambda a: _page(a, KEYS[9])), 2), "void",
        "does not get on"),
    Row("a link back to the start", on("walk", linking(lambda a: _page(a, KEYS[9])), 4), "void",
        "does not get on"),
    Row("a page told twice", on("walk", once(linking(lambda a: _page(a, KEYS[9], "&again=1"))), 2),
        "void", "do not ascend"),
    Row("each key told twice", on("walk", lambda a: replace(a, records=_doubled(a.records))),
        "void", "came twice"),
    Row("a link to another host", on("walk", linking(lambda a: "http://127.0.0.2:9/Property"), 2),
        "void", "after 1 page(s)"),
    Row("a link that is no text", on("walk", having(next=7), 2), "void", "after 1 page(s)"),
    Row("order broken", on("walk", lambda a: replace(a, records=a.records[::-1]), 2), "void",
        "do not ascend"),
    Row("pages by $skip that shift", _shifting(), "void", "two walks differed in"),
    # records without a usable key
    Row("a key missing", on("walk", with_first({}), 2), "void", "without a usable key"),
    Row("a key null", on("walk", with_first({"ListingKey": None}), 2), "void",
        "without a usable key"),
    Row("a key numeric", on("walk", with_first({"ListingKey": 2026000010}), 2), "void",
        "without a usable key"),
    Row("a key empty", on("walk", with_first({"ListingKey": ""}), 2), "void",
        "without a usable key"),
    Row("a record null", on("walk", with_first(None), 2), "void", "without a usable key"),
    # counts
    Row("no count", on("walk", having(count=None)), "void", "no usable count before"),
    Row("a count in words", on("walk", having(count="forty")), "void", "no usable count before"),
    Row("a count below zero", on("walk", having(count=-1)), "void", "no usable count before"),
    Row("counts too high", both(on("walk", having(count=55)), on("count", having(count=55))),
        "void", "55 before and 55 after"),
    Row("counts too low", both(on("walk", having(count=9)), on("count", having(count=9))),
        "void", "9 before and 9 after"),
    Row("no count afterwards", on("count", having(count=None)), "void", "no usable count after"),
    Row("the token revoked before the last count", on("count", refused(401, "401")), "void",
        "after 4 page(s)"),
    # proper answers of a wrong world
    Row("another feed's keys", _everywhere(JANUARY_KEYS, 40), "blocked", "renamed its keys"),
    Row("keys in another spelling", _everywhere(tuple(f"spark-{key}" for key in KEYS), 40),
        "blocked", "renamed its keys"),
    Row("a shard of the source is down", _gone(KEYS[:26], by_key=False), "blocked",
        "more than the 20"),
    Row("what updates brought lately is absent", _gone(KEYS[:12], by_key=False), "blocked",
        "normal passes returned in the last hour"),
    # the questions by key
    Row("an index lost keys that exist", _gone(KEYS[:5], by_key=True), "reconciled", "5 spared"),
    Row("nothing answers by key", both(_gone(KEYS[:5], by_key=True),
        on("by key", having(records=[]))), "void", "proves nothing"),
    Row("by key an error", both(_gone(KEYS[:5], by_key=True), on("by key", refused(404, "404"))),
        "void", "404"),
    Row("by key a record without a key", both(_gone(KEYS[:5], by_key=True),
        on("by key", with_first({"ListingKey": None}))), "void", "proves no absence"),
    Row("by key the filter ignored", both(_gone(KEYS[:5], by_key=True),
        on("by key", having(records=[listing("something else")]))), "void", "ignores $filter"),
)  # fmt: skip


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory: pytest.TempPathFactory, empty_warehouse) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("lied-to")
    shutil.copy(empty_warehouse, folder / WAREHOUSE)
    with pytest.MonkeyPatch.context() as patch, lying_source() as source:
        patch.setenv("SPARK_ACCESS_TOKEN", TOKEN)
        place = Place(source, folder, SMALL)
        place.spark = structs.replace(place.spark, relations=())
        place.replicate(Resource.PROPERTY)
        assert place.keys() == set(KEYS)
        yield place


@pytest.fixture
def source(lied_to: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[LyingSource]:
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", TOKEN)
    yield lied_to.sandbox
    lied_to.sandbox.lie = honest


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_lie_removes_nothing_and_is_named(lied_to: Place, source: LyingSource, row: Row):
    source.lie = row.lie
    lied_to.settings = row.settings
    result = lied_to.purge()
    verdict = "void" if isinstance(result, SweptKeys) else result.verdict
    explanation = result.void if isinstance(result, SweptKeys) else result.explanation
    assert (verdict, row.words in explanation) == (row.verdict, True), explanation
    if verdict == "void":
        assert re.search(r"\. Nothing was removed\. (Run|If) .*`.+`.*\.$", explanation), explanation
    assert lied_to.rows(
        "select verdict, explanation from sweeps where sweep_id = ?", result.sweep_id
    ) == [(verdict, explanation)]
    assert lied_to.keys() == set(KEYS)
    assert lied_to.ledger() == []


def test_after_all_the_lies_the_truth_is_still_believed(lied_to: Place, source: LyingSource):
    source.keys = KEYS[3:]
    lied_to.settings = SMALL
    try:
        assert lied_to.purge().verdict == "reconciled"
    finally:
        source.keys = KEYS
    assert [entry[0] for entry in lied_to.ledger()] == list(KEYS[:3])
