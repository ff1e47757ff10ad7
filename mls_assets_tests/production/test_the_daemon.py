"""A day of a machine with code server and daemon, in minutes: nobody touches it.

The tests follow one another on the same machine; each says what it waits for. Nothing fails for
being slow: bounds are counted in ticks, waiting ends generously.
"""

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator

import duckdb
import pytest
from dagster import DagsterRunStatus
from dagster._core.scheduler.instigation import TickStatus

from mls_assets.sandbox.control.verbs import target
from mls_assets.sandbox.server import SandboxServer
from mls_assets_tests.production.place import ARMLS, RMLS, SPARK, Production, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

#: Far beyond what anything here takes; a bound for a machine that stands still.
PATIENCE = 420
#: What a message is appended to.
_APPEND = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read() + '\\n')"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("machine")
    alert = shlex.join([sys.executable, "-c", _APPEND, str(folder / "alerts")])
    with SandboxServer(listings=150, seed=11, forge_listings={"armls": 60, "rmls": 20}) as sandbox:
        production = Production(folder, sandbox, MLS_ASSETS_ALERT=alert)
        production.start("code", "daemon")
        try:
            yield production
        finally:
            production.stop()


def alerts(machine: Production) -> list[dict[str, str]]:
    path = machine.folder / "alerts"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def current(machine: Production) -> set[str]:
    if not (machine.data / "warehouse.duckdb").exists():
        return set()
    found = machine.rows("select feed from feeds where initial_download_complete")
    return {
        feed for (feed,) in found if machine.rows("select 1 from listings where feed = ?", feed)
    }


def test_both_sources_are_downloaded_at_once(machine: Production):
    until(PATIENCE, "all feeds are current", lambda: current(machine) == {SPARK, ARMLS, RMLS})
    spans = {}
    for job, feed in (("spark_replicate", SPARK), ("forge_replicate", ARMLS)):
        (run,) = until(
            PATIENCE,
            f"{job} has ended",
            lambda job=job, feed=feed: machine.runs(job, feed, DagsterRunStatus.SUCCESS)[-1:],
        )
        spans[job] = (run.start_time, run.end_time)
    (spark_begins, spark_ends), (forge_begins, forge_ends) = spans.values()
    assert spark_begins < forge_ends
    assert forge_begins < spark_ends


def test_a_change_reaches_the_listings_within_two_ticks(machine: Production):
    changed = {}
    for feed, sensor in ((SPARK, "spark_update_sensor"), (ARMLS, "forge_event_sensor")):
        until(PATIENCE, "no run works on it", lambda feed=feed: machine.at_rest(feed))
        (key,) = machine.control("change", feed=feed, resource="Property", count=1, what="price")[
            "keys"
        ]
        ((before,),) = machine.rows(
            'select "ListPrice" from listings where feed = ? and "ListingKey" = ?', feed, key
        )
        changed[feed] = (sensor, key, before, time.time())
    for feed, (sensor, key, before, since) in changed.items():
        until(
            PATIENCE,
            f"the new price of {feed} is here",
            lambda feed=feed, key=key, before=before: machine.rows(
                'select 1 from listings where feed = ? and "ListingKey" = ? '
                'and "ListPrice" is distinct from ?',
                feed,
                key,
                before,
            ),
        )
        asked = [tick for tick in machine.ticks(sensor, since) if tick.run_ids]
        first = machine.ticks(sensor, since).index(asked[0])
        assert first < 2, f"{sensor} asked for a run in its tick {first + 1}"


def test_a_tombstone_and_a_status_reach_the_ledger(machine: Production):
    (dead,) = machine.control("remove", feed=ARMLS, resource="Property", count=1)["keys"]
    (deleted,) = machine.control(
        "change", feed=SPARK, resource="Property", count=1, what="status", to="Delete"
    )["keys"]
    for feed, key, reason in ((ARMLS, dead, "tombstone"), (SPARK, deleted, "status_delete")):
        until(
            PATIENCE,
            f"the {reason} is in the ledger",
            lambda key=key, reason=reason: machine.rows(
                "select 1 from deletion_ledger where record_key = ? and reason = ?", key, reason
            ),
        )
        assert not machine.rows(
            'select 1 from listings where feed = ? and "ListingKey" = ?', feed, key
        )
    # of a third one the source says nothing; the next sweep is due in some minutes
    machine.dropped = machine.control("remove", feed=SPARK, resource="Property", count=1)["keys"]


@pytest.mark.parametrize("victim", ["the run", "its code server"])
def test_a_run_whose_process_is_killed_is_marked_and_picked_up(machine: Production, victim: str):
    # a kilobyte a second, so that there is time to kill
    machine.sandbox.faults.add_from(
        {"name": "slow_drip", "surface": "spark", "times": 0, "bytes": 1000, "seconds": 1}
    )
    machine.control("change", feed=SPARK, resource="Property", count=2, what="price")
    pid, killed = until(PATIENCE, "a run works on the feed", lambda: at_work(machine))
    if victim == "the run":
        os.kill(pid, signal.SIGKILL)
    else:  # and the runs with it
        machine.kill("code")
        machine.start("code")
    machine.killed.add(killed)
    until(PATIENCE, "the lock is free", lambda: not machine.holder(SPARK))
    machine.sandbox.faults.clear()
    until(
        PATIENCE,
        "it counts as failed",
        lambda: status_of(machine, killed) is DagsterRunStatus.FAILURE,
    )
    job = machine.run(killed).job_name

    def another_succeeded() -> bool:
        newest = machine.runs(job, SPARK)[0].dagster_run
        return newest.run_id != killed and newest.status is DagsterRunStatus.SUCCESS

    until(PATIENCE, "the next one succeeded", another_succeeded)
    name = f"job {job} {SPARK}"
    until(
        PATIENCE,
        "both were told",
        lambda: (
            [told["state"] for told in alerts(machine) if told["name"] == name][-2:]
            == ["failing", "recovered"]
        ),
    )


def at_work(machine: Production) -> tuple[int, str] | None:
    holder = machine.holder(SPARK)
    if holder is None or holder.pid is None:
        return None
    started = status_of(machine, holder.run_id) is DagsterRunStatus.STARTED
    return (holder.pid, holder.run_id) if started else None


def status_of(machine: Production, run_id: str) -> DagsterRunStatus:
    return machine.run(run_id).status


def test_a_source_that_is_down_makes_skips_and_no_runs(machine: Production):
    for feed in (SPARK, ARMLS, RMLS):
        until(PATIENCE, f"no run works on {feed}", lambda feed=feed: machine.at_rest(feed))
    since = time.time()
    for surface, fault in (("spark", "drop_connection"), ("forge", "status_502")):
        machine.sandbox.faults.add_from({"name": fault, "surface": surface, "times": 0})

    def asked_in_vain(sensor: str) -> list[str]:
        reasons = [tick.tick_data.skip_reason or "" for tick in machine.ticks(sensor, since)]
        return [reason for reason in reasons if "127.0.0.1" in reason or "502" in reason]

    for sensor in ("spark_update_sensor", "forge_event_sensor"):
        until(PATIENCE, f"{sensor} met it", lambda sensor=sensor: asked_in_vain(sensor))
    ticks = [
        tick
        for sensor in ("spark_update_sensor", "forge_event_sensor")
        for tick in machine.ticks(sensor, since)
    ]
    machine.sandbox.faults.clear()
    assert {tick.status for tick in ticks} == {TickStatus.SKIPPED}
    began = [
        run
        for job in ("spark_replicate", "forge_replicate")
        for run in machine.runs(job)
        if run.create_timestamp.timestamp() > since
    ]
    assert began == []


def test_a_listing_that_the_source_just_drops_is_purged_by_the_next_sweep(machine: Production):
    (key,) = machine.dropped
    until(
        2 * PATIENCE,
        "a sweep has removed it",
        lambda: machine.rows(
            "select 1 from deletion_ledger where record_key = ? and reason = 'absent_from_sweep'",
            key,
        ),
    )
    source = set(target(machine.sandbox.market, SPARK, "Property").keys())
    here = {
        key for (key,) in machine.rows('select "ListingKey" from listings where feed = ?', SPARK)
    }
    status_deleted = {key for (key,) in machine.rows("select record_key from raw.status_deletes")}
    assert here == source - status_deleted


def test_readers_get_a_file_without_what_was_removed(machine: Production):
    published = "select feed, record_key from deletion_ledger where published_at is not null"
    gone = until(PATIENCE, "removals are published", lambda: machine.rows(published))
    with duckdb.connect(str(machine.data / "mls.duckdb"), read_only=True) as mls:
        left = mls.sql('select feed, "ListingKey" from listings').fetchall()
        told = mls.sql("select feed, record_key from deletion_ledger").fetchall()
    assert len(gone) >= 2
    assert set(gone) <= set(told)
    assert not set(gone) & set(left)


def test_nothing_failed_but_what_was_killed(machine: Production):
    failed = {
        run.dagster_run.run_id
        for job in ("spark_replicate", "forge_replicate", "spark_purge", "publish")
        for run in machine.runs(job, None, DagsterRunStatus.FAILURE)
    }
    assert failed == machine.killed
    logs = "".join(path.read_text(errors="replace") for path in machine.folder.glob("*.log"))
    assert machine.sandbox.spark_token not in logs
    assert machine.sandbox.forge_token not in logs
