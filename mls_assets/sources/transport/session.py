"""One hardened HTTP session: who gets the token, how long to try, what an answer must be.

Every request of the sources goes through `HttpSession`. It knows nothing of OData or GraphQL;
what a good body is, its caller says with a `read` function, which raises AnswerBroken.
"""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests
import urllib3

from mls_assets.errors import (
    AnswerBroken,
    ConfigurationError,
    SourceError,
    SourceRefused,
    SourceUnreachable,
)
from mls_assets.sources.transport.deadline import (
    MIB,
    BodyTruncated,
    Deadline,
    Limits,
    PunctualAdapter,
    certificates,
    network_failure,
    proxies,
    read_body,
    server_date,
)
from mls_assets.sources.transport.links import (
    Origin,
    is_loopback,
    sendable,
    shown_address,
    shown_text,
)
from mls_assets.sources.transport.retry import (
    NOT_APPLIED,
    RATE_LIMIT_PAUSE,
    RetryableError,
    RetryState,
    failure_for,
)
from mls_assets.sources.transport.vendor_errors import ErrorVerdict, classify, retry_after

T = TypeVar("T")
log = logging.getLogger(__name__)

_ERROR_BODY = Limits(body_bytes=MIB)
#: Tokens of fewer characters stand in a text by chance.
_SHORT_TOKEN = 8
_BROKEN_OFF = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    BodyTruncated,
)


@dataclass(frozen=True, slots=True)
class HttpAnswer(Generic[T]):
    """A proper answer (status 200), read.

    `content` is what the caller's `read` made of the body; `size` (bytes, inflated) and
    `sha256` are the body's. `began_at` is when the request began, by the earlier of two clocks: the
    server's Date header and ours, less the time until the header came; so it is never too late,
    whichever of them runs ahead. Ours alone counts where there is no usable header.
    `retried` holds the reasons of the failures before this answer, such as "503/1024" or "timeout".
    """

    content: T
    began_at: datetime
    size: int
    sha256: str
    retried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    url: str
    accept: str
    payload: bytes | None = None
    continuation: bool = False


class HttpSession:
    """Requests to one origin with one token; safe for several threads (each has its own pool).

    `patience` is for how many seconds of fruitless trying a source may be out of reach; waits
    that the source itself asks for come on top. Raises TokenRefused, SourceRefused (also for
    redirects), LinkExpired, AnswerBroken, SourceUnreachable. The token goes to `origin_url`'s
    scheme, host and port only, and never into a text.

    `sleep`, `clock` (monotonic seconds) and `now` (aware UTC) can be replaced in tests.
    """

    def __init__(
        self,
        origin_url: str,
        token: str,
        *,
        patience: float = 30.0,
        limits: Limits | None = None,
        user_agent: str = "mls-assets",
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.origin = Origin.of(origin_url)
        self.patience = patience
        self.limits = limits or Limits()
        self._token = token.strip()
        if not self._token or not all("!" <= c <= "~" for c in self._token):
            raise ConfigurationError(
                f"The token for {self.origin.host} is empty or holds characters that no token "
                "has (spaces, line ends, accents); set it again."
            )
        self._user_agent = user_agent
        self._closed = threading.Event()
        self.sleep = sleep or self._closed.wait
        self._clock, self._now = clock, now
        self._verify = certificates()
        self._proxies = {} if is_loopback(self.origin.host) else proxies(origin_url)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._sessions: list[requests.Session] = []
        self._running: set[Deadline] = set()
        self.clock: datetime | None = None  # `began_at` of the newest answer
        self.skew: timedelta | None = None  # by how much our clock was ahead of the server's then

    def __repr__(self) -> str:
        return f"HttpSession({str(self.origin)!r})"

    def __enter__(self) -> "HttpSession":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; what another thread is still fetching breaks off."""
        self._closed.set()
        with self._lock:
            for deadline in self._running:
                deadline.expire()
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def get(
        self,
        url: str,
        read: Callable[[bytes], T],
        *,
        accept: str = "application/json",
        continuation: bool = False,
    ) -> HttpAnswer[T]:
        """GET `url`, byte for byte where it is valid.

        With `continuation`, 400, 409 and 410 raise LinkExpired.
        """
        return self._ask(_Question("GET", url, accept, continuation=continuation), read)

    def post(self, url: str, payload: dict[str, Any], read: Callable[[bytes], T]) -> HttpAnswer[T]:
        """POST `payload` as JSON. It is tried again like a GET: all our POSTs are queries."""
        body = msgspec.json.encode(payload)
        return self._ask(_Question("POST", url, "application/json", body), read)

    def scrub(self, text: str) -> str:
        """`text` without the token, should a server have sent it back to us, whole or cut off.

        A token so short that words hold it by chance is told by what stands beside it.
        """
        for secret in {self._token, quote(self._token, safe="")}:
            if len(secret) < _SHORT_TOKEN:
                text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", "***", text)
                continue
            text = text.replace(secret, "***")
            for size in range(len(secret) - 1, _SHORT_TOKEN - 1, -1):
                text = text.replace(f"{secret[:size]}...", "***...")
        return text

    def _place(self, url: str) -> str:
        return self.scrub(shown_address(url))

    def _ask(self, question: _Question, read: Callable[[bytes], T]) -> HttpAnswer[T]:
        retries = RetryState(self.patience, self.limits, self._clock)
        while True:
            try:
                return self._exchange(question, read, retries.reasons)
            except RetryableError as failure:
                where = self._place(question.url)
                if self._closed.is_set():
                    text = f"{where}: broken off, since the session was closed."
                    raise SourceError(text) from None
                pause = retries.pause_after(failure)
                if pause is None:
                    raise retries.given_up(failure, where) from None
            if pause >= RATE_LIMIT_PAUSE:
                log.warning("%s asks for a pause; waiting %.0f s", self.origin, pause)
            self.sleep(pause)

    def _exchange(
        self, question: _Question, read: Callable[[bytes], T], retried: list[str]
    ) -> HttpAnswer[T]:
        """One try. Raises RetryableError for what may pass, and lasting errors as they are."""
        where = self._place(question.url)
        began = self._clock()
        with Deadline(self.limits.total_seconds) as deadline:
            self._enlist(deadline)
            try:
                with self._send(question) as response:
                    told, here = server_date(response), self._now()
                    answered_at = told or here
                    elapsed = timedelta(seconds=self._clock() - began)
                    began_at = min(answered_at, here) - elapsed
                    status = response.status_code
                    if 300 <= status < 400:
                        raise SourceRefused(self._redirected(response, where))
                    limits = self.limits if status == 200 else _ERROR_BODY
                    body = self._body(response, limits, status, where)
                if deadline.expired:  # an end that we made ourselves can look like a proper one
                    raise BodyTruncated
            except _BROKEN_OFF as error:
                self._failed(error, deadline, where)
            finally:
                with self._lock:
                    self._running.discard(deadline)
        digest = hashlib.sha256(body).hexdigest()
        verdict = classify(status, body, continuation=question.continuation)
        if verdict is not None:
            pause = retry_after(response.headers, answered_at, self.limits.retry_after_seconds)
            self.judge(verdict, where, pause=pause, digest=digest)
        try:
            content = read(body)
        except AnswerBroken as error:
            media = response.headers.get("Content-Type", "of no type").split(";")[0]
            text = (
                f"{where} answered with what is no proper answer: {self.scrub(str(error))} "
                f"({len(body):,} bytes, {shown_text(media, 60)}, sha256 {digest[:12]}). "
                f"{NOT_APPLIED}"
            )
            raise RetryableError("broken", AnswerBroken(text), digest=digest) from None
        self.clock = began_at
        self.skew = here - told if told else None
        return HttpAnswer(content, began_at, len(body), digest, tuple(retried))

    def _send(self, question: _Question) -> requests.Response:
        """Send the request to exactly the URL given (see `sendable`), if the origin permits it."""
        url = self.origin.permit(sendable(question.url))
        headers = {"Accept": question.accept}
        if question.payload is not None:
            headers["Content-Type"] = "application/json"
        session = self._session()
        request = session.prepare_request(
            requests.Request(
                question.method, str(self.origin), headers=headers, data=question.payload
            )
        )
        request.url = url  # verbatim: `requests` re-encodes what it prepares
        request.headers["Authorization"] = f"Bearer {self._token}"
        return session.send(
            request,
            stream=True,
            allow_redirects=False,
            timeout=(self.limits.connect_seconds, self.limits.read_seconds),
            verify=self._verify,
            proxies=self._proxies,
        )

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False  # a ~/.netrc entry would replace the token
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.headers.clear()
            session.headers.update({"User-Agent": self._user_agent, "Accept-Encoding": "gzip"})
            session.mount("http://", PunctualAdapter())
            session.mount("https://", PunctualAdapter())
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _enlist(self, deadline: Deadline) -> None:
        with self._lock:
            if self._closed.is_set():
                raise SourceError(f"The session with {self.origin} is closed.")
            self._running.add(deadline)

    def _body(self, response: requests.Response, limits: Limits, status: int, where: str) -> bytes:
        try:
            return read_body(response, limits)
        except AnswerBroken as error:
            if status != 200:
                return b""  # the status says enough
            raise AnswerBroken(f"{where}: {error}. {NOT_APPLIED}") from None

    def _failed(self, error: BaseException, deadline: Deadline, where: str) -> NoReturn:
        failure = network_failure(error)
        if deadline.expired and not self._closed.is_set():
            clause = f"its answer took longer than {self.limits.total_seconds:g} s"
            raise RetryableError("deadline", SourceUnreachable(clause)) from None
        if failure.lasting:
            raise SourceRefused(f"{where}: {failure.clause}. Nothing was fetched.") from None
        unreachable = SourceUnreachable(failure.clause)
        raise RetryableError(failure.reason, unreachable, reached=failure.reached) from None

    def _redirected(self, response: requests.Response, where: str) -> str:
        target = response.headers.get("Location", "")
        try:
            host = urlsplit(target).hostname or self.origin.host
        except ValueError:
            host = "an unreadable address"
        return (
            f"{where} redirects ({response.status_code}) to {shown_text(self.scrub(host))}; it was "
            "not "
            "followed, and nothing was sent there. If the source has moved, configure its new "
            "address."
        )

    def judge(
        self, verdict: ErrorVerdict, where: str, *, pause: float | None = None, digest: str = ""
    ) -> NoReturn:
        """Raise what a verdict calls for; also for verdicts that a `read` function reached."""
        told = replace(verdict, reason=self.scrub(verdict.reason), said=self.scrub(verdict.said))
        raise failure_for(told, where, told.sentence(), pause, digest)
