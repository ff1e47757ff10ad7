"""Real HTTP servers on loopback that answer as scripted, well or badly. Fixtures use them."""

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "S3CR3T-CANARY-0123456789"
DATE = "Sat, 03 Aug 2024 12:00:00 GMT"


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def options(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def payload(self) -> dict[str, Any]:
        return json.loads(self.body)


Reply = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers requests with `replies` in turn, then with what `otherwise` makes of them."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: list[Reply] = []
        self.otherwise: Callable[[Asked], Reply] | None = None
        self.released = threading.Event()
        lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_any(handler) -> None:  # noqa: N805 - the server is the outer self
                length = int(handler.headers.get("Content-Length") or 0)
                asked = Asked(
                    handler.command,
                    handler.path,
                    {name.lower(): value for name, value in handler.headers.items()},
                    handler.rfile.read(length),
                )
                with lock:
                    self.asked.append(asked)
                    reply = self.replies.pop(0) if self.replies else None
                if reply is None:
                    assert self.otherwise is not None, f"no reply left for {asked.target}"
                    reply = self.otherwise(asked)
                reply(handler)

            do_GET = do_POST = do_CONNECT = handle_any  # noqa: N815 - http.server's names

            def log_message(self, *args: object) -> None:
                pass

            def send_response(self, code: int, message: str | None = None) -> None:
                self.send_response_only(code, message)

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args: object) -> None:
                pass  # clients hang up on purpose here

        self._http = Quiet(("127.0.0.1", 0), Handler)
        self.port = self._http.server_address[1]
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def root(self) -> str:
        return f"{self.origin}/Reso/OData"

    def stop(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@dataclass
class FakeTime:
    """A clock that moves only when someone sleeps."""

    seconds: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds

    def clock(self) -> float:
        return self.seconds


def reply(status: int = 200, body: bytes | str = b"", **headers: str) -> Reply:
    """A whole and honest HTTP answer; header names with `_` for `-`."""
    content = body.encode() if isinstance(body, str) else body
    told = {"Content_Type": "application/json", "Date": DATE} | headers

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in told.items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return send


def as_json(content: object, status: int = 200, **headers: str) -> Reply:
    return reply(status, json.dumps(content), **headers)


def records(*items: object, **envelope: object) -> Reply:
    """An OData collection; `next`, `count` and `context` stand for their annotations."""
    names = {"next": "@odata.nextLink", "count": "@odata.count", "context": "@odata.context"}
    return as_json({names[name]: v for name, v in envelope.items()} | {"value": list(items)})


def listing(key: str, **fields: object) -> dict[str, object]:
    return {"ListingKey": key, "ModificationTimestamp": "2026-08-01T10:00:00Z"} | fields


def keys_of_filter(asked: Asked) -> list[str]:
    """The keys that a question by key asks for."""
    return [part.replace("''", "'") for part in _quoted(asked.options["$filter"])]


def _quoted(text: str) -> Iterable[str]:
    rest = text
    while "'" in rest:
        rest = rest[rest.index("'") + 1 :]
        end = 0
        while True:
            end = rest.index("'", end)
            if rest[end : end + 2] != "''":
                break
            end += 2
        yield rest[:end]
        rest = rest[end + 1 :]


# Answers that break ------------------------------------------------------------------------


def raw(*pieces: bytes, pause: float = 0.0) -> Reply:
    """Bytes on the wire as they are, then a closed connection."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)
            handler.wfile.flush()
            if pause:
                time.sleep(pause)
        handler.connection.shutdown(socket.SHUT_RDWR)

    return send


def head(*lines: str) -> bytes:
    return "\r\n".join(
        ("HTTP/1.1 200 OK", "Content-Type: application/json", *lines, "", "")
    ).encode()


def drop() -> Reply:
    """The connection is closed before any answer."""
    return raw()


def drip(server: Server, *, headers: bool = False) -> Reply:
    """A byte now and then, for ever: each read gets something, the whole never ends."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nX-Slow: " if headers else head("Content-Length: 9999")
        )
        while not server.released.wait(0.02):
            handler.wfile.write(b" ")

    return send


def silence(server: Server) -> Reply:
    """The request is taken and never answered."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        server.released.wait(10)

    return send


def gzipped(body: bytes, *, cut: int = 0) -> Reply:
    packed = gzip.compress(body, mtime=0)
    return reply(200, packed[: len(packed) - cut], Content_Encoding="gzip")
