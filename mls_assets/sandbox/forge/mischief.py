"""Faults inside an otherwise good Forge answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mls_assets.sandbox.faults import Fault

_KINDS = ("listings", "agents")


def spoil(body: dict[str, Any], fault: Fault, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Applies a `page` fault to the first replication answer in a body, or to a schema, in place.

    A fault for the one leaves the other as it is.
    """
    if fault.name == "schema_cut":
        return _cut_schema(body, fault)
    mls = (body.get("data") or {}).get("mls") or {}
    kind = next((name for name in _KINDS if mls.get(name)), None)
    if kind is None:
        return body
    answer = mls[kind]
    results = answer.get("results") or []
    if fault.name == "errors_with_data":
        place = ["mls", kind, "results", 0, "City"]
        if results and "City" in results[0]:
            results[0]["City"] = None
        body["errors"] = [{"message": "Upstream timed out.", "path": place}]
    elif fault.name in ("cursor_back", "log_cut"):
        _move_back(answer, fault)
    elif fault.name == "livelock":
        answer["latest_event"] = _sent(variables)
        answer["remaining"] = max(1, answer["remaining"])
    elif fault.name == "bad_record" and results:
        results[0].update(ListPrice={"amount": "call"}, Photos="none", PostalCode=85201)
    elif fault.name == "fields_left_out":
        for result in results:
            for name in fault.params.get("fields", ()):
                result.pop(name, None)
    elif fault.name == "tombstone_without_key":
        blank = dict.fromkeys(results[0] if results else ("ListingKey",))
        results.insert(0, {**blank, "DELETED": True})
        answer["results"] = results
    return body


def _move_back(answer: dict[str, Any], fault: Fault) -> None:
    by = int(fault.params.get("by", 1000))
    answer["latest_event"] = max(0, answer["latest_event"] - by)
    if fault.name == "log_cut":
        answer["remaining"] = 0
        answer["results"] = (answer.get("results") or [])[:-by]


def _cut_schema(body: dict[str, Any], fault: Fault) -> dict[str, Any]:
    schema = (body.get("data") or {}).get("__schema") or {}
    for found in schema.get("types") or ():
        if found.get("name") == fault.params.get("type", "Listing"):
            drop = fault.params.get("drop")
            found["fields"] = drop and [f for f in found["fields"] if f["name"] not in drop]
    return body


def _sent(variables: Mapping[str, Any]) -> int:
    """The cursor that the request came with, whatever its variable is called."""
    for name in ("latest_event", "last_event_id"):
        if isinstance(variables.get(name), int):
            return variables[name]
    return next((v for v in variables.values() if isinstance(v, int)), 0)
