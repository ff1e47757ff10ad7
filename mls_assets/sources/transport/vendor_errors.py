"""What a vendor's error answer means: a pure table from status, headers and body to a verdict.

Spark speaks with three tongues (the OData error, the native `D` envelope, XML), Forge in
GraphQL's `errors`, and gateways in HTML; numbers come as numbers or texts. Codes are from the
vendor's error table; where code and status disagree, the code decides, for statuses have moved.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import msgspec

from mls_assets.errors import SourceRefused
from mls_assets.sources.transport.links import shown_text


class ErrorKind(Enum):
    """What to do about an error answer."""

    RETRY = "ask again"
    LIMITED = "wait, then ask again"
    BROKEN = "no proper answer, and the same again if asked again gets the same"
    ACCESS = "the token is refused"
    QUESTION = "the question is refused, another one may not be"
    EXPIRED = "the continuation link is no longer valid"
    REFUSED = "asking again cannot help"


@dataclass(frozen=True, slots=True)
class ErrorVerdict:
    """`reason` is like "503/1024", `meaning` a clause, `said` the server's own words or "".

    `graphql` says that a GraphQL engine refused the query as a whole, in its own `errors`.
    """

    kind: ErrorKind
    reason: str
    meaning: str
    said: str = ""
    code: int | None = None
    graphql: bool = False

    def sentence(self) -> str:
        """The verdict in words, with the server's own."""
        quoted = f' (it said: "{self.said}")' if self.said else ""
        return f"{self.reason}: {self.meaning}{quoted}"


class QuestionRefused(SourceRefused):
    """The source refused this very question (400, 413, 414, 501): a simpler one may be answered.

    `too_long` says that it is its length that the source objects to; `graphql`, that a GraphQL
    engine read the query and refused it, for what `said` says.
    """

    def __init__(
        self, message: str, *, too_long: bool = False, graphql: bool = False, said: str = ""
    ) -> None:
        super().__init__(message)
        self.too_long, self.graphql, self.said = too_long, graphql, said


class NotThere(SourceRefused):
    """There is nothing at this address (404): a wrong root, or a set that the source has not."""


_CODES: Mapping[int, tuple[ErrorKind, str]] = {
    1000: (ErrorKind.ACCESS, "the token is not valid"),
    1005: (ErrorKind.ACCESS, "the key is not set up; ask the vendor"),
    1010: (ErrorKind.ACCESS, "the key is disabled"),
    1013: (ErrorKind.ACCESS, "the key may not sign in with a bearer token"),
    1015: (ErrorKind.ACCESS, "the user of the key is unknown, inactive or switched off"),
    1017: (ErrorKind.REFUSED, "the key may only read"),
    1019: (ErrorKind.ACCESS, "the key is tied to certain addresses or user agents"),
    1020: (ErrorKind.ACCESS, "the token has expired"),
    1021: (
        ErrorKind.ACCESS,
        "a replication key works on the replication host only; set "
        "SPARK_BASE_URL=https://replication.sparkapi.com/Reso/OData",
    ),
    1023: (ErrorKind.RETRY, "the key's account is not ready yet"),
    1024: (ErrorKind.RETRY, "the data are not yet in step with the MLS"),
    1026: (ErrorKind.RETRY, "the source has a problem with these data"),
    1030: (ErrorKind.ACCESS, "the source wants https"),
    1040: (ErrorKind.QUESTION, "the filter is invalid or names an unknown field"),
    1041: (ErrorKind.QUESTION, "the filter is too long"),
    1500: (ErrorKind.ACCESS, "the key's service level does not include this"),
    1505: (ErrorKind.ACCESS, "the MLS has switched this off for the key's user"),
    1510: (ErrorKind.RETRY, "the source is out of service for the moment"),
    1515: (ErrorKind.RETRY, "the source broke the query off; a smaller page may help"),
    1516: (ErrorKind.RETRY, "the source broke the query off; a smaller page may help"),
    1550: (ErrorKind.LIMITED, "too many requests"),
    3000: (ErrorKind.REFUSED, "the source does not offer the dictionary version in the address"),
}

_STATUSES: Mapping[int, tuple[ErrorKind, str]] = {
    400: (ErrorKind.QUESTION, "the source does not accept the question"),
    401: (ErrorKind.ACCESS, "the token is not accepted"),
    403: (ErrorKind.ACCESS, "the token has no access to this"),
    404: (ErrorKind.REFUSED, "there is nothing at this address; check the configured address"),
    405: (ErrorKind.REFUSED, "the source does not allow this kind of request"),
    407: (ErrorKind.REFUSED, "the proxy asks for credentials; put them into HTTPS_PROXY"),
    408: (ErrorKind.RETRY, "the source waited too long for the request"),
    413: (ErrorKind.QUESTION, "the question is too long"),
    414: (ErrorKind.QUESTION, "the question is too long"),
    425: (ErrorKind.RETRY, "the source wants to be asked again"),
    429: (ErrorKind.LIMITED, "too many requests"),
    501: (ErrorKind.QUESTION, "the source cannot do what the question asks"),
}

#: GraphQL's `extensions.code` where it says that asking again, or another token, would help.
_GRAPHQL_CODES: Mapping[str, tuple[ErrorKind, str]] = {
    "INTERNAL_SERVER_ERROR": (ErrorKind.RETRY, "the source has a problem"),
    "INTERNAL_ERROR": (ErrorKind.RETRY, "the source has a problem"),
    "TIMEOUT": (ErrorKind.RETRY, "the source took too long"),
    "GATEWAY_TIMEOUT": (ErrorKind.RETRY, "the source took too long"),
    "UNAVAILABLE": (ErrorKind.RETRY, "the source is out of service for the moment"),
    "SERVICE_UNAVAILABLE": (ErrorKind.RETRY, "the source is out of service for the moment"),
    "TRY_AGAIN": (ErrorKind.RETRY, "the source wants to be asked again"),
    "RATE_LIMITED": (ErrorKind.LIMITED, "too many requests"),
    "THROTTLED": (ErrorKind.LIMITED, "too many requests"),
    "TOO_MANY_REQUESTS": (ErrorKind.LIMITED, "too many requests"),
    "UNAUTHENTICATED": (ErrorKind.ACCESS, "the token is not accepted"),
    "UNAUTHORIZED": (ErrorKind.ACCESS, "the token is not accepted"),
    "FORBIDDEN": (ErrorKind.ACCESS, "the token has no access to this"),
}

# A longer 200 is data; an error at the end of it is for the reader of its envelope to see.
_LONGEST_ERROR = 64 * 1024
_CONTINUATION_GONE = (400, 409, 410)
_XML_CODE = re.compile(rb"<(?:\w+:)?code[^>]*>\s*(\d{3,4})\s*<", re.IGNORECASE)
_XML_MESSAGE = re.compile(rb"<(?:\w+:)?message[^>]*>([^<]{1,2000})<", re.IGNORECASE)


def classify(status: int, body: bytes, *, continuation: bool = False) -> ErrorVerdict | None:
    """Judge an answer. None means that it is no error: a 200 without an error object in it."""
    if status == 200 and len(body) > _LONGEST_ERROR:
        return None
    code, said = _error_in(body, graphql=status != 200)
    if status == 200:
        if code is None and (said is None or _is_markup(body)):
            return None  # a page of HTML is for the reader of records to complain about
        if code is not None and 300 <= code < 600:
            status = code  # the OData error object repeats an HTTP status as its code
    reason = f"{status}/{code}" if code is not None and code >= 1000 else str(status)
    kind, meaning = _CODES.get(code or 0) or _by_status(status)
    if continuation and status in _CONTINUATION_GONE and kind is not ErrorKind.ACCESS:
        kind, meaning = ErrorKind.EXPIRED, "the link to the next page is no longer valid"
    graphql = kind in (ErrorKind.QUESTION, ErrorKind.REFUSED) and _is_graphql(body)
    return ErrorVerdict(kind, reason, meaning, said or "", code, graphql)


def _by_status(status: int) -> tuple[ErrorKind, str]:
    if status in _STATUSES:
        return _STATUSES[status]
    if status == 200:
        return ErrorKind.REFUSED, "the source answered with an error"
    if status < 300:
        return ErrorKind.BROKEN, "that is no whole answer"
    if 400 <= status < 500:
        return ErrorKind.REFUSED, "the source refused"
    return ErrorKind.RETRY, "the source has a problem"


def classify_graphql(errors: list[Any], *, partial: bool) -> ErrorVerdict:
    """Judge the `errors` of a GraphQL answer; `partial` says that `data` came along.

    Without data the question was refused as a whole. With data a resolver failed, which a
    second try may mend.
    """
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    extensions = first.get("extensions")
    word = str(extensions.get("code", "")) if isinstance(extensions, dict) else ""
    said = shown_text(str(first.get("message", "")))
    if word.upper() in _GRAPHQL_CODES:
        kind, meaning = _GRAPHQL_CODES[word.upper()]
        return ErrorVerdict(kind, shown_text(word, 40), meaning, said)
    if partial:
        return ErrorVerdict(
            ErrorKind.BROKEN, "errors", "only a part of the query was answered", said
        )
    return ErrorVerdict(
        ErrorKind.REFUSED, "errors", "the source refused the query", said, graphql=True
    )


def _error_in(body: bytes, *, graphql: bool) -> tuple[int | None, str | None]:
    """The code and message of an error body; (None, None) where there is no error object.

    GraphQL's list of `errors` is read too, where asked for.
    """
    if _is_markup(body):
        if re.search(rb"<html|<!doctype html", body[:2000], re.IGNORECASE):
            return None, "an HTML page"
        code, message = _XML_CODE.search(body), _XML_MESSAGE.search(body)
        text = message[1].decode("utf-8", "replace") if message else "an XML page"
        return (int(code[1]) if code else None), shown_text(text)
    try:
        top = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None, None
    for name in ("error", "odata.error", "D"):
        if name in top and (error := _object(top[name])) is not None:
            if name == "D" and error.get("Success") is True:
                continue
            return _number(error.get("code", error.get("Code"))), _message(error)
    if graphql and (listed := _errors(top.get("errors"))):
        return None, _message(listed[0])
    return None, None


def _is_markup(body: bytes) -> bool:
    return body[:2000].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _is_graphql(body: bytes) -> bool:
    """Whether an error body is a GraphQL engine's: `errors`, and no data."""
    try:
        top = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return bool(_errors(top.get("errors"))) and bytes(top.get("data", b"null")) == b"null"


def _errors(raw: msgspec.Raw | None) -> list[dict[str, Any]]:
    try:
        return msgspec.json.decode(raw or b"[]", type=list[dict[str, Any]])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return []


def _object(raw: msgspec.Raw) -> dict[str, Any] | None:
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if isinstance(value, str) and value:
        return {"message": value}
    return value if isinstance(value, dict) else None


def _number(code: object) -> int | None:
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    return int(code) if isinstance(code, str) and code.isascii() and code.isdigit() else None


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message", error.get("Message", ""))
    if isinstance(message, dict):  # OData v3: {"lang": ..., "value": ...}
        message = message.get("value", "")
    return shown_text(str(message))


def retry_after(headers: Mapping[str, str], now: datetime, limit: float) -> float | None:
    """The seconds that Retry-After asks for, in either form, within 1 and `limit`.

    None where the header is absent or says nothing usable (a past date, -1, "soon").
    """
    told = headers.get("Retry-After", "").strip()
    if not told:
        return None
    try:
        seconds = float(told)
    except ValueError:
        try:
            until = parsedate_to_datetime(told)
        except (ValueError, TypeError, OverflowError):
            return None
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        seconds = (until - now).total_seconds()
        if seconds <= 0:
            return None
    if math.isnan(seconds) or seconds < 0:
        return None
    return min(max(seconds, 1.0), limit)
