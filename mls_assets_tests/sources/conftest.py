"""A hostile server, a second one that nobody may ever ask, and clients with a fake clock."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mls_assets.sources.forge.client import ForgeClient
from mls_assets.sources.odata.client import SparkClient
from mls_assets.sources.transport.deadline import Limits
from mls_assets.sources.transport.session import HttpSession
from mls_assets_tests.sources.servers import TOKEN, FakeTime, Server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def evil() -> Iterator[Server]:
    """Another origin on the same machine: a single request to it fails the test."""
    server = Server()
    yield server
    server.stop()
    assert server.asked == []


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def session(server: Server, time: FakeTime) -> Iterator[Callable[..., HttpSession]]:
    """Makes sessions with the server, which are closed at the end."""
    made: list[HttpSession] = []

    def make(url: str = "", token: str = TOKEN, **settings: Any) -> HttpSession:
        settings = {"sleep": time.sleep, "clock": time.clock} | settings
        made.append(HttpSession(url or server.root, token, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def spark(server: Server, session: Callable[..., HttpSession]) -> Callable[..., SparkClient]:
    """Makes clients of the feed spark/test at the server."""

    @functools.wraps(SparkClient)
    def make(limits: Limits | None = None, **settings: Any) -> SparkClient:
        http = session(limits=limits)
        return SparkClient("spark/test", server.root, TOKEN, session=http, **settings)

    return make


@pytest.fixture
def forge(server: Server, session: Callable[..., HttpSession]) -> Callable[..., ForgeClient]:
    """Makes clients of the Forge at the server's /graphql."""

    def make(limits: Limits | None = None, **settings: Any) -> ForgeClient:
        url = f"{server.origin}/graphql"
        return ForgeClient(url, TOKEN, session=session(url, limits=limits), **settings)

    return make
