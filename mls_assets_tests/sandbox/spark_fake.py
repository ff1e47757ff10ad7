"""A small market in memory, and a server for it, for the tests of the Spark surface."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import requests
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from mls_assets.sandbox.access import SPARK_TOKEN, Access
from mls_assets.sandbox.catalogue import Catalogue, Shape
from mls_assets.sandbox.faults import Faults
from mls_assets.sandbox.spark import spark_routes

TYPES: Mapping[str, Mapping[str, str]] = {
    "Property": {
        "ListingKey": "Edm.String",
        "ListingId": "Edm.String",
        "StandardStatus": "Edm.String",
        "ModificationTimestamp": "Edm.DateTimeOffset",
        "City": "Edm.String",
        "PublicRemarks": "Edm.String",
        "ListPrice": "Edm.Decimal",
        "BedroomsTotal": "Edm.Int64",
        "PoolPrivateYN": "Edm.Boolean",
        "CloseDate": "Edm.Date",
        "Latitude": "Edm.Decimal",
        "Longitude": "Edm.Decimal",
        "Appliances": "Collection(Edm.String)",
        "Site_co_Level": "Edm.Boolean",
    },
    "Member": {
        "MemberKey": "Edm.String",
        "MemberFullName": "Edm.String",
        "ModificationTimestamp": "Edm.DateTimeOffset",
    },
    "Office": {"OfficeKey": "Edm.String", "ModificationTimestamp": "Edm.DateTimeOffset"},
    "OpenHouse": {
        "OpenHouseKey": "Edm.String",
        "ListingKey": "Edm.String",
        "OpenHouseStartTime": "Edm.DateTimeOffset",
        "ModificationTimestamp": "Edm.DateTimeOffset",
    },
    "Lookup": {
        "LookupKey": "Edm.String",
        "LookupName": "Edm.String",
        "LookupValue": "Edm.String",
        "ModificationTimestamp": "Edm.DateTimeOffset",
    },
    "Media": {
        "MediaKey": "Edm.String",
        "MediaCategory": "Edm.String",
        "MediaURL": "Edm.String",
        "Order": "Edm.Int64",
    },
    "PropertyRooms": {
        "RoomKey": "Edm.String",
        "RoomType": "Edm.String",
        "RoomLength": "Edm.Decimal",
    },
    "PropertyUnits": {"UnitTypeKey": "Edm.String"},
}
KEYS = {
    "Property": "ListingKey",
    "Member": "MemberKey",
    "Office": "OfficeKey",
    "OpenHouse": "OpenHouseKey",
    "Lookup": "LookupKey",
    "Media": "MediaKey",
    "PropertyRooms": "RoomKey",
    "PropertyUnits": "UnitTypeKey",
}
NAVIGATIONS = {
    "Property": {
        "Media": "Media",
        "OpenHouse": "OpenHouse",
        "Room": "PropertyRooms",
        "Unit": "PropertyUnits",
    },
    "Member": {"Media": "Media"},
    "Office": {"Media": "Media"},
}
HEAD = ("ListingKey", "ListingId", "StandardStatus", "ModificationTimestamp")


class FakeMarket:
    """What a test puts in, as a `Catalogue`; `full_reads` names the records read in full."""

    def __init__(self, shape: Shape = "v2") -> None:
        self.shape: Shape = shape
        self.records: dict[str, dict[str, dict[str, Any]]] = {
            name: {} for name in ("Property", "Member", "Office", "OpenHouse", "Lookup")
        }
        self.under: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.full_reads: list[str] = []
        self.walks = 0

    def add(self, resource: str, key: str, **fields: Any) -> str:
        base = {"ModificationTimestamp": "2026-05-01T12:00:00Z", **fields}
        self.records[resource][key] = {KEYS[resource]: key, **base}
        return key

    def add_listings(self, count: int) -> list[str]:
        return [self.add("Property", key_number(number)) for number in range(1, count + 1)]

    def remove(self, resource: str, key: str) -> None:
        del self.records[resource][key]

    def put_under(self, key: str, navigation: str, *children: dict[str, Any]) -> None:
        self.under[key, navigation] = list(children)

    def with_shape(self, shape: Shape) -> FakeMarket:
        other = FakeMarket(shape)
        other.records, other.under = self.records, self.under
        return other

    def now(self) -> datetime:
        return datetime(2026, 5, 2, tzinfo=UTC)

    def count(self, resource: str) -> int:
        return len(self.records[resource])

    def keys(self, resource: str, after: str | None = None) -> Iterator[str]:
        self.walks += 1
        keys = sorted(self.records[resource])
        return iter(keys[0 if after is None else bisect_right(keys, after) :])

    def head(self, resource: str, key: str) -> dict[str, Any] | None:
        record = self.records[resource].get(key)
        if record is None or resource != "Property":
            return record
        return {name: record[name] for name in HEAD if name in record}

    def record(self, resource: str, key: str) -> dict[str, Any] | None:
        self.full_reads.append(key)
        record = self.records[resource].get(key)
        return None if record is None else dict(record)

    def record_json(self, resource: str, key: str) -> bytes | None:
        record = self.record(resource, key)
        return None if record is None else msgspec.json.encode(record)

    def children(self, resource: str, key: str, navigation: str) -> list[dict[str, Any]]:
        return [dict(child) for child in self.under.get((key, navigation), [])]

    def children_json(self, resource: str, key: str, navigation: str, root: str) -> bytes:
        field = KEYS[NAVIGATIONS[resource][navigation]]
        base = f"{root}/" if navigation == "Media" else ""
        return msgspec.json.encode(
            [
                {**child, "@odata.id": f"{base}{resource}('{key}')/{navigation}('{child[field]}')"}
                for child in self.children(resource, key, navigation)
            ]
        )

    def modified_since(self, resource: str, moment: datetime) -> Iterator[str]:
        for key in sorted(self.records[resource]):
            text = self.records[resource][key]["ModificationTimestamp"]
            if datetime.fromisoformat(text) > moment:
                yield key

    def properties(self, resource: str) -> Mapping[str, str]:
        return TYPES[resource]

    def navigations(self, resource: str) -> Mapping[str, str]:
        return NAVIGATIONS.get(resource, {})

    def key_field(self, resource: str) -> str:
        return KEYS[resource]

    def local_names(self) -> Mapping[str, str]:
        return {"Site_co_Level": "Site: Level & <Even>"}


def key_number(number: int) -> str:
    """A key as Spark makes them: 26 digits."""
    return f"20240101000000{number:06d}000000"


class Site:
    """One sandbox site of a test: its market, access, faults, and a client that asks it."""

    def __init__(self, server: Server, catalogue: Catalogue | None = None) -> None:
        self.market = FakeMarket()
        self.access = Access()
        self.faults = Faults()
        self.origin = server.origin
        self.root = f"{server.origin}/Reso/OData"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {SPARK_TOKEN}"
        routes = spark_routes(catalogue or self.market, self.access, self.faults)
        server.app = Starlette(routes=routes, middleware=[Middleware(GZipMiddleware)])

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def ask(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        """The raw answer to a path below the root, or to a whole address."""
        address = path if path.startswith("http") else f"{self.root}{path}"
        return self.session.request(method, address, timeout=10, allow_redirects=False, **more)

    def read(self, path: str, **more: Any) -> dict[str, Any]:
        """The JSON of an answer that has to be a 200."""
        answer = self.ask(path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, path: str, **more: Any) -> tuple[int, int]:
        """Status and number of an answer that has to be an OData error."""
        answer = self.ask(path, **more)
        error = answer.json()["error"]
        assert set(error) == {"code", "message"}
        return answer.status_code, error["code"]

    def keys(self, path: str, field: str = "ListingKey") -> list[str]:
        return [record[field] for record in self.read(path)["value"]]

    def found(self, condition: str) -> list[str]:
        """Keys of the listings that a filter lets through."""
        answer = self.ask("/Property", params={"$filter": condition, "$top": "100"})
        assert answer.status_code == 200, answer.text
        return [record["ListingKey"] for record in answer.json()["value"]]

    def walk(self, path: str) -> Iterator[dict[str, Any]]:
        """Pages from a path to the end of the chain."""
        address: str | None = path
        while address:
            page = self.read(address)
            yield page
            address = page.get("@odata.nextLink")


class Server:
    """One uvicorn for many tests; each puts its own app behind it."""

    def __init__(self, origin: str = "") -> None:
        self.origin = origin
        self.app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free loopback port, stopped at the end."""
    server = Server()
    config = uvicorn.Config(
        server,
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
            thread.join(0.005)
        (port,) = {sock.getsockname()[1] for each in running.servers for sock in each.sockets}
        server.origin = f"http://127.0.0.1:{port}"
        yield server
    finally:
        running.should_exit = True
        thread.join()


def options_of(address: str) -> dict[str, str]:
    """The decoded options of an address."""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
