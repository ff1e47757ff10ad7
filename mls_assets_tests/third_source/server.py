"""Meridian's server: a RESO Web API of few words on a loopback port."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

TOKEN = "meridian-token-1"
KEYS = {"Property": "ListingKey", "Office": "OfficeKey"}
_PAGE = 7
_TEXT = r"'((?:[^']|'')*)'"
_MODIFIED = "ModificationTimestamp"


@dataclass
class Meridian:
    """The records of each set, and the questions that were asked."""

    url: str
    records: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {name: {} for name in KEYS}
    )
    asked: list[str] = field(default_factory=list)
    broken: str = ""

    def put(self, name: str, **members: Any) -> None:
        """Add or change a record."""
        self.records[name][members[KEYS[name]]] = members

    def answer(self, path: str, options: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Answer one question about a set."""
        name = path.rsplit("/", 1)[-1]
        if name not in KEYS:
            return 404, {"error": {"code": "NoSuchSet", "message": f"no {name} here"}}
        if "$expand" in options:
            return 400, {"error": {"code": "NoExpand", "message": "nothing can be expanded"}}
        if name == self.broken:
            return 500, {"error": {"code": "Sorry", "message": "out of order"}}
        key = KEYS[name]
        found = sorted(
            (one for one in self.records[name].values() if _matches(one, key, options)),
            key=lambda one: one[key],
        )
        skip = int(options.get("$skip", 0))
        top = min(int(options.get("$top", _PAGE)), _PAGE)
        fields = [name for name in options.get("$select", "").split(",") if name]
        body: dict[str, Any] = {"@odata.context": f"{self.url}/$metadata#{name}"}
        if options.get("$count") == "true":
            body["@odata.count"] = len(found)
        body["value"] = [
            {each: one[each] for each in one if not fields or each in fields}
            for one in found[skip : skip + top]
        ]
        if skip + top < len(found) and top == _PAGE:
            query = "&".join(
                f"{each}={quote(value)}"
                for each, value in {**options, "$skip": str(skip + top)}.items()
            )
            body["@odata.nextLink"] = f"{self.url}/{name}?{query}"
        return 200, body


def _matches(record: dict[str, Any], key: str, options: dict[str, str]) -> bool:
    for clause in filter(None, options.get("$filter", "").split(" and ")):
        if found := re.fullmatch(rf"{_MODIFIED} (gt|ge|lt) (\S+)", clause):
            at, moment = record.get(_MODIFIED) or "", found[2]
            if not {"gt": at > moment, "ge": at >= moment, "lt": at < moment}[found[1]]:
                return False
        elif clause == f"{_MODIFIED} eq null":
            if record.get(_MODIFIED) is not None:
                return False
        elif found := re.fullmatch(rf"{key} gt {_TEXT}", clause):
            if record[key] <= found[1]:
                return False
        elif found := re.fullmatch(rf"{key} in \((.*)\)", clause):
            if record[key] not in re.findall(_TEXT, found[1]):
                return False
        else:
            raise AssertionError(f"this server does not understand {clause!r}")
    return True


@contextmanager
def serving() -> Iterator[Meridian]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            meridian.asked.append(self.path)
            status, body = 401, {"error": {"code": "Who", "message": "who are you?"}}
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                status, body = meridian.answer(parts.path, dict(parse_qsl(parts.query)))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        meridian = Meridian(f"http://127.0.0.1:{server.server_port}/reso")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield meridian
        finally:
            server.shutdown()
