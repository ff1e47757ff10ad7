"""Forge over HTTP: the endpoint, the token, the bodies of refusals, and the faults."""

from __future__ import annotations

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from mls_assets.sandbox.access import Access
from mls_assets.sandbox.faults import Fault, Faults
from mls_assets.sandbox.forge.execution import execute
from mls_assets.sandbox.forge.mischief import spoil
from mls_assets.sandbox.forge.schema import Visible
from mls_assets.sandbox.jsontext import dumps
from mls_assets.sandbox.market.market import Market

JSON_TYPE = "application/json"
PATH = "/graphql"


def forge_routes(market: Market, access: Access, faults: Faults) -> list[BaseRoute]:
    """The one route of Forge, with its full path; POST with JSON, or GET with `query`."""

    async def endpoint(request: Request) -> Response:
        decision = access.check(request.headers.get("authorization"), "forge")
        if not decision.allowed:
            wait = {"Retry-After": str(decision.retry_after)} if decision.retry_after else {}
            return _json({"error": decision.message}, decision.status, wait)
        try:
            query, variables, operation = await _asked(request)
        except ValueError as problem:
            return _json({"errors": [{"message": str(problem)}]}, 400)
        resource = _resource(query)
        fault = faults.take("forge", resource, "answer", query)
        if fault is not None:
            return _instead(fault)
        result = await run_in_threadpool(
            execute, query, variables, operation, Visible(market, decision)
        )
        body: dict[str, Any] = dict(result.formatted)
        if result.data is None and result.errors and result.errors[0].path is None:
            body.pop("data", None)
        fault = faults.take("forge", resource, "page", query)
        if fault is not None:
            body = spoil(body, fault, variables or {})
        text = await run_in_threadpool(dumps, body)
        if faults.take("forge", resource, "wire", query) is not None:
            text = text[: len(text) * 2 // 3]
        return Response(text, media_type=JSON_TYPE)

    return [Route(PATH, endpoint, methods=["GET", "POST"])]


async def _asked(request: Request) -> tuple[str, dict[str, Any] | None, str | None]:
    """Query, variables and operation name; ValueError if the request has no usable query."""
    if request.method == "GET":
        body: Any = dict(request.query_params)
        if isinstance(body.get("variables"), str):
            body["variables"] = json.loads(body["variables"])
    else:
        body = json.loads(await request.body())
    query = body.get("query") if isinstance(body, dict) else None
    if query is None or not isinstance(query, str):
        raise ValueError("The request needs a query.")
    variables = body.get("variables")
    if variables is not None and not isinstance(variables, dict):
        raise ValueError("The variables have to be an object.")
    return query, variables, body.get("operationName")


def _resource(query: str) -> str:
    """Which kind a query is mainly about, for choosing a fault."""
    if "__schema" in query:
        return "schema"
    for name in ("listings", "agents", "mlses"):
        if name in query:
            return name
    return "other"


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(dumps(body), status, headers, JSON_TYPE)


def _instead(fault: Fault) -> Response:
    """The answer that a fault gives instead of the real one."""
    if fault.name == "status_401":
        return _json({"error": "Invalid API key and/or request signed improperly"}, 401)
    if fault.name == "status_429":
        wait = fault.params.get("retry_after")
        return _json(
            {"error": "Over rate limit"}, 429, None if wait is None else {"Retry-After": str(wait)}
        )
    if fault.name == "status_502":
        return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
    if fault.name == "status_500_html":
        return HTMLResponse("<html><body>We're sorry, but something went wrong.</body></html>", 500)
    if fault.name == "html_200":
        return HTMLResponse("<html><body>Down for maintenance, back soon.</body></html>")
    if fault.name == "query_refused":
        message = str(fault.params.get("message", "Introspection is not allowed."))
        return _json({"errors": [{"message": message}]}, int(fault.params.get("status", 200)))
    if fault.name == "errors_null_data":
        problem = {"message": "Something went wrong.", "path": ["mls"]}
        return _json({"data": {"mls": None}, "errors": [problem]})
    return _json({"data": {"mls": None}})
