"""The console script `mls-assets`: what a person at a terminal, cron or CI can ask for.

`main` turns every ending into an exit code and at most one line on stderr. The verbs stand in
`verbs`, how they run Dagster's jobs in `session`, how they look in `screen`. Nothing here knows
how a feed is replicated or a table written.
"""

import os
import sys
from collections.abc import Sequence

import click

from mls_assets.cli.screen import complain, crash_log
from mls_assets.errors import MlsAssetsError

#: How a shell reports a program that Ctrl-C ended (128 + SIGINT).
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (CONTRACT section 2; 130 after Ctrl-C)."""
    from mls_assets.cli.verbs import verbs

    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        with verbs.make_context("mls-assets", given) as context:
            code = verbs.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else "mls-assets"
        complain(f"{error.format_message()} See {asked} --help.")
        return 2
    except (KeyboardInterrupt, click.Abort):
        complain(
            "Interrupted. What was stored stays, and the same command goes on from there.",
            label="stopped",
        )
        return INTERRUPTED
    except MlsAssetsError as error:
        complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # whoever read our output has gone; Python's own flush at exit must not fail on it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a traceback
        complain(
            f"Unexpected {type(error).__name__}. Where it happened stands in {crash_log(error)}."
        )
        return 1
    return code if isinstance(code, int) else 0


__all__ = ["INTERRUPTED", "main"]
