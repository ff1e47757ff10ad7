"""Spark's refusals: status, Spark's own code, and the two bodies that the wire knows for them.

Only what a refusal looks like belongs here; who refuses and why stands where it is decided.
Wording and codes are those of Spark's error table; assumption 3 says which number is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

BodyForm = Literal["odata", "native"]

SHOWN_BY_STATUS = frozenset({1000, 1550})
"""Codes whose OData body carries the HTTP status as its number (see assumption 3)."""


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is answered with an error.

    status: HTTP status. code: Spark's own number (for plain HTTP errors the same as status).
    message: a sentence for the client's log; it never repeats a token.
    """

    status: int
    code: int
    message: str

    def body(self, form: BodyForm = "odata") -> bytes:
        """The answer's body: the OData error object, or the `D` envelope of the native API."""
        if form == "native":
            inner = {"Message": self.message, "Code": self.code, "Success": False}
            return msgspec.json.encode({"D": inner})
        shown = self.status if self.code in SHOWN_BY_STATUS else self.code
        return msgspec.json.encode({"error": {"code": shown, "message": self.message}})


def bad_request(message: str) -> Refusal:
    """400: a query option, a literal or a field that Spark does not take."""
    return Refusal(400, 400, message)


def not_found(message: str = "Not found") -> Refusal:
    """404: no such entity set, entity or property."""
    return Refusal(404, 404, message)


def not_allowed() -> Refusal:
    """405: the RESO resources are read only."""
    return Refusal(405, 405, "Not implemented")


UNAUTHORISED = Refusal(401, 1000, "Invalid API key and/or request signed improperly")
WRONG_HOST = Refusal(
    403,
    1021,
    "This key is restricted from accessing this endpoint. Please use replication.sparkapi.com",
)
OVER_LIMIT = Refusal(429, 1550, "Over rate limit")
UNEXPECTED = Refusal(500, 1026, "An unexpected problem occurred with the requested data")
UNAVAILABLE = Refusal(503, 1510, "The API is temporarily unavailable")
NOT_IN_SYNC = Refusal(503, 1024, "The requested data is not yet in sync with its source system")
CANCELLED = Refusal(503, 1516, "The request was cancelled because of its _filter or _orderby")
EXPIRED_TOKEN = bad_request("The $skiptoken is invalid or has expired")
