"""Serves the sandbox on loopback: in a background thread for tests, or until interrupted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

import uvicorn

from mls_assets.sandbox.access import FORGE_TOKEN, SPARK_TOKEN, Access
from mls_assets.sandbox.app import build_app
from mls_assets.sandbox.catalogue import Shape
from mls_assets.sandbox.faults import Faults
from mls_assets.sandbox.live import DEFAULT_RATE
from mls_assets.sandbox.market.market import Market

HOST = "127.0.0.1"
PORT = 8400
_START_SECONDS = 15


class SandboxServer:
    """A running sandbox: `with SandboxServer(listings=500, seed=7) as sandbox: ...`.

    port: 0 takes a free one. live: moves per minute by itself (0: it stands still). Everything
    else is what `Market` takes (listings, seed, shape, forge_listings, delay_minutes, occurrences,
    real_clock).

    Attributes: base_url (without a slash at the end), spark_url, forge_url, control_url,
    spark_token, forge_token, market, access, faults. Raises OSError if the port is taken.
    """

    spark_token = SPARK_TOKEN
    forge_token = FORGE_TOKEN

    def __init__(self, port: int = 0, live: float = 0, **market: Any) -> None:
        self.market = Market(**market)
        self.access = Access(self.market.clock.now)
        self.faults = Faults()
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]
        self.base_url = f"http://{HOST}:{self.port}"
        self.spark_url = f"{self.base_url}/Reso/OData"
        self.forge_url = f"{self.base_url}/graphql"
        self.control_url = f"{self.base_url}/control"
        self.server = uvicorn.Server(
            uvicorn.Config(
                build_app(self.market, self.access, self.faults, live),
                http="h11",
                loop="asyncio",
                ws="none",
                log_level="critical",
                access_log=False,
                date_header=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self.run, name="sandbox", daemon=True)

    def run(self) -> None:
        """Serves in this thread until stopped."""
        try:
            self.server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def start(self) -> None:
        """Serves in a background thread; returns when it answers."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self.server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("The sandbox did not start.")
            time.sleep(0.005)

    def stop(self, *, wait: bool = True) -> None:
        """Stops serving, and waits the fifth of a second that this takes; does no harm twice."""
        self.server.should_exit = True
        if self._thread.is_alive():
            if not wait:
                return
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> SandboxServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def environment(self) -> dict[str, str]:
        """The variables that point a client to this sandbox."""
        return {
            "SPARK_ACCESS_TOKEN": self.spark_token,
            "SPARK_BASE_URL": self.spark_url,
            "FORGE_API_TOKEN": self.forge_token,
            "FORGE_URL": self.forge_url,
        }


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def serve(
    port: int = PORT,
    listings: int = 2_000,
    seed: int = 1,
    shape: Shape = "v2",
    live: float | bool = False,
    delay_minutes: float = 0,
    forge_listings: Mapping[str, int] | None = None,
) -> None:
    """Serves until interrupted, after printing the lines to export.

    live: True for the usual rate, or moves per minute. Raises OSError if the port is taken,
    ValueError for a size that is not supported.
    """
    rate = DEFAULT_RATE if live is True else float(live)
    sandbox = SandboxServer(
        port,
        rate,
        listings=listings,
        seed=seed,
        shape=shape,
        delay_minutes=delay_minutes,
        forge_listings=forge_listings,
    )
    print(f"# {listings:,} listings, seed {seed}, shape {shape}; control: {sandbox.control_url}/")
    for name, value in sandbox.environment().items():
        print(f"export {name}={value}", flush=True)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after it has shut down
        sandbox.run()
