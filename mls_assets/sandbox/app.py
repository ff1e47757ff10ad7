"""The sandbox as one ASGI app: Spark, Forge and the control API in front of one market."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from email.utils import format_datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mls_assets.sandbox.access import Access
from mls_assets.sandbox.control import control_routes
from mls_assets.sandbox.faults import Faults
from mls_assets.sandbox.forge import forge_routes
from mls_assets.sandbox.live import Mover
from mls_assets.sandbox.market.clock import SandboxClock
from mls_assets.sandbox.market.market import Market
from mls_assets.sandbox.spark import spark_routes


class SandboxDate:
    """Middleware: the Date header tells the sandbox's time, as a server's own clock would."""

    def __init__(self, app: ASGIApp, clock: SandboxClock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on, with the header added."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._clock.now(), usegmt=True).encode()
                message["headers"] = [*message.get("headers", []), (b"date", date)]
            await send(message)

        await self._app(scope, receive, dated)


def build_app(
    market: Market,
    access: Access | None = None,
    faults: Faults | None = None,
    live: float = 0,
) -> Starlette:
    """The app; live is the number of moves that the market makes by itself per minute."""
    access = access or Access(market.clock.now)
    faults = faults or Faults()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        mover = asyncio.create_task(Mover(market, live).run()) if live else None
        yield
        if mover is not None:
            mover.cancel()
            with suppress(asyncio.CancelledError):
                await mover

    return Starlette(
        routes=[
            *spark_routes(market.catalogue, access, faults),
            *forge_routes(market, access, faults),
            *control_routes(market, access, faults),
        ],
        middleware=[
            Middleware(SandboxDate, clock=market.clock),
            Middleware(GZipMiddleware, minimum_size=500, compresslevel=1),
        ],
        lifespan=lifespan,
    )
