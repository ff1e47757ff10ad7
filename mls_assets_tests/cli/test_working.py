"""The verbs at work on a small sandbox: what they show, and the exit codes of a purge."""

import json
import signal
import subprocess

import duckdb
import pytest
import requests

STATUS_KEYS = {
    "feed", "resource", "state", "rows", "source_rows", "last_success_at", "reconciled_at",
    "newest_modification", "blocked", "removal_deadline", "hours_left",
}  # fmt: skip


def remove(sandbox, count):
    answer = requests.post(
        f"{sandbox.control_url}/remove",
        json={"feed": "spark/default", "resource": "Property", "count": count},
        timeout=30,
    )
    return answer.json()["keys"]


def published(script, sql):
    with duckdb.connect(str(script.folder / "mls.duckdb"), read_only=True) as con:
        return con.execute(sql).fetchall()


def status_of(script, feed, resource):
    result = script("status", "--json")
    assert result.returncode == 0, result.stderr
    entries = json.loads(result.stdout)["feeds"]
    (entry,) = [e for e in entries if (e["feed"], e["resource"]) == (feed, resource)]
    assert set(entry) == STATUS_KEYS
    return entry


def test_replicate_fills_every_feed_and_a_purge_of_too_much_is_blocked(configured, sandbox):
    result = configured("replicate")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert "spark/default Property download: 1 page, 80 of 80 records" in lines
    assert lines[-1].startswith(f"Dagster's log: {configured.folder}/logs/replicate-")
    assert published(configured, "SELECT count(*) FROM listings WHERE source = 'spark'") == [(80,)]
    table = configured("status")
    assert "forge/armls" in table.stdout
    assert table.returncode == 0

    remove(sandbox, 60)
    blocked = configured("purge", "--no-publish")
    assert blocked.returncode == 3
    assert blocked.stderr.startswith("error: ")
    assert all(line.startswith("error: ") for line in blocked.stderr.splitlines())
    entry = status_of(configured, "spark/default", "Property")
    assert entry["rows"] == 80
    assert entry["blocked"]["absent"] == 60
    assert entry["blocked"]["sweep_id"] in blocked.stderr
    assert entry["source_rows"] == 20


def test_values_that_did_not_fit_are_counted_where_the_run_ends(spark_only, sandbox):
    fault = {"name": "odd_value", "resource": "Property", "match": "$count", "times": 0}
    odd = {"field": "ModificationTimestamp", "text": '"2026-07-01T10:00:00.1234567Z"'}
    requests.post(f"{sandbox.control_url}/faults", json={**fault, **odd}, timeout=30)
    result = spark_only("replicate")
    assert result.returncode == 0, result.stderr
    assert "80 values did not fit as sent: see the table rejected_values" in result.stdout
    (line,) = [row for row in result.stdout.splitlines() if "Property" in row and "current" in row]
    assert line.split()[2:8] == ["download", "80", "0", "0", "0", "80"]
    assert published(
        spark_only, 'SELECT DISTINCT epoch_us("ModificationTimestamp") % 1000000 FROM listings'
    ) == [(123456,)]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_purge_removes_what_is_gone_and_an_approval_releases_a_blocked_one(spark_only, sandbox):
    assert spark_only("replicate", "--no-publish").returncode == 0
    assert not (spark_only.folder / "mls.duckdb").exists()
    gone = remove(sandbox, 2)

    dry = spark_only("purge", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "planned" in dry.stdout

    done = spark_only("purge")
    assert done.returncode == 0, done.stderr
    assert "reconciled" in done.stdout
    removed = published(
        spark_only,
        "SELECT record_key FROM deletion_ledger WHERE resource = 'Property' ORDER BY ALL",
    )
    assert [key for (key,) in removed] == sorted(gone)

    remove(sandbox, 60)
    assert spark_only("purge", "--dry-run").returncode == 3
    assert spark_only("purge").returncode == 3
    sweep = status_of(spark_only, "spark/default", "Property")["blocked"]["sweep_id"]

    approved = spark_only("purge", "--approve", sweep)
    assert approved.returncode == 0, approved.stderr
    assert spark_only("purge", "--approve", sweep).returncode == 2
    assert published(spark_only, "SELECT count(*) FROM listings") == [(18,)]


@pytest.mark.long
def test_erase_leaves_nothing_of_a_feed_but_its_ledger(spark_only):
    assert spark_only("replicate").returncode == 0
    refused = spark_only("erase", "spark/default", "--yes")
    assert refused.returncode == 2
    assert "unset SPARK_ACCESS_TOKEN" in refused.stderr
    del spark_only.env["SPARK_ACCESS_TOKEN"]
    told = spark_only("status")
    assert told.returncode == 0
    assert "`mls-assets erase spark/default --yes` ends it" in " ".join(told.stdout.split())
    result = spark_only("erase", "spark/default", "--yes")
    assert result.returncode == 0, result.stderr
    assert "Ledger digest" in result.stdout
    assert published(spark_only, "SELECT count(*) FROM listings") == [(0,)]
    reasons = published(spark_only, "SELECT DISTINCT reason FROM deletion_ledger")
    assert reasons == [("operator_erase",)]
    assert spark_only("erase", "spark/default", "--yes").returncode == 2


@pytest.mark.long
def test_another_origin_under_the_same_name_is_refused(spark_only, sandbox):
    assert spark_only("replicate", "--no-publish").returncode == 0
    other = f"{sandbox.base_url}/Version/3/Reso/OData"
    result = spark_only("replicate", "--no-publish", SPARK_BASE_URL=other)
    assert result.returncode == 2
    assert "erase spark/default" in result.stderr


@pytest.mark.long
def test_ctrl_c_ends_a_run_with_one_line(spark_only, sandbox):
    sandbox.faults.add("slow_drip", "spark", times=0, seconds=0.5)
    running = subprocess.Popen(
        spark_only.command("replicate"),
        env=spark_only.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not sandbox.faults.active()[0].hits:
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert err.splitlines() == [
        "stopped: Interrupted. What was stored stays, and the same command goes on from there."
    ]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_demo_passes_and_can_be_run_again(script):
    for _ in range(2):
        result = script("demo", "--listings", "400")
        assert result.returncode == 0, result.stdout + result.stderr
        assert "PASSED" in result.stdout
        assert "WRONG" not in result.stdout
    assert published(script, "SELECT count(*) > 0 FROM listings WHERE source = 'forge'") == [
        (True,)
    ]
