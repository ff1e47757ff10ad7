"""The Forge surface over HTTP: the guide's queries, events, tombstones, lost access, errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    build_client_schema,
    get_introspection_query,
)

from mls_assets.sandbox.market.event_log import EventLog, Occurrences
from mls_assets.sandbox.market.forge_feed import ForgeRecords
from mls_assets.sandbox.server import SandboxServer

GUIDE = """
query ReplicateListings(
  $mls_key: String!, $latest_event: Int!, $filter: [DataDictionaryFilterType]
) {
  mls(key: $mls_key) {
    listings(last_event_id: $latest_event, filter: $filter) {
      latest_event
      remaining
      results {
        DELETED ListingId ListingKey UnparsedAddress StandardStatus PostalCode ListDate CloseDate
        BedroomsTotal BathroomsTotalInteger Photos Remarks ListPrice ForgeFeatures { name value }
      }
    }
  }
}
"""
AGENTS = """
query ($mls_key: String!, $latest_event: Int!) {
  mls(key: $mls_key) {
    agents(last_event_id: $latest_event) {
      latest_event remaining results { DELETED MemberKey MemberFullName }
    }
  }
}
"""


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(listings=40, seed=3, forge_listings={"armls": 1200, "rmls": 60}) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(listings=20, seed=3, forge_listings={"armls": 700, "rmls": 40}) as fresh:
        yield fresh


def ask(sandbox: SandboxServer, query: str, token: str | None = None, **variables: Any) -> Any:
    response = requests.post(
        sandbox.forge_url,
        json={"query": query, "variables": variables},
        headers={"Authorization": f"Bearer {token or sandbox.forge_token}"},
        timeout=10,
    )
    assert response.status_code == 200, response.text
    return response.json()


def page(sandbox: SandboxServer, after: int, mls: str = "armls", **variables: Any) -> Any:
    body = ask(sandbox, GUIDE, mls_key=mls, latest_event=after, **variables)
    assert "errors" not in body, body["errors"]
    return body["data"]["mls"]["listings"]


def walk(sandbox: SandboxServer, mls: str = "armls", after: int = 0) -> tuple[list[Any], int]:
    results: list[Any] = []
    while True:
        answer = page(sandbox, after, mls)
        results += answer["results"]
        after = answer["latest_event"]
        if answer["remaining"] == 0:
            return results, after


def listings(sandbox: SandboxServer, mls: str = "armls") -> ForgeRecords:
    return sandbox.market.forge[mls].records["listings"]


def current(results: list[Any]) -> set[str]:
    """The keys that a consumer holds who takes the last occurrence."""
    last = {result["ListingKey"]: result["DELETED"] for result in results}
    return {key for key, deleted in last.items() if not deleted}


def test_the_mlses_are_those_of_the_guide(running: SandboxServer):
    body = ask(running, "query GetMLSList { mlses { key name address state } }")
    assert body["data"]["mlses"] == [
        {"key": "armls", "name": "Arizona MLS", "address": None, "state": ["Arizona"]},
        {"key": "rmls", "name": "Regional MLS", "address": None, "state": ["Oregon", "Washington"]},
    ]


def test_a_page_has_500_results_and_says_how_many_events_remain(running: SandboxServer):
    first = page(running, 0)
    assert (len(first["results"]), first["remaining"]) == (500, 700)
    second = page(running, first["latest_event"])
    assert (len(second["results"]), second["remaining"]) == (500, 200)
    third = page(running, second["latest_event"])
    assert (len(third["results"]), third["remaining"]) == (200, 0)
    again = page(running, third["latest_event"])
    assert again == {"latest_event": third["latest_event"], "remaining": 0, "results": []}
    keys = [r["ListingKey"] for p in (first, second, third) for r in p["results"]]
    assert keys == [listings(running).key(slot) for slot in range(1200)]


def test_event_ids_ascend_with_gaps():
    log = EventLog(11, 1000)
    ids = [log.base_id(slot) for slot in range(1000)]
    assert ids == sorted(set(ids))
    assert ids[-1] > 1500
    new = [log.append(slot) for slot in (5, 1000, 5)]
    assert new == sorted(set(new))
    assert new[0] > ids[-1]


def test_a_million_records_are_a_log_without_being_stored():
    log = EventLog(11, 1_000_000)
    batch = log.batch(log.base_id(499_999), "each")
    assert batch.slots == list(range(500_000, 500_500))
    assert batch.remaining == 499_500


def test_only_asked_fields_come_and_in_forges_manner(running: SandboxServer):
    results = page(running, 0)["results"]
    listing = next(r for r in results if r["StandardStatus"] == "Closed" and r["BedroomsTotal"])
    asked = GUIDE.split("results {")[1].split("{")[0].split()
    assert list(listing) == asked
    assert listing["DELETED"] is None
    assert listing["ListDate"].endswith("T00:00:00")
    assert listing["CloseDate"].endswith("T00:00:00")
    assert isinstance(listing["ListPrice"], int | float)
    assert listing["Photos"]
    assert all(url.startswith("https://") for url in listing["Photos"])
    features = [feature for r in results for feature in r["ForgeFeatures"]]
    assert all(feature.keys() == {"name", "value"} for feature in features)
    assert any("," in feature["value"] for feature in features)


def test_aliases_fragments_and_directives_work(running: SandboxServer):
    body = ask(
        running,
        """
        query ($yes: Boolean!) {
          one: mls(key: "rmls") {
            listings(last_event_id: 0) { results { ...short kind: __typename } }
          }
        }
        fragment short on Listing {
          key: ListingKey
          City @skip(if: $yes)
          ForgeFeatures { label: name }
        }
        """,
        yes=True,
    )
    first = body["data"]["one"]["listings"]["results"][0]
    assert list(first) == ["key", "ForgeFeatures", "kind"]
    assert first["kind"] == "Listing"


def fields_of(schema: GraphQLSchema, type_name: str) -> dict[str, GraphQLField]:
    found = schema.type_map[type_name]
    assert isinstance(found, GraphQLObjectType)
    return found.fields


def test_introspection_shows_the_record_type(running: SandboxServer):
    schema = build_client_schema(ask(running, get_introspection_query())["data"])
    record = fields_of(schema, "Listing")
    assert {"DELETED", "ListingKey", "ListDate", "Remarks", "Photos", "ForgeFeatures"} <= set(
        record
    )
    assert len(record) > 200
    assert str(record["Photos"].type) == "[String]"
    arguments = fields_of(schema, "Mls")["listings"].args
    assert {name: str(arg.type) for name, arg in arguments.items()} == {
        "last_event_id": "Int!",
        "filter": "[DataDictionaryFilterType]",
    }


def test_every_field_of_every_record_fits_its_type(running: SandboxServer):
    schema = build_client_schema(ask(running, get_introspection_query())["data"])
    for kind, type_name in (("listings", "Listing"), ("agents", "Agent")):
        fields = fields_of(schema, type_name)
        wanted = " ".join(
            "ForgeFeatures { name value }" if f == "ForgeFeatures" else f for f in fields
        )
        query = (
            f'{{ mls(key: "rmls") {{ {kind}(last_event_id: 0) {{ results {{ {wanted} }} }} }} }}'
        )
        fits = {
            "String": str,
            "Int": int,
            "Float": (int, float),
            "Boolean": bool,
            "[String]": list,
            "[ForgeFeature]": list,
        }
        for result in ask(running, query)["data"]["mls"][kind]["results"]:
            for name, field in fields.items():
                value = result[name]
                assert value is None or isinstance(value, fits[str(field.type)]), (name, value)


def test_agents_come_in_the_same_envelope_keyed_by_member_key(sandbox: SandboxServer):
    agents = sandbox.market.forge["rmls"].records["agents"]
    answer = ask(sandbox, AGENTS, mls_key="rmls", latest_event=0)["data"]["mls"]["agents"]
    assert len(answer["results"]) == agents.count() == 5
    [gone] = agents.remove(agents.choose(1))
    after = answer["latest_event"]
    answer = ask(sandbox, AGENTS, mls_key="rmls", latest_event=after)["data"]["mls"]["agents"]
    assert answer["results"] == [
        {"DELETED": True, "MemberKey": agents.key(gone), "MemberFullName": None}
    ]


def test_a_listings_agent_is_an_agent_of_the_same_mls(running: SandboxServer):
    query = """{ mls(key: "rmls") { listings(last_event_id: 0) { results { ListAgentKey } }
                 agents(last_event_id: 0) { results { MemberKey } } } }"""
    mls = ask(running, query)["data"]["mls"]
    agents = {agent["MemberKey"] for agent in mls["agents"]["results"]}
    assert {listing["ListAgentKey"] for listing in mls["listings"]["results"]} <= agents


def test_changes_are_new_events_and_removals_are_tombstones(sandbox: SandboxServer):
    records = listings(sandbox)
    _, cursor = walk(sandbox)
    [changed] = records.change(records.choose(1), "price")
    [removed] = records.remove([next(slot for slot in records.slots() if slot != changed)])
    [new] = records.add(1)
    answer = page(sandbox, cursor)
    keys = [result["ListingKey"] for result in answer["results"]]
    assert keys == [records.key(slot) for slot in (changed, removed, new)]
    tombstone = answer["results"][1]
    assert tombstone == {
        **dict.fromkeys(tombstone),
        "DELETED": True,
        "ListingKey": records.key(removed),
    }
    assert answer["remaining"] == 0
    results, _ = walk(sandbox)
    assert current(results) == {records.key(slot) for slot in records.slots()}


def test_a_record_with_several_events_comes_for_each_or_once(sandbox: SandboxServer):
    records = listings(sandbox)
    [slot] = records.choose(1)
    for what in ("price", "status", "remarks"):
        records.change([slot], what)
    [gone] = records.remove([3])
    each, _ = walk(sandbox)
    assert len(each) == 704
    assert sum(result["ListingKey"] == records.key(slot) for result in each) == 4
    sandbox.market.occurrences = "once"
    once, _ = walk(sandbox)
    assert len(once) == 700
    assert current(once) == current(each)
    assert once[-1]["ListingKey"] == records.key(gone)


def test_remaining_counts_down_to_zero_in_both_modes(sandbox: SandboxServer):
    records = listings(sandbox)
    for _ in range(30):
        records.change(records.choose(7), "price")
    modes: tuple[tuple[Occurrences, int], ...] = (("each", 910), ("once", 700))
    for mode, events in modes:
        sandbox.market.occurrences = mode
        after, seen = 0, 0
        while True:
            answer = page(sandbox, after)
            seen += len(answer["results"])
            assert seen + answer["remaining"] == events
            after = answer["latest_event"]
            if answer["remaining"] == 0:
                break


def test_lost_access_to_records_is_told_as_deletion_and_can_be_regained(sandbox: SandboxServer):
    records = listings(sandbox, "rmls")
    _, cursor = walk(sandbox, "rmls")
    lost = records.revoke(records.choose(3))
    answer = page(sandbox, cursor, "rmls")
    assert [r["DELETED"] for r in answer["results"]] == [True] * 3
    assert records.count() == 37
    records.grant(lost)
    answer = page(sandbox, answer["latest_event"], "rmls")
    assert [r["DELETED"] for r in answer["results"]] == [None] * 3
    assert records.count() == 40


def test_an_mls_that_is_not_granted_is_null(sandbox: SandboxServer):
    sandbox.access.grant("other", "forge", mlses=["rmls"])
    body = ask(sandbox, '{ mlses { key } a: mls(key: "armls") { key } }', token="other")
    assert body == {"data": {"mlses": [{"key": "rmls"}], "a": None}}
    assert ask(sandbox, '{ mls(key: "nowhere") { key } }') == {"data": {"mls": None}}


def test_relisting_gives_a_new_key_and_withdraws_the_old(sandbox: SandboxServer):
    records = listings(sandbox, "rmls")
    [(old, new)] = records.relist(records.choose(1)).items()
    assert records.fields(old)["StandardStatus"] == "Withdrawn"
    assert records.fields(new)["StandardStatus"] == "Active"
    assert records.fields(new)["UnparsedAddress"] == records.fields(old)["UnparsedAddress"]
    assert records.slot(records.key(new)) == new


def test_a_filter_thins_results_and_lets_tombstones_pass(sandbox: SandboxServer):
    records = listings(sandbox)
    [gone] = records.remove(records.choose(1))
    wanted = [{"field": "StandardStatus", "values": ["Closed"]}]
    results, after = [], 0
    while True:
        answer = page(sandbox, after, filter=wanted)
        results += answer["results"]
        after = answer["latest_event"]
        if not answer["remaining"]:
            break
    statuses = {r["StandardStatus"] for r in results if not r["DELETED"]}
    assert statuses == {"Closed"}
    assert {r["ListingKey"] for r in results if r["DELETED"]} == {records.key(gone)}
    cheap = [{"field": "ListPrice", "operator": "LT", "values": ["300000"]}]
    assert all(
        r["DELETED"] or r["ListPrice"] < 300_000 for r in page(sandbox, 0, filter=cheap)["results"]
    )
    refused = ask(
        sandbox, GUIDE, mls_key="armls", latest_event=0, filter=[{"field": "X", "values": []}]
    )
    assert "cannot be filtered" in refused["errors"][0]["message"]


def test_a_value_that_does_not_fit_its_type_is_an_error_beside_the_data(sandbox: SandboxServer):
    records = listings(sandbox, "rmls")
    records.change([4], None, {"BedroomsTotal": "three", "Remarks": "kept"})
    body = ask(sandbox, GUIDE, mls_key="rmls", latest_event=0)
    results = body["data"]["mls"]["listings"]["results"]
    assert len(results) == 41
    assert results[4]["BedroomsTotal"] is None
    assert results[4]["Remarks"] == "kept"
    assert body["errors"][0]["path"] == ["mls", "listings", "results", 4, "BedroomsTotal"]


def test_event_ids_beyond_32_bits_are_errors_both_ways(sandbox: SandboxServer):
    refused = ask(sandbox, GUIDE, mls_key="rmls", latest_event=2**31)
    assert "data" not in refused
    assert "32-bit" in refused["errors"][0]["message"]
    records = listings(sandbox, "rmls")
    records.log.skip(2**31)
    records.change([1], "price")
    nulled = ask(sandbox, GUIDE, mls_key="rmls", latest_event=0)
    assert nulled["data"]["mls"]["listings"] is None
    assert "32-bit" in nulled["errors"][0]["message"]


def test_a_query_that_does_not_fit_has_errors_and_no_data(running: SandboxServer):
    for query in ("{ mlses { nope } }", "{ mlses { key }"):
        body = ask(running, query)
        assert body["errors"]
        assert "data" not in body
    for payload in ({}, {"query": 5}, [], {"query": "{mlses{key}}", "variables": []}):
        response = requests.post(
            running.forge_url,
            json=payload,
            headers={"Authorization": f"Bearer {running.forge_token}"},
            timeout=10,
        )
        assert response.status_code == 400
        assert response.json()["errors"]


def test_a_wrong_token_is_refused(running: SandboxServer):
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sandbox-forge-token"}):
        response = requests.post(
            running.forge_url, json={"query": "{mlses{key}}"}, headers=header, timeout=10
        )
        assert response.status_code == 401
        assert "data" not in response.json()
    spark = {"Authorization": f"Bearer {running.spark_token}"}
    assert requests.get(running.forge_url, headers=spark, timeout=10).status_code == 401


@pytest.mark.parametrize(
    ("name", "status"),
    [("status_401", 401), ("status_429", 429), ("status_500_html", 500), ("status_502", 502)],
)
def test_a_fault_answers_once_instead(running: SandboxServer, name: str, status: int):
    running.faults.add(name, "forge", resource="listings", retry_after=2)
    headers = {"Authorization": f"Bearer {running.forge_token}"}
    body = {"query": GUIDE, "variables": {"mls_key": "rmls", "latest_event": 0}}
    response = requests.post(running.forge_url, json=body, headers=headers, timeout=10)
    assert response.status_code == status
    assert (response.headers.get("Retry-After") == "2") == (status == 429)
    assert page(running, 0, "rmls")["results"]


def test_faults_inside_an_answer(running: SandboxServer):
    def spoiled(name: str, **params: Any) -> Any:
        running.faults.add(name, "forge", **params)
        return ask(running, GUIDE, mls_key="rmls", latest_event=90)

    def inside(body: Any) -> Any:
        return body["data"]["mls"]["listings"]

    good = page(running, 90, "rmls")
    assert spoiled("mls_null") == {"data": {"mls": None}}
    nulled = spoiled("errors_null_data")
    assert nulled["data"] == {"mls": None}
    assert nulled["errors"]
    assert spoiled("errors_with_data")["errors"]
    assert inside(spoiled("cursor_back", by=40))["latest_event"] == good["latest_event"] - 40
    stuck = inside(spoiled("livelock"))
    assert stuck["latest_event"] == 90
    assert stuck["remaining"] > 0
    assert isinstance(inside(spoiled("bad_record"))["results"][0]["ListPrice"], dict)
    orphan = inside(spoiled("tombstone_without_key"))["results"][0]
    assert orphan == {**dict.fromkeys(orphan), "DELETED": True}
    assert page(running, 90, "rmls") == good


def test_a_truncated_body_is_no_json(running: SandboxServer):
    running.faults.add("truncated_body", "forge")
    with pytest.raises(requests.JSONDecodeError):
        page(running, 0)
