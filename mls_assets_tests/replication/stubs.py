"""A Spark API of a few records that answers as a test wants, where the sandbox cannot."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from mls_assets_tests.replication.place import Place
from mls_assets_tests.sources.servers import TOKEN, Asked, Reply, Server, keys_of_filter, reply

OLD = "2026-08-01T10:00:00Z"


def moment(**ahead: float) -> str:
    """A time from now on, as OData writes it."""
    at = datetime.now(UTC) + timedelta(**ahead)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def listing(key: str, **members: Any) -> dict[str, Any]:
    """A listing without photos, rooms and units."""
    return {
        "ListingKey": key,
        "ModificationTimestamp": OLD,
        "StandardStatus": "Active",
        "Media": [],
        "Room": [],
        "Unit": [],
        **members,
    }


def page(
    records: list[Any], *, count: int | None = None, link: str = "", top: str | None = None
) -> Reply:
    """An answer with records (texts stand as they are), never more than `top`."""
    shown = records if top is None else records[: int(top)]
    values = ",".join(one if isinstance(one, str) else json.dumps(one) for one in shown)
    members = [f'"@odata.count":{len(records) if count is None else count}']
    members += [f'"@odata.nextLink":{json.dumps(link)}'] if link else []
    text = f'{{{",".join(members)},"value":[{values}]}}'
    return reply(200, text, Date=format_datetime(datetime.now(UTC), usegmt=True))


def asked_keys(asked: Asked) -> list[str] | None:
    """The keys that a question names; None if it is not one by key."""
    by_key = " in (" in asked.options.get("$filter", "") or " eq '" in asked.options.get(
        "$filter", ""
    )
    return keys_of_filter(asked) if by_key else None


class _Environment:
    """What a place wants of a sandbox: where the API is."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def environment(self) -> dict[str, str]:
        return {"SPARK_ACCESS_TOKEN": TOKEN, "SPARK_BASE_URL": self._server.root}


@contextmanager
def stubbed(folder: Path, answer: Callable[[Asked], Reply], **settings: Any) -> Iterator[Place]:
    """Serve a place with what `answer` says; the token's variable is the test's to set."""
    server = Server()
    server.otherwise = answer
    try:
        yield Place(_Environment(server), folder, **settings)  # pyright: ignore[reportArgumentType]
    finally:
        server.stop()
