"""One HTTP exchange: a total deadline, a capped body, and failures put into words.

Knows `requests` and `urllib3`, but no vendor, no token and no retry: see `http`.
"""

import http.client
import math
import os
import socket
import ssl
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from mls_assets.errors import AnswerBroken, ConfigurationError
from mls_assets.sources.transport.links import target_of

MIB = 1024 * 1024
_PIECE = 64 * 1024
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
_CURRENT = threading.local()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost at most. Sizes are in bytes, times in seconds.

    The ratio (inflated to received) counts from `ratio_from` on: a megabyte of wire bytes can
    inflate to a gigabyte, but real pages stay under 40. `told_pauses` is how often in a row a
    source may tell us to wait (Retry-After, rate limit); 0 suits a sensor that has no time. After
    `effort_seconds` no further try of a request begins.
    """

    body_bytes: int = 128 * MIB
    ratio: int = 200
    ratio_from: int = MIB
    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    total_seconds: float = 300.0
    effort_seconds: float = math.inf
    retry_after_seconds: float = 900.0
    told_pauses: int = 3
    pages: int = 100_000


class BodyTruncated(Exception):
    """The body ended before its end."""


class Deadline:
    """Ends one exchange when its time is up, however slowly bytes drip in.

    The timeouts of `requests` count anew with each read, so a byte a second passes them for
    ever. This one shuts the socket from a timer, which wakes the blocked reader.
    """

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._lock = threading.Lock()
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self.expire)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        _CURRENT.deadline = self
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        _CURRENT.deadline = None
        self._timer.cancel()

    def watch(self, sock: socket.socket) -> None:
        """From here on the exchange reads from `sock`."""
        with self._lock:
            self._sock = sock
            if self.expired:
                self._shut()

    def expire(self) -> None:
        """End the exchange now; may be called from any thread."""
        with self._lock:
            self.expired = True
            self._shut()

    def _shut(self) -> None:
        if self._sock is not None:
            with suppress(OSError, AttributeError):
                self._sock.shutdown(socket.SHUT_RDWR)


class _Punctual(HTTPConnection):
    """A connection that asks for exactly the target that the adapter was given, and tells the
    running deadline which socket it reads from.
    """

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        super().putrequest(method, getattr(_CURRENT, "target", None) or url, *args, **kwargs)

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        deadline: Deadline | None = getattr(_CURRENT, "deadline", None)
        if deadline is not None and self.sock is not None:
            deadline.watch(self.sock)
        return super().getresponse(*args, **kwargs)


class _PunctualTls(_Punctual, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = cast("Any", _Punctual)


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = cast("Any", _PunctualTls)


class PunctualAdapter(HTTPAdapter):
    """The adapter of `requests` with connections that obey `Deadline`; retries nothing itself.

    What it asks for is what stands in the request's URL, byte for byte: on the way down urllib3
    would change the case of escapes, escape anew what is escaped, and cut at a "#".
    """

    _POOLS: ClassVar = {"http": _Pool, "https": _TlsPool}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """As the base class, for exactly this target."""
        _CURRENT.target = target_of(request.url or "")
        try:
            return super().send(request, *args, **kwargs)
        finally:
            _CURRENT.target = None

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As the base class, with our connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """As the base class, with our connections (SOCKS has its own)."""
        manager = super().proxy_manager_for(*args, **kwargs)
        if "socks" not in type(manager).__name__.lower():
            manager.pool_classes_by_scheme = self._POOLS
        return manager


def read_body(response: requests.Response, limits: Limits) -> bytes:
    """The whole body, inflated.

    Raises AnswerBroken if it is larger than the limits or in a coding that was not asked for,
    BodyTruncated if its gzip stream has no end, and urllib3's errors if the connection broke.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    wire = response.raw.stream(_PIECE, decode_content=False)
    if coding in ("", "identity"):
        pieces = wire
    elif coding in ("gzip", "x-gzip"):
        pieces = _inflate(wire, limits)
    else:
        raise AnswerBroken(
            f"the body came in the coding {coding[:40]!r}, which was not asked for; it was not read"
        )
    body, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > limits.body_bytes:
            raise AnswerBroken(
                f"the body is larger than {limits.body_bytes / MIB:,.0f} MiB; reading was broken "
                "off. Ask for fewer records a page"
            )
        body.append(piece)
    return b"".join(body)


def _inflate(wire: Iterable[bytes], limits: Limits) -> Iterator[bytes]:
    """Inflate a gzip stream (of one or more members) piece by piece, watching its ratio."""
    member = zlib.decompressobj(wbits=31)
    received = inflated = 0
    try:
        for piece in wire:
            received += len(piece)
            while piece:
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
                out = member.decompress(piece, MIB)
                piece = member.unconsumed_tail or member.unused_data
                inflated += len(out)
                if inflated > max(limits.ratio_from, received * limits.ratio):
                    raise AnswerBroken(
                        f"{received:,} bytes of gzip inflate to more than {inflated:,}; "
                        "reading was broken off"
                    )
                yield out
    except zlib.error:
        raise AnswerBroken("the body is not the gzip stream that its header promises") from None
    if received and not member.eof:
        raise BodyTruncated


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an exchange failed: a word for records, a clause for messages.

    `lasting`: asking again cannot help. `reached`: the host took the connection.
    """

    reason: str
    clause: str
    lasting: bool = False
    reached: bool = True


def network_failure(error: BaseException) -> Failure:
    """Put a transport error into words; its own text (with URL and proxy) is never used."""
    chain = list(_causes(error))
    texts = " ".join(str(cause) for cause in chain)

    def any_of(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in chain)

    if any_of(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        if "407" in texts:
            clause = "the proxy asks for credentials (407); put them into HTTPS_PROXY"
            return Failure("proxy", clause, lasting=True)
        return Failure("proxy", "the proxy did not connect us", reached=False)
    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = getattr(cause, "verify_message", "") or "invalid"
            clause = f"its certificate was not accepted ({why})"
            return Failure("certificate", clause, lasting=True)
    if any_of(ssl.SSLError) and not any_of(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return Failure("tls", "it does not speak TLS as expected", lasting=True)
    if any_of(socket.gaierror):
        return Failure("dns", "its name could not be resolved", reached=False)
    if any_of(ConnectionRefusedError):
        return Failure("refused", "it refused the connection", reached=False)
    if any_of(requests.exceptions.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError):
        return Failure("connect-timeout", "it did not take the connection in time", reached=False)
    if any_of(requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        return Failure("timeout", "it did not answer in time", reached=False)
    if any_of(BodyTruncated, http.client.IncompleteRead):
        return Failure("truncated", "its answer broke off before the end")
    return Failure("reset", "it broke the connection off")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies under it: causes, contexts, `reason`s and wrapped arguments."""
    todo, seen = [error], set[int]()
    while todo:
        cause = todo.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
        todo.extend(item for item in inner if isinstance(item, BaseException))


#: The years that a server can mean by its Date header.
_YEARS = (2000, 2199)


def server_date(response: requests.Response) -> datetime | None:
    """The answer's Date header as an aware UTC instant, None where unusable or out of our time."""
    try:
        moment = parsedate_to_datetime(response.headers.get("Date", ""))
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if _YEARS[0] <= moment.year <= _YEARS[1] else None


def certificates() -> str | bool:
    """The certificates to trust: a file or folder from the environment, or the usual ones."""
    for variable in _CA_VARIABLES:
        if path := os.environ.get(variable):
            if not Path(path).exists():
                raise ConfigurationError(
                    f"{variable} names a file that does not exist: {path}. Nothing was asked."
                )
            return path
    return True


def proxies(url: str) -> dict[str, str]:
    """The proxies that the environment names for `url`; nothing else is taken from there."""
    return dict(requests.utils.get_environ_proxies(url))
