"""The sandbox as the demo sees it: plain requests, none of the pipeline's own clients.

What is asked here is the truth that the copy is held against.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

import requests

from mls_assets.demo.comparison import read_json
from mls_assets.demo.sandbox_process import Sandbox
from mls_assets.model.feed_names import FeedName
from mls_assets.sources.registry import has_event_log

_SECONDS = 60
_SCALARS = ("SCALAR", "ENUM")
_FIELDS = '{ __type(name: "Listing") { fields { name type { kind ofType { kind } } } } }'
_LISTINGS = """query ($mls: String!, $after: Int!) { mls(key: $mls) {
  listings(last_event_id: $after) {
    latest_event remaining results { %s ForgeFeatures { name value } }
  }
} }"""


class SandboxClient:
    """A running sandbox: it can be changed, and asked what is really there."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._control = sandbox.control_url
        self._environment = sandbox.environment
        self._http = requests.Session()
        self._http.trust_env = False

    def act(self, verb: str, feed: str, resource: str, **wanted: Any) -> list[str]:
        """Change the market (`change`, `add`, `remove`, ...); return the keys concerned."""
        body = {"feed": feed, "resource": resource, **wanted}
        answer = self._http.post(f"{self._control}/{verb}", json=body, timeout=_SECONDS)
        answer.raise_for_status()
        return list(answer.json().get("keys", ()))

    def keys(self, feed: str, resource: str) -> set[str]:
        """Return the keys that are really there."""
        answer = self._http.get(
            f"{self._control}/truth",
            params={"feed": feed, "resource": resource, "format": "text"},
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        return set(answer.text.splitlines())

    def served(self, feed: str, keys: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield listings as the feed's API serves them, relations included."""
        if has_event_log(feed):
            return self._forge(FeedName.of(feed).own, set(keys))
        return self._spark(keys)

    def _spark(self, keys: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        for key in keys:
            answer = self._http.get(
                f"{self._environment['SPARK_BASE_URL']}/Property('{quote(key)}')"
                "?$expand=Media,Room,Unit",
                headers={"Authorization": f"Bearer {self._environment['SPARK_ACCESS_TOKEN']}"},
                timeout=_SECONDS,
            )
            answer.raise_for_status()
            yield key, read_json(answer.text)

    def _forge(self, mls: str, keys: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Read the event log from its beginning; the last word on a key counts."""
        fields = " ".join(self._forge_fields())
        found: dict[str, dict[str, Any]] = {}
        after, remaining = 0, 1
        while remaining:
            page = self._graphql(_LISTINGS % fields, {"mls": mls, "after": after})["mls"][
                "listings"
            ]
            after, remaining = int(page["latest_event"]), int(page["remaining"])
            found.update(
                (record["ListingKey"], record)
                for record in page["results"]
                if record["ListingKey"] in keys
            )
        yield from found.items()

    def _forge_fields(self) -> list[str]:
        fields = self._graphql(_FIELDS, {})["__type"]["fields"]
        return [
            entry["name"]
            for entry in fields
            if entry["type"]["kind"] in _SCALARS
            or (entry["type"]["ofType"] or {}).get("kind") in _SCALARS
        ]

    def _graphql(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post(
            self._environment["FORGE_URL"],
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {self._environment['FORGE_API_TOKEN']}"},
            timeout=_SECONDS,
        )
        answer.raise_for_status()
        return read_json(answer.text)["data"]
