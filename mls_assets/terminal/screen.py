"""What the verbs show: progress, tables, lines, errors. No decision about feeds or runs.

Results and progress go to stdout, errors alone to stderr. On a terminal progress is one bar per
feed and resource; elsewhere (cron, CI, a pipe) it is a plain line now and then.
"""

import os
import sys
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from mls_assets.model.text import amount, counted

if TYPE_CHECKING:
    from mls_assets.replication.workspace import Progress as Report

#: Seconds between two plain lines about the same stage.
PLAIN_SECONDS = 3.0
#: Columns of a table where no terminal sets a limit; enough that nothing is ever wrapped.
PLAIN_WIDTH = 400
#: Columns that name a row where a table becomes lines: feed, resource, state (pass, verdict).
_NAMING = 3
#: So many log files of earlier runs are kept.
LOGS_KEPT = 100


def one_plain_line(text: str) -> str:
    """Return the text as one line without control or direction-changing characters.

    What a source sends must not steer a terminal; such characters appear as their escapes.
    """
    shown = []
    for character in " ".join(text.split()):
        harmless = unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co")
        shown.append(character if harmless else character.encode("unicode_escape").decode())
    return "".join(shown)


def complain(text: str, label: str = "error") -> None:
    """Write one line to stderr."""
    print(f"{label}: {one_plain_line(text)}", file=sys.stderr, flush=True)


def logs_folder() -> Path:
    """Return the folder of the log files, made if need be; the working directory if it cannot be.

    The data folder is read here, and not from `replication`, so that the way out of a failed import
    does not need that import.
    """
    folder = Path(os.environ.get("MLS_ASSETS_DATA", "").strip() or "data").expanduser() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path.cwd()
    return folder.resolve()


def log_path(verb: str) -> Path:
    """Return a new log file's path, and drop the oldest ones beyond `LOGS_KEPT`."""
    folder = logs_folder()
    if folder.name == "logs":
        for old in sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)[:-LOGS_KEPT]:
            old.unlink(missing_ok=True)
    return folder / f"{verb}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"


def crash_log(error: BaseException) -> Path:
    """Write where an unexpected error happened, and return the file.

    Places and types only: the message of a foreign exception may quote a listing.
    """
    path = log_path("error")
    lines = []
    cause: BaseException | None = error
    while cause is not None:
        lines += [*traceback.format_tb(cause.__traceback__), f"{type(cause).__qualname__}\n\n"]
        cause = cause.__cause__ or cause.__context__
    path.write_text("".join(lines), encoding="utf-8")
    return path


class _Lines:
    """Progress as plain lines: the first report of a stage, one now and then, and the last."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last: Report | None = None
        self._shown: Report | None = None
        self._shown_at = 0.0

    def report(self, report: "Report") -> None:
        before, self._last = self._last, report
        if before is None or _stage(before) != _stage(report):
            self._show(before)
            self._show(report)
        elif time.monotonic() - self._shown_at >= PLAIN_SECONDS:
            self._show(report)

    def close(self) -> None:
        self._show(self._last)

    def _show(self, report: "Report | None") -> None:
        if report is None or report is self._shown:
            return
        of = f" of {report.expected:,}" if report.expected is not None else ""
        name, stage = _stage(report)
        pages = counted(report.pages, "page")
        self._say(f"{name} {stage}: {pages}, {report.records:,}{of} records")
        self._shown, self._shown_at = report, time.monotonic()


class _Bars:
    """Progress as one bar per feed and resource, whose stage changes."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[reached]}", markup=False, justify="right"),
            TimeElapsedColumn(),
            console=console,
            transient=False,
        )
        self._tasks: dict[str, tuple[TaskID, str]] = {}
        self._progress.start()

    def report(self, report: "Report") -> None:
        name, stage = _stage(report)
        reached = amount(report.records)
        if report.expected is not None:
            reached += f" of {amount(report.expected)}"
        if name not in self._tasks:
            task = self._progress.add_task(name, total=None, reached="")
        else:
            task, former = self._tasks[name]
            if former != stage:
                self._progress.reset(task, total=None)
        self._tasks[name] = (task, stage)
        self._progress.update(
            task,
            description=f"{name} {stage}",
            completed=report.records,
            total=report.expected,
            reached=reached,
        )

    def close(self) -> None:
        for task, _ in self._tasks.values():
            done = self._progress.tasks[task].completed
            self._progress.update(task, total=max(done, 1), completed=max(done, 1))
        self._progress.stop()


def _stage(report: "Report") -> tuple[str, str]:
    name = " ".join(dict.fromkeys(part for part in (report.feed, report.resource) if part))
    return one_plain_line(name), one_plain_line(report.stage)


class Screen:
    """Where a verb speaks; a context manager that ends the progress display.

    `bars` forces or forbids bars; by default they are used on a terminal.
    """

    def __init__(self, *, bars: bool | None = None) -> None:
        terminal = sys.stdout.isatty()
        self._console = Console(
            highlight=False,
            markup=False,
            emoji=False,
            width=None if terminal else PLAIN_WIDTH,
            soft_wrap=True,
        )
        # one that cannot move its cursor (TERM=dumb) gets lines
        self._bars = terminal and not self._console.is_dumb_terminal if bars is None else bars
        self._display: _Bars | _Lines | None = None

    def __enter__(self) -> "Screen":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.settle()

    def progress(self, report: "Report") -> None:
        """Show how far a stage has come."""
        if self._display is None:
            self._display = _Bars(self._console) if self._bars else _Lines(self.say)
        self._display.report(report)

    def settle(self) -> None:
        """End the progress display, so that what is said next stands below it."""
        if self._display is not None:
            self._display.close()
            self._display = None

    def say(self, text: str) -> None:
        """Write one line."""
        self._console.print(Text(one_plain_line(text)))
        self._console.file.flush()

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table; columns of numbers are set to the right.

        Where it is wider than the terminal, each row becomes lines, and no cell is ever broken.
        """
        self.settle()
        rows = [[one_plain_line(cell) for cell in row] for row in rows]
        table = Table(box=SIMPLE_HEAD, safe_box=True, pad_edge=False)
        for index, heading in enumerate(headings):
            numeric = all(_is_number(row[index]) for row in rows) and bool(rows)
            table.add_column(
                heading, justify="right" if numeric else "left", overflow="fold", no_wrap=False
            )
        for row in rows:
            table.add_row(*[Text(cell) for cell in row])
        roomy = self._console.options.update(width=PLAIN_WIDTH)
        if self._console.measure(table, options=roomy).maximum <= self._console.width:
            self._console.print(table, soft_wrap=False)
        else:
            for line in _as_lines(headings, rows, self._console.width):
                self._console.print(Text(line))
        self._console.file.flush()


def _as_lines(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield a table as lines: what the first three columns say, and the others below by name."""
    for row in rows:
        yield "  ".join(row[:_NAMING])
        line = ""
        for heading, cell in zip(headings[_NAMING:], row[_NAMING:], strict=True):
            if cell == "-":
                continue
            part = f"{heading} {cell}"
            if line and len(line) + 2 + len(part) > width:
                yield line
                line = ""
            line = f"{line}, {part}" if line else f"  {part}"
        if line:
            yield line


def _is_number(cell: str) -> bool:
    return cell == "-" or cell.replace(",", "").replace(".", "").isdigit()
