"""Who may ask: tokens, their role, what they were granted, and how often they asked.

Knows no HTTP beyond the text of an Authorization header. The wording of refusals is the captured
or documented one (Spark's error table); Forge publishes none, so its refusals are an assumption.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

Role = Literal["replication", "live"]

SPARK_TOKEN = "sandbox-spark-token"  # noqa: S105 - opens nothing but this sandbox
FORGE_TOKEN = "sandbox-forge-token"  # noqa: S105 - likewise
WINDOW = timedelta(minutes=5)
SPARK_LIMIT = 1500
"""Requests per `WINDOW` of an IDX key on Spark; enforced only when `Access.limit` is set to it."""


@dataclass(frozen=True)
class AccessDecision:
    """The answer to one request for access.

    status, code and message are set when refused (code is Spark's own, such as 1000 or 1550);
    retry_after is the seconds until the rate window has room again.
    mlses is the set of MLSs that a Forge token may see; None means all.
    """

    allowed: bool
    role: Role = "replication"
    mlses: frozenset[str] | None = None
    status: int = 200
    code: int = 0
    message: str = ""
    retry_after: int | None = None


@dataclass
class _Grant:
    surface: str
    role: Role
    mlses: frozenset[str] | None
    revoked: bool = False
    asked: deque[datetime] = field(default_factory=deque)


class Access:
    """The tokens that this sandbox knows.

    clock: the sandbox clock, so that moving it also moves the rate window.
    limit: requests a token may make per `WINDOW`; None (the default) counts nothing.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        limit: int | None = None,
    ) -> None:
        self._clock = clock
        self.limit = limit
        self._lock = threading.Lock()
        self._grants: dict[str, _Grant] = {}
        self.grant(SPARK_TOKEN, "spark")
        self.grant(FORGE_TOKEN, "forge")

    def grant(
        self,
        token: str,
        surface: Literal["spark", "forge"],
        role: Role = "replication",
        mlses: Iterable[str] | None = None,
    ) -> None:
        """Makes a token valid (again)."""
        with self._lock:
            granted = frozenset(mlses) if mlses is not None else None
            self._grants[token] = _Grant(surface, role, granted)

    def knows(self, token: str) -> bool:
        """Whether this token was ever granted."""
        return token in self._grants

    def revoke(self, surface: Literal["spark", "forge"], token: str | None = None) -> int:
        """Revokes one token of a surface, or all; returns how many were valid before."""
        return self._set_revoked(surface, token, True)

    def restore(self, surface: Literal["spark", "forge"], token: str | None = None) -> int:
        """Takes a revocation back; returns how many tokens became valid."""
        return self._set_revoked(surface, token, False)

    def _set_revoked(self, surface: str, token: str | None, revoked: bool) -> int:
        changed = 0
        with self._lock:
            for name, grant in self._grants.items():
                if grant.surface == surface and token in (None, name) and grant.revoked != revoked:
                    grant.revoked = revoked
                    changed += 1
        return changed

    def check(
        self, authorization: str | None, surface: Literal["spark", "forge"] = "spark"
    ) -> AccessDecision:
        """Decides on an Authorization header; `Bearer` and Spark's older `OAuth` both count."""
        scheme, _, token = (authorization or "").strip().partition(" ")
        with self._lock:
            grant = self._grants.get(token.strip()) if scheme in ("Bearer", "OAuth") else None
            if grant is None or grant.surface != surface:
                return _refusal(1000, "Invalid API key and/or request signed improperly")
            if grant.revoked:
                return _refusal(1010, "API key is disabled")
            wait = self._wait(grant)
        if wait is not None:
            return AccessDecision(
                False, grant.role, grant.mlses, 429, 1550, "Over rate limit", retry_after=wait
            )
        return AccessDecision(True, grant.role, grant.mlses)

    def _wait(self, grant: _Grant) -> int | None:
        if self.limit is None:
            return None
        now = self._clock()
        while grant.asked and grant.asked[0] <= now - WINDOW:
            grant.asked.popleft()
        if len(grant.asked) >= self.limit:
            return max(1, int((grant.asked[0] + WINDOW - now).total_seconds()))
        grant.asked.append(now)
        return None


def _refusal(code: int, message: str) -> AccessDecision:
    return AccessDecision(False, status=401, code=code, message=message)
