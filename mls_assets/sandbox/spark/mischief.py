"""What each fault does: to the whole answer, to the content of a page, or to its bytes.

Which fault strikes when is decided by `mls_assets.sandbox.faults`. The functions for pages are
pure; those for whole answers and for bytes make responses.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import h11
import msgspec
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from mls_assets.sandbox.faults import Fault
from mls_assets.sandbox.spark import errors
from mls_assets.sandbox.spark.errors import Refusal
from mls_assets.sandbox.spark.omissions import EVERY_RECORD

JSON_HEADER = "application/json"
MAX_DRIPS = 600
"""After so many pieces a dripping answer gives the rest at once, so that nothing hangs for ever."""

FOREIGN_LINK = "https://replication.elsewhere.invalid/Reso/OData/Property?%24skiptoken=1"

_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"

_REFUSALS: Mapping[str, Refusal] = {
    "status_401": errors.UNAUTHORISED,
    "status_403_1021": errors.WRONG_HOST,
    "status_400": errors.bad_request("The question is not understood."),
    "status_404": errors.not_found(),
    "status_429": errors.OVER_LIMIT,
    "status_500_1026": errors.UNEXPECTED,
    "status_503_1510": errors.UNAVAILABLE,
    "status_503_1024": errors.NOT_IN_SYNC,
    "status_503_1516": errors.CANCELLED,
    "expired_skiptoken": errors.EXPIRED_TOKEN,
}


def refusal_response(
    refusal: Refusal, form: errors.BodyForm = "odata", retry_after: object = None
) -> Response:
    """An error as an answer; retry_after goes into its header word for word."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if refusal.status == 405:
        headers["Allow"] = "GET, HEAD"
    return Response(refusal.body(form), refusal.status, headers, JSON_HEADER)


# -- instead of the answer


def instead(fault: Fault) -> Response:
    """The answer that a fault of the stage `answer` gives. Every one takes `body: native`."""
    params = fault.params
    match fault.name:
        case "status_502":
            return Response("Bad Gateway", 502, media_type="text/plain")
        case "html_200":
            return Response(_PAGE.format("Sign in"), 200, media_type="text/html")
        case "html_502":
            return Response(_PAGE.format("502 Bad Gateway"), 502, media_type="text/html")
        case "redirect":
            return RedirectResponse(str(params.get("url", FOREIGN_LINK)), params.get("status", 302))
        case "drop_connection":
            return _Dropped()
        case "native_error_body":
            refusal = Refusal(
                int(params.get("status", errors.UNAVAILABLE.status)),
                int(params.get("code", errors.UNAVAILABLE.code)),
                str(params.get("message", errors.UNAVAILABLE.message)),
            )
            return refusal_response(refusal, "native")
    form = "native" if params.get("body") == "native" else "odata"
    return refusal_response(_REFUSALS[fault.name], form, params.get("retry_after"))


class _Dropped(Response):
    """Closes the connection before a byte of an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begins an answer that no server can write; the connection is then given up.

        The piece of a body makes middleware that holds the beginning back let it go.
        """
        unwritable = [(b"no name:", b"\n")]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": unwritable})
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
        except (RuntimeError, h11.LocalProtocolError):
            return


# -- in the content of a page


@dataclass(frozen=True)
class Draft:
    """A page before it is written.

    records: JSON objects. own_link: the address that was asked for. repeat_link: another address
    that brings the same page.
    """

    records: list[bytes]
    count: int | str | None
    next_link: str | None
    own_link: str
    repeat_link: str
    key_field: str


def disturb(fault: Fault, draft: Draft) -> Draft:
    """The page that a fault of the stage `page` makes of a good one."""
    params = fault.params
    match fault.name:
        case "empty_page":
            return replace(draft, records=[], next_link=None)
        case "page_without_link":
            return replace(draft, next_link=None)
        case "link_loop":
            return replace(draft, next_link=draft.own_link)
        case "link_elsewhere":
            return replace(draft, next_link=str(params.get("url", FOREIGN_LINK)))
        case "duplicate_page":
            return replace(draft, next_link=draft.repeat_link)
        case "count_off" if draft.count is not None:
            return replace(draft, count=int(draft.count) + int(params.get("by", 1)))
        case "count_missing":
            return replace(draft, count=None)
        case "count_text" if draft.count is not None:
            return replace(draft, count=str(draft.count))
        case "top_limits_all":
            counts = {"missing": None, "page": len(draft.records)}
            count = counts.get(params.get("count", ""), draft.count)
            return replace(draft, next_link=None, count=count)
        case "order_broken":
            return replace(draft, records=draft.records[::-1])
    return replace(draft, records=_disturbed_records(fault, draft))


def _disturbed_records(fault: Fault, draft: Draft) -> list[bytes]:
    """The records of a page with what a fault makes of one of them, or of all."""
    params = fault.params
    if fault.name == "odd_value":
        field, text = params.get("field", "ListPrice"), params.get("text", '"odd"')
        odd = {str(field): msgspec.Raw(str(text).encode())}
        return [_with_members(each, odd) for each in draft.records]
    every = EVERY_RECORD.get(fault.name)
    if every is not None:
        root = draft.own_link.partition("/Property")[0]
        return [every(record, params, root) for record in draft.records]
    change = _RECORD_CHANGES.get(fault.name)
    if change is None or not draft.records:
        return draft.records
    at = int(params.get("index", 0)) % len(draft.records)
    record = msgspec.json.decode(draft.records[at])
    change(record, draft.key_field)
    changed = msgspec.json.encode(record)
    return [*draft.records[:at], changed, *draft.records[at + 1 :]]


def _with_members(record: bytes, members: Mapping[str, msgspec.Raw]) -> bytes:
    """A record with some members in the place of its own, all others to the letter."""
    return msgspec.json.encode(
        {**msgspec.json.decode(record, type=dict[str, msgspec.Raw]), **members}
    )


def _without_key(record: dict[str, Any], key_field: str) -> None:
    record.pop(key_field, None)


def _with_null_key(record: dict[str, Any], key_field: str) -> None:
    record[key_field] = None


def _with_numeric_key(record: dict[str, Any], key_field: str) -> None:
    digits = "".join(filter(str.isdigit, str(record.get(key_field)))).lstrip("0")
    record[key_field] = msgspec.Raw((digits or "0").encode())


def _with_nan(record: dict[str, Any], key_field: str) -> None:
    name = next((name for name, value in record.items() if isinstance(value, float)), "ListPrice")
    record[name] = msgspec.Raw(b"NaN")


_RECORD_CHANGES: Mapping[str, Callable[[dict[str, Any], str], None]] = {
    "missing_key": _without_key,
    "null_key": _with_null_key,
    "numeric_key": _with_numeric_key,
    "nan_value": _with_nan,
}


# -- in the bytes


def mangle(fault: Fault, body: bytes, accepts_gzip: bool) -> Response:
    """The answer that a fault of the stage `wire` makes of a good body.

    truncated_body: half of the text, and a Content-Length that fits it (with `promise: whole`
    that of the whole text, and the connection ends early). truncated_gzip: half of the packed
    bytes, so that only unpacking can notice. slow_drip: `bytes` (1) every `seconds` (0.5).
    """
    params = fault.params
    half = body[: len(body) // 2]
    match fault.name:
        case "truncated_body" if params.get("promise") == "whole":
            return _BrokenOff(half, len(body))
        case "truncated_body":
            return Response(half, media_type=JSON_HEADER)
        case "truncated_gzip":
            packed = gzip.compress(body, mtime=0)
            return Response(
                packed[: len(packed) // 2],
                headers={"Content-Encoding": "gzip"},
                media_type=JSON_HEADER,
            )
    headers = {}
    if accepts_gzip:  # packed here, for packing on the way would hold the drops back
        body, headers["Content-Encoding"] = gzip.compress(body, mtime=0), "gzip"
    headers["Content-Length"] = str(len(body))
    drops = _drip(body, int(params.get("bytes", 1)), float(params.get("seconds", 0.5)))
    return StreamingResponse(drops, headers=headers, media_type=JSON_HEADER)


async def _drip(body: bytes, size: int, seconds: float) -> AsyncIterator[bytes]:
    at = 0
    for _ in range(MAX_DRIPS):
        if at >= len(body):
            return
        yield body[at : at + size]
        at += size
        await asyncio.sleep(seconds)
    yield body[at:]


class _BrokenOff(Response):
    """Promises more bytes than it sends, then lets the connection end."""

    def __init__(self, sent: bytes, promised: int) -> None:
        super().__init__(b"", headers={"Content-Length": str(promised)}, media_type=JSON_HEADER)
        self._sent = sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the beginning alone; the server closes what was not completed."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._sent, "more_body": True})
