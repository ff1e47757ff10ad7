"""How long a request is tried: patience, back-off, and the waits that a source asks for.

One `RetryState` accompanies one request through its tries. It decides only; `session` sends and
sleeps. No library's policy would do: when to stop depends on what came before (the same broken body
twice, pauses told in a row), and waits that the source asks for do not use up patience.
"""

import random
from collections.abc import Callable

from mls_assets.errors import (
    AnswerBroken,
    LinkExpired,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    TokenRefused,
)
from mls_assets.sources.transport.deadline import Limits
from mls_assets.sources.transport.vendor_errors import (
    ErrorKind,
    ErrorVerdict,
    NotThere,
    QuestionRefused,
)

RATE_LIMIT_PAUSE = 30.0  # Spark documents no Retry-After; its window is five minutes long
#: What becomes of an answer that was no proper one; what a source told before is not its matter.
NOT_APPLIED = "That answer was not applied; what landed before it stays."
_BACKOFF_LIMIT = 60.0
_BROKEN_TRIES = 3
_JITTER = random.Random()  # noqa: S311 - spreads clients over time, guards nothing


class RetryableError(Exception):
    """A failure that another try may mend; `read` functions may raise it too.

    `error` is what is raised when there are no more tries. `pause` is the wait that the server
    asked for in seconds, `limited` says that it counts requests. `digest` is the SHA-256 of a
    broken body: the same broken body twice will not get better.
    """

    def __init__(
        self,
        reason: str,
        error: SourceError,
        *,
        pause: float | None = None,
        limited: bool = False,
        reached: bool = True,
        digest: str | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.error = reason, error
        self.pause, self.limited, self.reached, self.digest = pause, limited, reached, digest


class RetryState:
    """How the tries of one request went so far, and whether and when to go on."""

    def __init__(self, patience: float, limits: Limits, clock: Callable[[], float]) -> None:
        self._patience, self._limits, self._clock = patience, limits, clock
        self._began = clock()
        self._told_seconds = 0.0
        self._told_in_a_row = 0
        self._broken: list[str] = []
        self.reasons: list[str] = []

    def pause_after(self, failure: RetryableError) -> float | None:
        """Return the seconds to wait after this failure before the next try; None to give up."""
        self.reasons.append(failure.reason)
        told = failure.limited or failure.pause is not None
        self._told_in_a_row = self._told_in_a_row + 1 if told else 0
        if failure.digest is not None:
            self._broken.append(failure.digest)
        return None if self._is_spent(failure) else self._pause(failure)

    def _is_spent(self, failure: RetryableError) -> bool:
        if self._clock() - self._began >= self._limits.effort_seconds:
            return True
        if failure.digest is not None:
            same = self._broken.count(failure.digest) > 1
            return same or len(self._broken) >= _BROKEN_TRIES
        if self._told(failure):
            return False
        if failure.limited:
            return True
        once_more = failure.reached and len(self.reasons) < 2
        return self._fruitless() >= self._patience and not once_more

    def _pause(self, failure: RetryableError) -> float:
        if self._told(failure):
            doubled = RATE_LIMIT_PAUSE * 2 ** (self._told_in_a_row - 1)
            seconds = failure.pause if failure.pause is not None else doubled
            seconds = min(seconds, self._limits.retry_after_seconds)
            self._told_seconds += seconds
            return seconds
        backoff = min(_BACKOFF_LIMIT, 2.0 ** min(len(self.reasons) - 1, 6)) * _JITTER.uniform(
            0.5, 1.0
        )
        return min(backoff, max(self._patience - self._fruitless(), 0.1))

    def given_up(self, last: RetryableError, where: str) -> SourceError:
        """The error to raise at the end, with what was tried."""
        if not isinstance(last.error, SourceUnreachable):
            return last.error
        tries = f"{len(self.reasons)} tries" if len(self.reasons) > 1 else "1 try"
        return SourceUnreachable(
            f"{where} gave no proper answer in {self._clock() - self._began:,.0f} s and {tries}; "
            f"at last {last.error}. What landed before stays; run again when it answers.",
            answers=last.reached and not last.limited and last.pause is None,
        )

    def _told(self, failure: RetryableError) -> bool:
        """Whether the source told us to wait, and not too often in a row."""
        told = failure.limited or failure.pause is not None
        return told and self._told_in_a_row <= self._limits.told_pauses

    def _fruitless(self) -> float:
        return self._clock() - self._began - self._told_seconds


def failure_for(
    verdict: ErrorVerdict, where: str, sentence: str, pause: float | None, digest: str
) -> SourceError | TokenRefused | RetryableError:
    """The error that a verdict on an answer calls for; `sentence` is the verdict, scrubbed."""
    text = f"{where} answered {sentence}. {NOT_APPLIED}"
    match verdict.kind:
        case ErrorKind.ACCESS:
            return TokenRefused(text)
        case ErrorKind.QUESTION:
            too_long = verdict.code == 1041 or verdict.reason[:3] in ("413", "414")
            return QuestionRefused(
                text, too_long=too_long, graphql=verdict.graphql, said=verdict.said
            )
        case ErrorKind.EXPIRED:
            return LinkExpired(f"{text} The walk has to begin again.")
        case ErrorKind.REFUSED if verdict.graphql:
            return QuestionRefused(text, graphql=True, said=verdict.said)
        case ErrorKind.REFUSED:
            return NotThere(text) if verdict.reason.startswith("404") else SourceRefused(text)
        case ErrorKind.LIMITED:
            error = SourceUnreachable(f"it answered {sentence}")
            return RetryableError(verdict.reason, error, pause=pause, limited=True)
        case ErrorKind.RETRY:
            error = SourceUnreachable(f"it answered {sentence}")
            return RetryableError(verdict.reason, error, pause=pause)
        case ErrorKind.BROKEN:
            return RetryableError(verdict.reason, AnswerBroken(text), digest=digest)
