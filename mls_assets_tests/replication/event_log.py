"""A Forge of one MLS whose event log is a list that a test writes, served over HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from mls_assets_tests.sources.graphql_server import PLAIN
from mls_assets_tests.sources.servers import TOKEN, Asked, Reply, Server, as_json, reply

#: An event as JSON, proper or not, or what is to be sent as JSON.
Event = str | dict[str, Any]


@dataclass
class EventLog:
    """The server; an event's id is its place in `events`, counted from 1.

    `instead` answers a question for the events after an id, or returns None to let the log
    answer. `asked` are these ids.
    """

    server: Server
    events: list[Event] = field(default_factory=list)
    page_size: int = 15
    instead: Callable[[int], Reply | None] = lambda after: None
    asked: list[int] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        return {"FORGE_API_TOKEN": TOKEN, "FORGE_URL": f"{self.server.origin}/graphql"}

    def page(self, after: int, **told: object) -> Reply:
        """The events after an id; `told` replaces `latest_event` or `remaining`."""
        page = self.events[after : after + self.page_size]
        latest = min(after + len(page), len(self.events))
        facts = {"latest_event": latest, "remaining": len(self.events) - latest} | told
        results = ",".join(one if isinstance(one, str) else json.dumps(one) for one in page)
        envelope = f'{json.dumps(facts)[:-1]}, "results": [{results}]}}'
        return reply(200, f'{{"data": {{"mls": {{"listings": {envelope}}}}}}}')

    def answer(self, asked: Asked) -> Reply:
        if "__schema" in asked.payload["query"]:
            return as_json(PLAIN)
        if "mlses" in asked.payload["query"]:
            mls = {"key": "armls", "name": "Arizona", "address": None, "state": ["AZ"]}
            return as_json({"data": {"mlses": [mls]}})
        after = asked.payload["variables"]["latest_event"]
        self.asked.append(after)
        return self.instead(after) or self.page(after)


@contextmanager
def event_log() -> Iterator[EventLog]:
    server = Server()
    log = EventLog(server)
    server.otherwise = log.answer
    try:
        yield log
    finally:
        server.stop()
