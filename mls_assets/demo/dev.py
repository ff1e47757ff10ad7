"""`make dev`: the live sandbox and the Dagster UI with all sensors running, stopped together.

It has a data folder of its own, `.dev` in the checkout, which git ignores by itself. It begins
afresh each time, Dagster's folder included: the sandbox forgets its events when it stops, and
sensors go by what Dagster remembers of them.
"""

import argparse
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mls_assets.demo.sandbox_process import sandbox_process
from mls_assets.errors import MlsAssetsError
from mls_assets.orchestration.dagster_home import make_dagster_home
from mls_assets.terminal.demo_folder import DAGSTER_HOME, fresh_folder
from mls_assets.terminal.screen import complain
from mls_assets.terminal.serving import (
    PORT,
    dagster_process,
    ended_by_signals,
    free_port,
    refuse_survivors,
)

SANDBOX_PORT = 8400
#: Moves of the market a minute, on each source.
MOVES = 30.0
_OTHER_PORT = "name another: make dev PORT=3001"
_OTHER_SANDBOX_PORT = "name another: make dev SANDBOX_PORT=8401"


def environment_of(folder: Path, environ: MutableMapping[str, str]) -> dict[str, str]:
    """Return the environment in which everything happens in `folder`, with sensors on."""
    without = ("MLS_ASSETS_DATABASE", "MLS_ASSETS_FEEDS")
    return {
        **{name: value for name, value in environ.items() if name not in without},
        "MLS_ASSETS_DATA": str(folder),
        "DAGSTER_HOME": str(make_dagster_home(folder / DAGSTER_HOME)),
        "MLS_ASSETS_SENSORS": "on",
    }


@contextmanager
def dev_folder(folder: Path) -> Iterator[None]:
    """Hold the folder in which everything happens, begun afresh and unseen by git."""
    with fresh_folder(
        folder,
        remedy=f"Move {folder} away, then run `make dev` again.",
        in_use="stop the other `make dev` with Ctrl-C first; two at once need two checkouts, and "
        "ports of their own: make dev PORT=3001 SANDBOX_PORT=8401",
    ):
        (folder / ".gitignore").write_text("*\n")
        yield


def dev_main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C (or SIGTERM), then stop both; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="of the Dagster UI")
    parser.add_argument("--sandbox-port", type=int, default=SANDBOX_PORT)
    ports = parser.parse_args(arguments)
    try:
        with ended_by_signals():
            return _serve(Path.cwd() / ".dev", ports.port, ports.sandbox_port)
    except MlsAssetsError as error:
        complain(str(error))
        return error.exit_code
    return 0


def _serve(folder: Path, port: int, sandbox_port: int) -> int:
    refuse_survivors(folder / DAGSTER_HOME)  # whose files would be discarded
    with dev_folder(folder):
        free_port(port, _OTHER_PORT)
        with sandbox_process(
            port=sandbox_port, remedy=_OTHER_SANDBOX_PORT, listings=2_000, live=MOVES
        ) as sandbox:
            environment = {**environment_of(folder, os.environ), **sandbox.environment}
            with dagster_process(environment, port=port, remedy=_OTHER_PORT) as (child, url):
                print(f"Sandbox: {sandbox.control_url}/   Dagster: {url}   Ctrl-C stops both")
                print(f"Data: {folder} (mls.duckdb for notebooks); the next `make dev` discards it")
                sys.stdout.flush()
                return child.wait()


if __name__ == "__main__":
    sys.exit(dev_main())
