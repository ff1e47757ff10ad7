"""How a pass runs inside Dagster: typed errors become Failures and back, progress finds its way.

Used by assets and checks (to fail properly, to tell how far they are) and by `jobs.run` (to read
what became of a run). Nothing here knows a feed, a table or a source.
"""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from mls_assets.errors import MlsAssetsError
from mls_assets.replication.workspace import Progress

#: Metadata keys by which a Failure carries a typed error to whoever started the run.
EXIT_CODE, KIND = "exit_code", "kind"
#: And the one that says how many resources came through although the step failed.
LANDED = "landed"
#: And the one that has each trouble as a line of its own.
TROUBLES = "troubles"

#: Metadata key under which a check of many feeds lists those that it found wrong.
OFFENDERS = "offenders"

#: Seconds between two lines about the same stage in a run's log.
LOG_EVERY = 5.0

Listener = Callable[[Progress], None]
_listener: ContextVar[Listener | None] = ContextVar("mls_assets_listener", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Let `listener` hear the progress of every pass that runs in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def first_exit_code(codes: Iterable[int]) -> int:
    """Return the code for several results: the first of 2, 1, 3 that occurred, else 0."""
    occurred = set(codes)
    return next((code for code in (2, 1, 3) if code in occurred), 0)


@dataclass(frozen=True, slots=True)
class StepError:
    """One thing that went wrong, as it is told to Dagster and to the person at the terminal."""

    text: str
    exit_code: int = 1
    kind: str = "MlsAssetsError"
    transient: bool = False

    @classmethod
    def of(cls, error: MlsAssetsError) -> "StepError":
        """Describe a typed error."""
        return cls(str(error), error.exit_code, type(error).__name__, error.transient)


def failure(troubles: Sequence[StepError], *, landed: int = 0) -> dg.Failure:
    """Return the Failure that ends a step, however many things went wrong in it.

    `landed` counts the resources that came through nevertheless.
    """
    texts = list(dict.fromkeys(trouble.text for trouble in troubles))
    return dg.Failure(
        " ".join(texts),
        metadata={
            TROUBLES: texts,
            EXIT_CODE: first_exit_code(trouble.exit_code for trouble in troubles),
            KIND: ", ".join(dict.fromkeys(trouble.kind for trouble in troubles)),
            LANDED: landed,
        },
        allow_retries=all(trouble.transient for trouble in troubles),
    )


@contextmanager
def failing() -> Iterator[None]:
    """Turn every error of the body into a Failure that may be shown to anyone.

    The message of a foreign exception (DuckDB's, Polars') may quote a listing, and Dagster keeps
    event logs beyond any purge: so of those only type and place are told.
    """
    try:
        yield
    except MlsAssetsError as error:
        raise failure([StepError.of(error)]) from None
    except dg.Failure:
        raise
    except Exception as error:  # noqa: BLE001 - see above: nothing foreign may pass
        raise dg.Failure(
            f"{unexpected(error)}; the cursor did not move, and the next run tries again.",
            metadata={EXIT_CODE: 1, KIND: type(error).__name__, "places": _places(error)},
            allow_retries=False,
        ) from None


def unexpected(error: BaseException) -> str:
    """Say of an error that is not ours what may be shown: its type and place."""
    return (
        f"Unexpected {type(error).__name__} at {_places(error)[-1]}. Its message is withheld, for "
        "it may quote a listing"
    )


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


class Narrator:
    """Hands progress to whoever started the run, and every few seconds to the run's log."""

    def __init__(
        self, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._stage: tuple[str, str, str] | None = None
        self._began = self._said = 0.0

    def __call__(self, progress: Progress) -> None:
        """Take one report of a pass."""
        listener = _listener.get()
        if listener is not None:
            listener(progress)
        now = self._clock()
        stage = (progress.feed, progress.resource, progress.stage)
        if stage != self._stage:
            self._stage, self._began, self._said = stage, now, now
        elif now - self._said >= LOG_EVERY:
            self._said = now
            self._say(progress_line(progress, now - self._began))


def progress_line(progress: Progress, seconds: float) -> str:
    """Say how far a stage is after so many seconds: pages, records, rate, and what is left."""
    line = f"{progress.feed} {progress.resource} {progress.stage}: {progress.pages:,} pages, "
    of = "" if progress.expected is None else f" of {progress.expected:,}"
    line += f"{progress.records:,}{of} records"
    rate = progress.records / seconds if seconds > 0 else 0.0
    if not rate:
        return line
    line += f", {rate:,.0f}/s"
    left = (progress.expected or 0) - progress.records
    if left > 0:
        line += f", about {_duration(left / rate)} left"
    return line


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def plain_metadata(metadata: Mapping[str, dg.MetadataValue]) -> dict[str, Any]:
    """Return metadata as plain Python values."""
    return {name: value.value for name, value in metadata.items()}
