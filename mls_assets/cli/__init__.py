"""The console script `mls-assets`: what a person at a terminal, cron or CI can ask for.

`main` turns every ending into an exit code and at most one line on stderr. The verbs stand in
`verbs`, how they run Dagster's jobs in `session`, how they look in `screen`. Nothing here knows
how a feed is replicated or a table written.
"""

import sys
from collections.abc import Sequence

#: How a shell reports a program that Ctrl-C ended (128 + SIGINT).
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code (see `docs/contract.md`; 130 after Ctrl-C).

    Output that nobody takes changes no code, but where showing it is the verb's whole work.
    """
    try:
        # imported here: Ctrl-C is one line from the first moment on
        from mls_assets.terminal import streams

        streams.keep_going()
        code = _main(list(sys.argv[1:] if arguments is None else arguments))
        error = streams.lost()
        if error is not None and not streams.reader_left(error) and code == 0:
            _complain(
                f"Standard output could not take everything ({error.strerror}); what it did not "
                "take is dropped. The work went on and is done.",
                label="note",
            )
    except KeyboardInterrupt:
        _complain(
            "Interrupted. What was stored stays, and the same command goes on from there.",
            label="stopped",
        )
        return INTERRUPTED
    return code


def _main(given: list[str]) -> int:
    import click

    from mls_assets.cli.verbs import verbs
    from mls_assets.errors import MlsAssetsError
    from mls_assets.terminal.screen import crash_log

    try:
        with verbs.make_context("mls-assets", given) as context:
            code = verbs.invoke(context)
    except click.exceptions.Exit as ending:
        return ending.exit_code
    except click.UsageError as error:
        asked = error.ctx.command_path if error.ctx else "mls-assets"
        _complain(f"{error.format_message()} See {asked} --help.")
        return 2
    except click.Abort:
        raise KeyboardInterrupt from None
    except MlsAssetsError as error:
        _complain(str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: one line instead of a traceback
        _complain(
            f"Unexpected {type(error).__name__}. Where it happened stands in {crash_log(error)}."
        )
        return 1
    return code if isinstance(code, int) else 0


def _complain(text: str, label: str = "error") -> None:
    from mls_assets.terminal.screen import complain

    complain(text, label)


__all__ = ["INTERRUPTED", "main"]
