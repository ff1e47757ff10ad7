"""The control API over HTTP, the server around everything, tokens, faults and the clock."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import pytest
import requests

from mls_assets.sandbox.access import SPARK_LIMIT, Access
from mls_assets.sandbox.faults import Faults, UnknownFault
from mls_assets.sandbox.server import SandboxServer


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(listings=120, seed=9) as running:
        yield running


def post(sandbox: SandboxServer, verb: str, status: int = 200, /, **body: Any) -> Any:
    response = requests.post(f"{sandbox.control_url}/{verb}", json=body, timeout=10)
    assert response.status_code == status, response.text
    return response.json()


def get(sandbox: SandboxServer, path: str, status: int = 200, /, **asked: Any) -> Any:
    response = requests.get(f"{sandbox.control_url}/{path}", params=asked, timeout=10)
    assert response.status_code == status, response.text
    return response.json()


def spark(
    sandbox: SandboxServer, path: str, token: str | None = None, **asked: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token or sandbox.spark_token}"}
    return requests.get(f"{sandbox.spark_url}/{path}", params=asked, headers=headers, timeout=10)


def spark_keys(sandbox: SandboxServer) -> list[str]:
    answer = spark(sandbox, "Property", **{"$select": "ListingKey", "$top": "1000"})
    return [record["ListingKey"] for record in answer.json()["value"]]


def test_the_index_lists_every_route(sandbox: SandboxServer):
    index = get(sandbox, "")
    assert index["feeds"] == ["spark/default", "forge/armls", "forge/rmls"]
    for route in index["routes"]:
        method, path = route.split()
        path = path.replace("{id}", "999999").removeprefix("/control/")
        if method == "GET" and path not in ("truth", "record"):
            get(sandbox, path)
    assert "link_loop" in index["faults"]["spark"]


@pytest.mark.parametrize("feed", ["spark/default", "forge/armls", "forge/rmls"])
@pytest.mark.parametrize("resource", ["Property", "Member"])
def test_every_feed_can_be_changed_and_tells_the_truth(
    sandbox: SandboxServer, feed: str, resource: str
):
    where = {"feed": feed, "resource": resource}
    before = get(sandbox, "truth", keys="true", **where)
    digest = sha256("".join(f"{key}\n" for key in before["keys"]).encode()).hexdigest()
    assert (before["count"], before["digest"]) == (len(before["keys"]), digest)
    changed = post(sandbox, "change", count=2, **where)["keys"]
    assert len(changed) == 2
    assert get(sandbox, "record", key=changed[0], **where)["record"]
    removed = post(sandbox, "remove", count=2, **where)["keys"]
    added = post(sandbox, "add", count=3, **where)["keys"]
    restored = post(sandbox, "restore", keys=removed[:1], **where)["keys"]
    assert restored == removed[:1]
    after = get(sandbox, "truth", keys="true", **where)
    assert set(after["keys"]) == {*before["keys"], *added} - set(removed[1:])
    get(sandbox, "record", 404, key=removed[1], **where)


def test_truth_is_what_a_client_is_served(sandbox: SandboxServer):
    post(sandbox, "remove", count=4)
    assert get(sandbox, "truth", keys="true")["keys"] == spark_keys(sandbox)
    key = spark_keys(sandbox)[5]
    post(sandbox, "change", keys=[key], what="status", to="Hold")
    served = spark(sandbox, f"Property('{key}')").json()
    record = get(sandbox, "record", key=key)["record"]
    assert {name: served[name] for name in record} == record
    assert record["StandardStatus"] == "Hold"


def test_truth_can_be_paged_and_streamed(sandbox: SandboxServer):
    keys: list[str] = []
    page = get(sandbox, "truth", keys="true", limit=50)
    while True:
        keys += page["keys"]
        if page["next"] is None:
            break
        page = get(sandbox, "truth", keys="true", limit=50, after=page["next"])
    assert keys == spark_keys(sandbox)
    lines = requests.get(f"{sandbox.control_url}/truth?format=text", timeout=10).text
    assert sha256(lines.encode()).hexdigest() == page["digest"]


def test_relists_and_open_houses_through_the_api(sandbox: SandboxServer):
    answer = post(sandbox, "relist", count=1, status=["Active"])
    assert list(answer["relisted"].values()) == answer["keys"]
    assert answer["keys"][0] in spark_keys(sandbox)
    [house] = post(sandbox, "add", resource="OpenHouse", count=1)["keys"]
    assert get(sandbox, "record", resource="OpenHouse", key=house)["record"]["ListingKey"]
    post(sandbox, "change", resource="OpenHouse", keys=[house], what="time")
    post(sandbox, "remove", resource="OpenHouse", keys=[house])
    get(sandbox, "record", 404, resource="OpenHouse", key=house)


def test_access_to_records_and_to_a_whole_mls_can_be_lost(sandbox: SandboxServer):
    lost = post(sandbox, "revoke", feed="forge/rmls", count=2)["keys"]
    before = get(sandbox, "truth", feed="forge/rmls")["count"]
    assert post(sandbox, "grant", feed="forge/rmls", count=5)["keys"] == lost
    assert get(sandbox, "truth", feed="forge/rmls")["count"] == before + 2

    def mlses() -> list[str]:
        headers = {"Authorization": f"Bearer {sandbox.forge_token}"}
        body = {"query": "{mlses{key}}"}
        answer = requests.post(sandbox.forge_url, json=body, headers=headers, timeout=10)
        return [mls["key"] for mls in answer.json()["data"]["mlses"]]

    post(sandbox, "revoke", feed="forge/rmls", all=True)
    assert mlses() == ["armls"]
    post(sandbox, "grant", feed="forge/rmls", all=True)
    assert mlses() == ["armls", "rmls"]
    post(sandbox, "revoke", feed="forge/rmls", all=True, tombstones=True)
    assert mlses() == ["armls", "rmls"]
    assert get(sandbox, "truth", feed="forge/rmls")["count"] == 0
    post(sandbox, "grant", feed="forge/rmls", all=True)
    assert get(sandbox, "truth", feed="forge/rmls")["count"] == before + 2


def test_a_token_is_revoked_and_given_back(sandbox: SandboxServer):
    post(sandbox, "revoke", surface="spark", token=True)
    refused = spark(sandbox, "Property")
    assert refused.status_code == 401
    post(sandbox, "grant", surface="spark", token=True)
    assert spark(sandbox, "Property").status_code == 200
    assert spark(sandbox, "Property", token="new").status_code == 401
    post(sandbox, "grant", surface="spark", token="new", role="live")
    assert spark(sandbox, "Property", token="new").status_code == 200
    assert spark(sandbox, "Property", token="new", **{"$top": "26"}).status_code == 400


def test_the_clock_moves_the_date_header_and_the_timestamps(sandbox: SandboxServer):
    try:
        moved = post(sandbox, "clock", set="2027-01-04T09:00:00Z", freeze=True)
        assert moved["frozen"]
        answer = spark(sandbox, "Property", **{"$top": "1"})
        date = parsedate_to_datetime(answer.headers["Date"])
        assert date == datetime(2027, 1, 4, 9, tzinfo=UTC)
        [key] = post(sandbox, "change", count=1)["keys"]
        record = get(sandbox, "record", key=key)["record"]
        assert record["ModificationTimestamp"] == "2027-01-04T09:00:00Z"
        assert post(sandbox, "clock", advance_minutes=-60)["now"].startswith("2027-01-04T08:00:00")
        filtered = "ModificationTimestamp gt 2027-01-04T08:40:00Z"
        found = spark(sandbox, "Property", **{"$filter": filtered, "$select": "ListingKey"}).json()
        assert [record["ListingKey"] for record in found["value"]] == [key]
    finally:
        post(sandbox, "clock", run=True, reset=True)
    now = parsedate_to_datetime(spark(sandbox, "Lookup").headers["Date"])
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_delay_is_switched_on_and_off(sandbox: SandboxServer):
    assert post(sandbox, "settings", delay_minutes=20)["delay_minutes"] == 20
    before = get(sandbox, "truth")["count"]
    [key] = post(sandbox, "add", count=1)["keys"]
    assert get(sandbox, "market")["not_visible_yet"] == 1
    get(sandbox, "record", 404, key=key)
    post(sandbox, "settings", delay_minutes=0)
    assert get(sandbox, "truth")["count"] == before + 1


def test_faults_are_switched_on_listed_and_cleared(sandbox: SandboxServer):
    fault = post(sandbox, "faults", name="status_503_1510", resource="Property", after=1, times=2)
    assert get(sandbox, "faults")["faults"] == [fault]
    statuses = [spark(sandbox, "Property").status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert get(sandbox, "faults")["faults"] == []
    post(sandbox, "faults", name="html_200", times=0)
    keep = post(sandbox, "faults", name="livelock", surface="forge")
    url = f"{sandbox.control_url}/faults"
    assert requests.delete(url, params={"name": "html_200"}, timeout=10).json() == {"cleared": 1}
    assert requests.delete(f"{url}/{keep['id']}", timeout=10).json() == {"cleared": 1}
    assert requests.delete(url, timeout=10).json() == {"cleared": 0}


def test_a_fault_can_wait_for_a_certain_request():
    faults = Faults()
    faults.add("status_502", resource="Property", match="ListingKey in", times=0)
    assert faults.take("spark", "Property", "answer", "$top=1000") is None
    assert faults.take("spark", "Member", "answer", "$filter=ListingKey in ('1')") is None
    assert faults.take("forge", "Property", "answer", "ListingKey in") is None
    assert faults.take("spark", "Property", "page", "$filter=ListingKey in ('1')") is None
    for _ in range(3):
        assert faults.take("spark", "Property", "answer", "$filter=ListingKey in ('1')")
    assert faults.active()[0].hits == 3
    with pytest.raises(UnknownFault, match="No fault 'livelock' on spark"):
        faults.add("livelock")


@pytest.mark.parametrize(
    ("verb", "body", "reason"),
    [
        ("change", {}, "keys"),
        ("change", {"count": -1}, "count"),
        ("change", {"keys": "2024"}, "list of strings"),
        ("change", {"count": 1, "what": "colour"}, "price"),
        ("change", {"count": 1, "set": 5}, "object"),
        ("change", {"count": 1, "feed": "forge/nowhere"}, "forge/armls"),
        ("change", {"count": 1, "resource": "Teams"}, "OpenHouse"),
        ("change", {"count": 1, "feed": "forge/armls", "resource": "Office"}, "Member"),
        ("relist", {"count": 1, "resource": "Member"}, "listings"),
        ("clock", {"set": "tomorrow"}, "2026"),
        ("clock", {"advance": "soon"}, "moved"),
        ("clock", {"stop": True}, "stop"),
        ("settings", {"delay": 3}, "delay"),
        ("settings", {"rate_limit": 0}, "whole number"),
        ("faults", {"name": "earthquake"}, "link_loop"),
        ("faults", {}, "name"),
        ("revoke", {"token": 5}, "token"),
        ("revoke", {"feed": "spark/default", "all": True}, "feed"),
        ("skip_events", {"feed": "forge/armls"}, "count"),
    ],
)
def test_what_a_request_gets_wrong_is_told(
    sandbox: SandboxServer, verb: str, body: dict[str, Any], reason: str
):
    assert reason in post(sandbox, verb, 400, **body)["error"]


def test_a_body_that_is_no_object_is_told(sandbox: SandboxServer):
    for text in ("[1]", "{", "\ufeff"):
        answer = requests.post(f"{sandbox.control_url}/change", data=text.encode(), timeout=10)
        assert answer.status_code == 400


def test_the_rate_limit_counts_five_sandbox_minutes_per_token():
    now = [datetime(2026, 6, 1, tzinfo=UTC)]
    access = Access(lambda: now[0])
    assert all(access.check("Bearer sandbox-spark-token").allowed for _ in range(SPARK_LIMIT + 1))
    access.limit = 3
    header = "OAuth sandbox-spark-token"
    assert [access.check(header).allowed for _ in range(4)] == [True, True, True, False]
    refused = access.check(header)
    assert (refused.status, refused.code, refused.retry_after) == (429, 1550, 300)
    assert access.check("Bearer sandbox-forge-token", "forge").allowed
    now[0] += timedelta(minutes=5)
    assert access.check(header).allowed


def test_answers_are_gzipped_only_when_that_is_accepted(sandbox: SandboxServer):
    headers = {"Authorization": f"Bearer {sandbox.spark_token}"}
    url = f"{sandbox.spark_url}/Property?$top=50"
    small = requests.get(url, headers=headers, timeout=10)
    plain = requests.get(url, headers={**headers, "Accept-Encoding": "identity"}, timeout=10)
    assert small.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert small.content == plain.content
    assert int(small.headers["Content-Length"]) * 3 < len(plain.content)


def test_a_live_sandbox_changes_by_itself():
    with SandboxServer(listings=60, seed=2, live=6000) as moving:
        start = get(moving, "market")["last_events"]
        for _ in range(500):
            if get(moving, "market")["last_events"] != start:
                return
    raise AssertionError("Nothing moved.")


def test_a_taken_port_is_an_os_error_and_a_stopped_server_frees_its_own():
    with SandboxServer(listings=5) as running:
        with pytest.raises(OSError, match="in use"):
            SandboxServer(port=running.port, listings=5)
        port = running.port
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_the_environment_points_a_client_here():
    with SandboxServer(listings=5) as running:
        assert running.environment() == {
            "SPARK_ACCESS_TOKEN": "sandbox-spark-token",
            "SPARK_BASE_URL": f"http://127.0.0.1:{running.port}/Reso/OData",
            "FORGE_API_TOKEN": "sandbox-forge-token",
            "FORGE_URL": f"http://127.0.0.1:{running.port}/graphql",
        }


def test_serving_prints_the_lines_to_export_and_ends_quietly_when_interrupted():
    command = "from mls_assets.sandbox.server import serve; serve(port=0, listings=5, live=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(5)]
        exported = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[1:])
        url = exported["SPARK_BASE_URL"].replace("/Reso/OData", "/control/market")
        for _ in range(200):
            with suppress(requests.ConnectionError):
                assert requests.get(url, timeout=10).ok
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert exported["FORGE_API_TOKEN"] == "sandbox-forge-token"
    assert (process.returncode, errors) == (0, "")
