"""The routes of the control API. `GET /control/` lists them; what they do is in `state.py`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from mls_assets.sandbox.access import Access
from mls_assets.sandbox.control import state, truth, verbs
from mls_assets.sandbox.control.verbs import ControlError
from mls_assets.sandbox.faults import KNOWN, Faults, UnknownFault
from mls_assets.sandbox.jsontext import dumps
from mls_assets.sandbox.market.market import SPARK_FEED, Market

PREFIX = "/control"

INDEX: Mapping[str, str] = {
    "GET /control/": "this list, and the names that requests may contain",
    "GET /control/market": "clock, settings, counts and event ids",
    "POST /control/settings": "delay_minutes, rate_limit, occurrences (each, once)",
    "POST /control/change": "keys or count; what, or set {field: value}; to, of status; touch",
    "POST /control/remove": "keys or count: not returned any more (Forge: tombstones)",
    "POST /control/restore": "keys or count: removed records return; touch",
    "POST /control/relist": "keys or count: the same houses under new keys",
    "POST /control/add": "count; set {field: value}",
    "POST /control/revoke": "keys or count; all: a whole MLS (tombstones); token: true, or one",
    "POST /control/grant": "the opposite of revoke; of a new token: surface, role, mlses",
    "POST /control/skip_events": "feed, resource, count: the next event id is so much greater",
    "GET /control/clock": "the sandbox time",
    "POST /control/clock": "advance (seconds), advance_minutes, set, freeze, run, reset",
    "GET /control/faults": "the faults that are on",
    "POST /control/faults": "name, surface, resource, match, after, times (0: until cleared)",
    "DELETE /control/faults": "clears all faults, or those of a name",
    "DELETE /control/faults/{id}": "clears one",
    "GET /control/truth": "feed, resource: count and digest of the keys; keys=true with after, "
    "limit pages them; format=text streams them",
    "GET /control/record": "feed, resource, key: the record as it is served",
}
"""Posted bodies are JSON objects; `feed` is spark/default and `resource` Property unless given;
a `count` may be narrowed by `status`, a list."""

Verb = Callable[[Market, Mapping[str, Any]], Any]
Endpoint = Callable[[Request], Awaitable[Response]]


class Control:
    """The endpoints."""

    def __init__(self, market: Market, access: Access, faults: Faults) -> None:
        self._market = market
        self._access = access
        self._faults = faults

    async def index(self, _request: Request) -> Response:
        """What there is."""
        return _json(
            {
                "routes": INDEX,
                "feeds": verbs.feeds(self._market),
                "resources": verbs.SPARK_RESOURCES,
                "changes": verbs.CHANGES,
                "faults": {surface: list(names) for surface, names in KNOWN.items()},
            }
        )

    async def overview(self, _request: Request) -> Response:
        """Everything at a glance."""
        return _json(
            await run_in_threadpool(state.overview, self._market, self._access, self._faults)
        )

    async def clock(self, _request: Request) -> Response:
        """The sandbox time."""
        return _json(state.clock(self._market))

    async def faults(self, _request: Request) -> Response:
        """The faults that are on."""
        return _json({"faults": [fault.as_dict() for fault in self._faults.active()]})

    async def clear_faults(self, request: Request) -> Response:
        """Clears one fault, those of a name, or all."""
        number = request.path_params.get("id")
        return _json({"cleared": self._faults.clear(number, request.query_params.get("name"))})

    async def truth(self, request: Request) -> Response:
        """What is really there."""
        about = self._target(request)
        if request.query_params.get("format") == "text":
            lines = (key + "\n" for key in about.keys(None))
            return StreamingResponse(lines, media_type="text/plain")
        return _json(await run_in_threadpool(truth.tell, about, request.query_params))

    async def record(self, request: Request) -> Response:
        """One record as it is served; 404 if it is not."""
        key = request.query_params.get("key", "")
        record = await run_in_threadpool(self._target(request).record, key)
        return _json({"record": record}, 200 if record is not None else 404)

    def _target(self, request: Request) -> verbs.Target:
        asked = request.query_params
        feed, resource = asked.get("feed", SPARK_FEED), asked.get("resource", "Property")
        return verbs.target(self._market, feed, resource)

    def posted(self, act: Verb) -> Endpoint:
        """An endpoint that reads a JSON object and does something under the market's lock."""

        def locked(body: Mapping[str, Any]) -> Any:
            with self._market.lock:
                return act(self._market, body)

        async def endpoint(request: Request) -> Response:
            body = await _body(request)
            return _json(await run_in_threadpool(locked, body))

        return endpoint

    def verbs(self) -> Mapping[str, Verb]:
        """What can be posted."""
        access = self._access
        return {
            "change": state.change,
            "remove": state.remove_records,
            "restore": state.restore_records,
            "relist": state.relist,
            "add": state.add,
            "revoke": lambda market, body: state.revoke(market, access, body),
            "grant": lambda market, body: state.grant(market, access, body),
            "skip_events": state.skip_events,
            "settings": lambda market, body: state.settings(market, access, body),
            "clock": state.move_clock,
            "faults": lambda _market, body: state.add_fault(self._faults, body),
        }


def control_routes(market: Market, access: Access, faults: Faults) -> list[BaseRoute]:
    """Routes with full paths; every body, both ways, is a JSON object."""
    control = Control(market, access, faults)
    gets: dict[str, Endpoint] = {
        "": control.index,
        "/": control.index,
        "/market": control.overview,
        "/clock": control.clock,
        "/faults": control.faults,
        "/truth": control.truth,
        "/record": control.record,
    }
    clear = _careful(control.clear_faults)
    return [
        *(Route(PREFIX + path, _careful(endpoint)) for path, endpoint in gets.items()),
        *(
            Route(f"{PREFIX}/{name}", _careful(control.posted(act)), methods=["POST"])
            for name, act in control.verbs().items()
        ),
        Route(f"{PREFIX}/faults", clear, methods=["DELETE"]),
        Route(f"{PREFIX}/faults/{{id:int}}", clear, methods=["DELETE"]),
    ]


def _careful(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with a 400 and the reason for what a request gets wrong."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (ControlError, UnknownFault) as problem:
            return _json({"error": str(problem)}, 400)

    return answered


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError as problem:
        raise ControlError(f"The body is not JSON: {problem}.") from problem
    if not isinstance(body, dict):
        raise ControlError("The body has to be a JSON object.")
    return body


def _json(body: Any, status: int = 200) -> Response:
    return Response(dumps(body), status, media_type="application/json")
