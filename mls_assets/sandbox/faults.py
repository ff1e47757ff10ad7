"""Which faults are switched on, and whose turn it is; applying one is the protocol's business.

A protocol layer asks `Faults.take` once per request and stage, and applies what it gets.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Surface = Literal["spark", "forge"]
Stage = Literal["answer", "page", "wire"]
"""`answer`: instead of the normal answer; `page`: in its content; `wire`: in its bytes."""

SPARK_FAULTS: Mapping[str, Stage] = {
    "status_401": "answer",
    "status_403_1021": "answer",
    "status_400": "answer",
    "status_404": "answer",
    "status_429": "answer",  # params: retry_after (seconds or any text; absent: no header)
    "status_500_1026": "answer",
    "status_502": "answer",
    "status_503_1510": "answer",
    "status_503_1024": "answer",
    "status_503_1516": "answer",
    "native_error_body": "answer",  # params: status, code, message
    "html_200": "answer",
    "html_502": "answer",
    "expired_skiptoken": "answer",
    "redirect": "answer",  # params: url
    "drop_connection": "answer",
    "empty_page": "page",
    "page_without_link": "page",
    "link_loop": "page",
    "link_elsewhere": "page",  # params: url
    "duplicate_page": "page",
    "missing_key": "page",
    "numeric_key": "page",
    "null_key": "page",
    "count_off": "page",  # params: by
    "count_missing": "page",
    "count_text": "page",
    "top_limits_all": "page",  # params: count ("missing" or "page": of the page's records)
    "order_broken": "page",
    "nan_value": "page",
    "odd_value": "page",  # params: field, text (the JSON that stands there in every record)
    "signals_hidden": "page",  # params: how (hidden, absent or null)
    "collections_cut": "page",  # params: keep, told_by (link, link_401, count or elsewhere)
    "collections_empty": "page",  # params: of (Media ...), how (empty or absent)
    "empty_left_out": "page",
    "truncated_body": "wire",
    "truncated_gzip": "wire",
    "slow_drip": "wire",  # params: seconds (between pieces)
}

FORGE_FAULTS: Mapping[str, Stage] = {
    "status_401": "answer",
    "status_429": "answer",  # params: retry_after
    "status_500_html": "answer",
    "status_502": "answer",
    "html_200": "answer",
    "query_refused": "answer",  # params: status, message (GraphQL's errors, no data)
    "errors_null_data": "answer",
    "mls_null": "answer",
    "errors_with_data": "page",
    "cursor_back": "page",  # params: by
    "log_cut": "page",  # params: by (how many of the last results it lacks; it ends before them)
    "livelock": "page",
    "bad_record": "page",
    "tombstone_without_key": "page",
    "fields_left_out": "page",  # params: fields (that no result of the page has)
    "schema_cut": "page",  # params: type (Listing), drop (its fields; absent: all are null)
    "truncated_body": "wire",
}

KNOWN: Mapping[Surface, Mapping[str, Stage]] = {"spark": SPARK_FAULTS, "forge": FORGE_FAULTS}

_OWN = ("name", "surface", "resource", "match", "after", "times")


class UnknownFault(ValueError):
    """A fault was asked for that no surface knows; the message lists what exists."""


@dataclass
class Fault:
    """One fault that is on.

    resource: only requests for this resource (Forge: `listings`, `agents`, `mlses`, `schema`;
        None: all).
    match: only requests whose decoded query (Forge: the query text) contains this.
    after: how many matching requests still pass unharmed.
    times: how many it still hits; 0 means until it is cleared.
    """

    id: int
    name: str
    surface: Surface
    resource: str | None = None
    match: str | None = None
    after: int = 0
    times: int = 1
    params: dict[str, Any] = field(default_factory=dict)
    hits: int = 0

    def matches(self, surface: str, resource: str | None, stage: str, query: str) -> bool:
        """Whether a request is one that this fault waits for."""
        return (
            self.surface == surface
            and KNOWN[self.surface][self.name] == stage
            and (self.resource is None or self.resource == resource)
            and (self.match is None or self.match in query)
        )

    def as_dict(self) -> dict[str, Any]:
        """The form in which the control API shows it."""
        own = {name: getattr(self, name) for name in ("id", *_OWN, "hits")}
        return {**own, **self.params}


class Faults:
    """The faults that are on; shared by both surfaces and the control API, safe across threads."""

    def __init__(self) -> None:
        self._active: list[Fault] = []
        self._lock = threading.Lock()
        self._next_id = 1

    def add(
        self,
        name: str,
        surface: Surface = "spark",
        *,
        resource: str | None = None,
        match: str | None = None,
        after: int = 0,
        times: int = 1,
        **params: Any,
    ) -> Fault:
        """Switches a fault on. Raises `UnknownFault` for a name or surface that does not exist."""
        if surface not in KNOWN:
            raise UnknownFault(f"No surface {surface!r}; there are: {', '.join(KNOWN)}.")
        if name not in KNOWN[surface]:
            raise UnknownFault(
                f"No fault {name!r} on {surface}; there are: {', '.join(KNOWN[surface])}."
            )
        with self._lock:
            fault = Fault(
                self._next_id, name, surface, resource, match, int(after), int(times), params
            )
            self._next_id += 1
            self._active.append(fault)
        return fault

    def add_from(self, body: Mapping[str, Any]) -> Fault:
        """Switches on the fault that a JSON object describes (the control API's form)."""
        if "name" not in body:
            raise UnknownFault('A fault needs a "name".')
        own = {name: body[name] for name in _OWN if name in body}
        params = {name: value for name, value in body.items() if name not in _OWN}
        return self.add(own.pop("name"), own.pop("surface", "spark"), **own, **params)

    def take(
        self, surface: Surface, resource: str | None, stage: Stage, query: str = ""
    ) -> Fault | None:
        """The fault that strikes this request at this stage, which uses up one of its times."""
        with self._lock:
            for fault in self._active:
                if not fault.matches(surface, resource, stage, query):
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.hits += 1
                if fault.times > 0:
                    fault.times -= 1
                    if fault.times == 0:
                        self._active.remove(fault)
                return fault
        return None

    def active(self) -> list[Fault]:
        """The faults that are on, oldest first."""
        with self._lock:
            return list(self._active)

    def clear(self, fault_id: int | None = None, name: str | None = None) -> int:
        """Switches off one fault, all of a name, or all; returns how many."""
        with self._lock:
            kept = [
                fault
                for fault in self._active
                if (fault_id is not None and fault.id != fault_id)
                or (name is not None and fault.name != name)
            ]
            cleared = len(self._active) - len(kept)
            self._active = kept
        return cleared
