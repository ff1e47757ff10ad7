"""Fetching one page ahead: the next page travels while this one is handled."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from queue import SimpleQueue
from typing import NoReturn, TypeVar

T = TypeVar("T")


def ahead(pages: Iterable[T]) -> Generator[T, None, None]:
    """Yield what `pages` yields, with exactly one further item being fetched meanwhile.

    An error surfaces where it would have without the look-ahead: after the items before it were
    handed out. A consumer that stops early waits for nothing: what is under way ends on its own
    thread (at once when its client is closed), and then `pages` is closed there.
    """
    asked: SimpleQueue[bool] = SimpleQueue()
    fetched: SimpleQueue[Callable[[], T]] = SimpleQueue()
    worker = threading.Thread(
        target=_fetch, args=(iter(pages), asked, fetched), name="page-ahead", daemon=True
    )
    worker.start()
    try:
        asked.put(True)
        while True:
            try:
                page = fetched.get()()
            except StopIteration:
                return
            asked.put(True)
            yield page
    finally:
        asked.put(False)


def _fetch(
    pages: Iterator[T], asked: "SimpleQueue[bool]", fetched: "SimpleQueue[Callable[[], T]]"
) -> None:
    """Fetch one item each time that one is asked for; every outcome is handed over as a call."""
    while asked.get():
        try:
            page = next(pages)
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, whatever it is
            fetched.put(_raising(error))
        else:
            fetched.put(_giving(page))
            del page
    if isinstance(pages, Generator):
        pages.close()


def _giving(page: T) -> Callable[[], T]:
    return lambda: page


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def raise_it() -> NoReturn:
        raise error

    return raise_it
