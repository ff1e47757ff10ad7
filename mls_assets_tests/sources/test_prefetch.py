"""One page ahead, no more, and no surprise at the end."""

import threading
from collections.abc import Iterator

import pytest

from mls_assets.sources.transport.prefetch import ahead


class Pages:
    """Counts what was fetched, and notices when it is closed."""

    def __init__(self, number: int, *, error_at: int | None = None) -> None:
        self.number, self.error_at = number, error_at
        self.fetched = 0
        self.progress = threading.Condition()
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[int]:
        try:
            for page in range(self.number):
                if page == self.error_at:
                    raise ValueError(f"page {page}")
                with self.progress:
                    self.fetched += 1
                    self.progress.notify_all()
                yield page
        finally:
            self.closed.set()

    def wait_for(self, number: int) -> bool:
        with self.progress:
            return self.progress.wait_for(lambda: self.fetched >= number, timeout=5)


def test_every_page_comes_once_and_in_order():
    assert list(ahead(iter(Pages(50)))) == list(range(50))


def test_nothing_is_nothing():
    assert list(ahead([])) == []


def test_exactly_one_further_page_is_fetched():
    pages = Pages(10)
    walk = ahead(iter(pages))
    assert next(walk) == 0
    assert pages.wait_for(2)
    with pages.progress:
        assert not pages.progress.wait_for(lambda: pages.fetched > 2, timeout=0.05)
    walk.close()
    assert pages.closed.wait(5)
    assert pages.fetched == 2


def test_an_error_comes_after_the_pages_before_it():
    pages = Pages(5, error_at=2)
    walk = ahead(iter(pages))
    assert next(walk) == 0
    assert pages.wait_for(2)
    assert next(walk) == 1
    assert pages.closed.wait(5)
    with pytest.raises(ValueError, match="page 2"):
        next(walk)


def test_a_consumer_that_stops_early_closes_the_walk():
    pages = Pages(10)
    for page in ahead(iter(pages)):
        if page == 1:
            break
    assert pages.closed.wait(5)
    assert pages.fetched <= 3


def test_a_consumer_that_stops_does_not_wait_for_what_is_under_way():
    released = threading.Event()
    ended = threading.Event()

    def slow() -> Iterator[int]:
        try:
            yield 0
            released.wait(5)
            yield 1
        finally:
            ended.set()

    walk = ahead(slow())
    assert next(walk) == 0
    walk.close()
    assert not ended.is_set()
    released.set()
    assert ended.wait(5)


def test_a_walk_that_was_never_begun_fetches_nothing():
    pages = Pages(3)
    ahead(iter(pages)).close()
    assert pages.fetched == 0
