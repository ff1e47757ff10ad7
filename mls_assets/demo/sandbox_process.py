"""The sandbox as a process: for `mls-assets sandbox`, and as a child of `demo` and `dev`.

A child serves until its standard input closes, so it never outlives whoever started it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mls_assets.errors import ConfigurationError, MlsAssetsError

if TYPE_CHECKING:
    from mls_assets.sandbox.catalogue import Shape

#: Seconds in which a child has to end by itself before it is killed.
_END_SECONDS = 10.0
_OTHER_PORT = "name another port with --port, or 0 for a free one."


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A sandbox that runs: where its control API is, and what points a client to it."""

    control_url: str
    environment: Mapping[str, str]


def serve_until_interrupted(
    *, port: int, listings: int, seed: int, shape: "Shape", live: bool
) -> None:
    """Serve in this process until Ctrl-C, which is its proper end; prints the lines to export."""
    from mls_assets.sandbox.server import serve

    with _explained(port), suppress(KeyboardInterrupt):
        serve(port=port, listings=listings, seed=seed, shape=shape, live=live)


@contextmanager
def sandbox_process(
    *, port: int = 0, remedy: str = _OTHER_PORT, **market: Any
) -> Iterator[Sandbox]:
    """Run a sandbox in a process of its own, so that serving costs the caller no Python time.

    `market` is what `SandboxServer` takes. Raises ConfigurationError if the port is taken, with
    `remedy` as the next step.
    """
    told = {"port": port, "remedy": remedy, **market}
    child = subprocess.Popen(  # noqa: S603 - this very module
        [sys.executable, "-m", "mls_assets.demo.sandbox_process", json.dumps(told)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Ctrl-C is for the parent, which then closes the child's input
        start_new_session=True,
    )
    with child:
        try:
            first = child.stdout.readline() if child.stdout else ""
            if not first:
                raise MlsAssetsError("The sandbox did not start; its own message stands above.")
            answer = json.loads(first)
            if "error" in answer:
                raise ConfigurationError(answer["error"])
            yield Sandbox(answer["control_url"], answer["environment"])
        finally:
            if child.stdin:
                child.stdin.close()
            try:
                child.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()


def _child(remedy: str, settings: Mapping[str, Any]) -> None:
    from mls_assets.sandbox.server import SandboxServer

    try:
        with _explained(settings["port"], remedy), SandboxServer(**settings) as server:
            told = {"control_url": server.control_url, "environment": server.environment()}
            print(json.dumps(told), flush=True)
            sys.stdin.read()
    except ConfigurationError as error:
        print(json.dumps({"error": str(error)}), flush=True)


@contextmanager
def _explained(port: int, remedy: str = _OTHER_PORT) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot listen on 127.0.0.1:{port} ({error.strerror}). Nothing was "
            f"started; {remedy}"
        ) from None


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    _child(given.pop("remedy"), given)
