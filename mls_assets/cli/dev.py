"""`make dev`: the live sandbox and the Dagster UI with all sensors running, stopped together.

It has a data folder of its own, `.dev` in the checkout, which git ignores by itself. It begins
afresh each time, Dagster's folder included: the sandbox forgets its events when it stops, and
sensors go by what Dagster remembers of them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path

from mls_assets.cli.ground import fresh_folder
from mls_assets.cli.local import sandbox_process
from mls_assets.cli.screen import complain
from mls_assets.errors import MlsAssetsError
from mls_assets.instance import make_dagster_home
from mls_assets.sensors.hook import HOOK_VARIABLE

UI = ("127.0.0.1", 3000)
SANDBOX_PORT = 8400
#: Moves of the market a minute, on each source.
MOVES = 30.0
#: Seconds that Dagster gets to end by itself after each word.
_END_SECONDS = 8.0


def environment_of(folder: Path, environ: MutableMapping[str, str]) -> dict[str, str]:
    """Return the environment in which everything happens in `folder`, with sensors on.

    Whoever is told of failures in production is not told of the sandbox's.
    """
    without = ("MLS_ASSETS_DATABASE", "MLS_ASSETS_FEEDS", HOOK_VARIABLE)
    return {
        **{name: value for name, value in environ.items() if name not in without},
        "MLS_ASSETS_DATA": str(folder),
        "DAGSTER_HOME": str(make_dagster_home(folder / "dagster_home")),
        "MLS_ASSETS_SENSORS": "on",
    }


@contextmanager
def dev_folder(folder: Path) -> Iterator[None]:
    """Hold the folder in which everything happens, begun afresh and unseen by git."""
    with fresh_folder(folder, remedy=f"Move {folder} away, then run `make dev` again."):
        (folder / ".gitignore").write_text("*\n")
        yield


def main() -> int:
    """Run until Ctrl-C (or SIGTERM), then stop both; returns the exit code."""
    folder = Path.cwd() / ".dev"
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    try:
        with (
            dev_folder(folder),
            sandbox_process(port=SANDBOX_PORT, listings=2_000, live=MOVES) as sandbox,
        ):
            environment = {**environment_of(folder, os.environ), **sandbox.environment}
            host, port = UI
            print(f"Sandbox: {sandbox.control_url}/   Dagster: http://{host}:{port}")
            print(f"Data: {folder} (mls.duckdb for notebooks)   Ctrl-C stops both", flush=True)
            return _dagster(environment, host, port)
    except KeyboardInterrupt:
        return 0
    except MlsAssetsError as error:
        complain(str(error))
        return error.exit_code


def _dagster(environment: dict[str, str], host: str, port: int) -> int:
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-h", host, "-p", str(port)]
    # a group of its own: Ctrl-C reaches it once, from here, and not a second time while it stops
    child = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own
    try:
        return child.wait()
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop Dagster, and then the code server and the runs that it leaves behind."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_SECONDS)
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _END_SECONDS
        while _told(child.pid, number) and time.monotonic() < deadline:
            child.poll()
            time.sleep(0.2)


def _told(group: int, number: int) -> bool:
    """Send a signal to a process group; false if there is nobody left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
