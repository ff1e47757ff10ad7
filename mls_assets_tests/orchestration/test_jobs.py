"""How the command line's only door to Dagster behaves, around the runs themselves."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType, DagsterRun, DagsterRunStatus

from mls_assets.definitions import build_defs
from mls_assets.errors import (
    AnswerBroken,
    ConfigurationError,
    SourceUnreachable,
    SweepBlocked,
    SweepVoid,
)
from mls_assets.orchestration import jobs
from mls_assets.orchestration.dagster_home import (
    MODE_TAG,
    PARTITION_TAG,
    VERB_TAG,
    end_dead_runs,
    living_run,
    run_in_flight,
)
from mls_assets.orchestration.resources import MlsWarehouse
from mls_assets.orchestration.run_retention import drop_old_runs
from mls_assets.orchestration.running import (
    Narrator,
    StepError,
    failing,
    failure,
    first_exit_code,
    listening,
    progress_line,
)
from mls_assets.replication.workspace import Progress
from mls_assets.warehouse.storage.locks import KernelLock
from mls_assets_tests.orchestration.assets.world import clear_configuration


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def _progress(records: int, expected: int | None = 1000) -> Progress:
    return Progress("spark/default", "Property", "download", 1, records, expected)


def test_a_job_gets_only_the_settings_that_concern_it():
    assert jobs.run_config("compact", patience=5, approve="x") == {}
    assert jobs.run_config("spark_replicate", patience=5.0) == {
        "resources": {"spark": {"config": {"patience_seconds": 5.0}}}
    }
    assert jobs.run_config("compact", file_patience=9.0) == {
        "resources": {"warehouse": {"config": {"patience_seconds": 9.0}}}
    }
    assert jobs.run_config("spark_replicate", accept_fields=True) == {}
    assert jobs.run_config("forge_replicate", accept_fields=True)["ops"] == {
        "forge_pages": {"config": {"accept_fields": True}}
    }
    assert jobs.run_config("forge_replicate", page_budget=9)["resources"] == {
        "forge": {"config": {"page_budget": 9}}
    }
    released: dict[str, Any] = {"approve": "s", "approved_by": "ann"}
    assert jobs.run_config("spark_purge", dry_run=True, **released)["ops"] == {
        "spark_keys": {"config": released},
        "sweeps": {"config": {**released, "dry_run": True}},
    }
    assert jobs.run_config("forge_replay")["ops"]["forge_pages"]["config"]["replay"] is True


def test_an_unknown_feed_is_wrong_usage_and_makes_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    clear_configuration(monkeypatch)
    monkeypatch.setenv("MLS_ASSETS_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("SPARK_ACCESS_TOKEN", "a-token")
    outcome = jobs.run_job(build_defs(), "spark_replicate", feed="spark/nope")
    assert (outcome.success, outcome.exit_code, outcome.run_id) == (False, 2, "")
    assert "spark/default" in outcome.error


def test_with_several_results_the_first_of_2_1_3_counts():
    assert first_exit_code([]) == 0
    assert first_exit_code([0, 3]) == 3
    assert first_exit_code([3, 1]) == 1
    assert first_exit_code([1, 3, 2]) == 2


def test_a_failure_carries_code_and_kind_of_what_went_wrong():
    troubles = [
        StepError.of(SweepBlocked("Held back.")),
        StepError.of(ConfigurationError("Wrong.")),
    ]
    made = failure(troubles)
    assert made.description == "Held back. Wrong."
    assert made.metadata["exit_code"].value == 2
    assert made.metadata["kind"].value == "SweepBlocked, ConfigurationError"
    assert made.allow_retries is False


@pytest.mark.parametrize(
    ("error", "code", "again"),
    [
        (SourceUnreachable("x"), 1, True),
        (AnswerBroken("x"), 1, False),
        (ConfigurationError("x"), 2, False),
        (SweepVoid("x"), 1, False),
    ],
)
def test_typed_errors_reach_dagster_as_failures(error: Exception, code: int, again: bool):
    with pytest.raises(dg.Failure) as raised, failing():
        raise error
    assert raised.value.metadata["exit_code"].value == code
    assert raised.value.allow_retries is again


def test_a_foreign_exceptions_message_never_reaches_dagster():
    with pytest.raises(dg.Failure) as raised, failing():
        int("12 Ocean Drive")
    assert "Ocean" not in f"{raised.value.description} {raised.value.metadata}"
    assert "ValueError" in (raised.value.description or "")
    assert raised.value.__suppress_context__


def test_progress_reaches_the_listener_at_once_and_the_log_every_few_seconds():
    now, heard, said = [0.0], [], []
    narrator = Narrator(said.append, clock=lambda: now[0])
    with listening(heard.append):
        for second in range(12):
            now[0] = float(second)
            narrator(_progress(second * 100))
    narrator(_progress(1200))
    assert len(heard) == 12
    assert said == [
        "spark/default Property download: 1 pages, 500 of 1,000 records, 100/s, about 5 s left",
        "spark/default Property download: 1 pages, 1,000 of 1,000 records, 100/s",
    ]


def test_a_line_tells_what_is_known():
    assert progress_line(_progress(0), 9.0).endswith("0 of 1,000 records")
    assert progress_line(_progress(60, None), 60.0).endswith("60 records, 1/s")
    assert progress_line(_progress(10, 100_000), 1.0).endswith("about 2.8 h left")


def _run(instance: dg.DagsterInstance, run_id: str, **tags: str) -> None:
    instance.add_run(
        DagsterRun(
            job_name="spark_replicate",
            run_id=run_id,
            status=DagsterRunStatus.STARTED,
            tags={PARTITION_TAG: "spark/default", **tags},
        )
    )


def test_a_verbs_run_that_died_is_marked_as_failed_and_a_living_one_is_not(
    instance: dg.DagsterInstance,
):
    with living_run(instance, "alive") as tags:
        _run(instance, "alive", **tags)
        _run(instance, "dead", **tags)
        _run(instance, "the daemons")
        assert end_dead_runs(instance) == ["dead"]
        found = run_in_flight(instance, feed="spark/default")
        assert found is not None
    assert end_dead_runs(instance) == ["alive"]
    assert run_in_flight(instance, feed="forge/armls") is None


def test_any_run_whose_process_died_is_marked_whatever_it_died_of(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mls_assets.orchestration.dagster_home._SETTLING_SECONDS", 0.0)
    for run_id in ("dead", "alive", "ended"):
        _run(instance, run_id)
    left = KernelLock(Path(instance.root_directory) / "living_runs" / "dead.lock")
    assert left.acquire(wait=0.0)
    left.release()  # as the kernel does
    with living_run(instance, "ended"):
        pass
    with living_run(instance, "alive"):
        assert end_dead_runs(instance) == ["dead"]
        dead = instance.get_run_by_id("dead")
        assert dead is not None
        assert dead.status is DagsterRunStatus.FAILURE
        assert end_dead_runs(instance) == []


def test_a_run_lives_for_as_long_as_it_has_the_warehouse(
    instance: dg.DagsterInstance, tmp_path: Path
):
    def held(run_id: str) -> bool:
        lock = KernelLock(Path(instance.root_directory) / "living_runs" / f"{run_id}.lock")
        return lock.holder() is not None

    seen = []

    @dg.asset
    def looked(context: dg.AssetExecutionContext, warehouse: MlsWarehouse) -> None:
        seen.append(held(context.run.run_id))
        with living_run(context.instance, context.run.run_id):
            pass
        seen.append(held(context.run.run_id))

    warehouse = MlsWarehouse(database=str(tmp_path / "w.duckdb"), data_folder=str(tmp_path))
    done = dg.materialize([looked], instance=instance, resources={"warehouse": warehouse})
    assert done.success
    assert seen == [True, True]
    assert not held(done.run_id)


def test_another_hosts_run_is_not_judged_here(instance: dg.DagsterInstance):
    _run(instance, "elsewhere", **{VERB_TAG: "another-host"})
    assert end_dead_runs(instance) == []


def test_a_run_that_died_before_it_took_its_lock_does_not_block_its_feed_for_ever(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    _run(instance, "ours", **{MODE_TAG: "replicate"})
    _run(instance, "of another project")
    assert end_dead_runs(instance, launched_here=True) == [], "it may be about to take it"
    monkeypatch.setattr("mls_assets.orchestration.dagster_home._SILENT_SECONDS", 0.0)
    with living_run(instance, "ours"):
        assert end_dead_runs(instance, launched_here=True) == []
    assert end_dead_runs(instance) == [], "a verb may be on another machine"
    assert end_dead_runs(instance, launched_here=True) == ["ours"]


def test_a_run_that_lets_go_of_its_lock_before_it_counts_as_successful_is_not_marked(
    instance: dg.DagsterInstance, tmp_path: Path
):
    over = threading.Event()
    marked: list[str] = []

    def look() -> None:
        while not over.is_set():
            marked.extend(end_dead_runs(instance, launched_here=True))

    @dg.asset
    def landed(warehouse: MlsWarehouse) -> None: ...

    job = dg.define_asset_job("land", tags={MODE_TAG: "replicate"})
    warehouse = MlsWarehouse(database=str(tmp_path / "w.duckdb"), data_folder=str(tmp_path))
    defined = dg.Definitions([landed], jobs=[job], resources={"warehouse": warehouse})
    looking = threading.Thread(target=look)
    looking.start()
    try:
        done = defined.resolve_job_def("land").execute_in_process(instance=instance)
    finally:
        over.set()
        looking.join()
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.status is DagsterRunStatus.SUCCESS
    assert marked == []


def test_a_run_that_told_its_end_meanwhile_is_not_marked(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    with living_run(instance, "ending") as tags:
        _run(instance, "ending", **tags)

    def told(*_: object) -> None:
        run = instance.get_run_by_id("ending")
        assert run is not None
        if not run.is_finished:
            succeeded = dg.DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name)
            instance.report_dagster_event(succeeded, run.run_id)

    monkeypatch.setattr("mls_assets.orchestration.dagster_home.KernelLock.holder", told)
    assert end_dead_runs(instance) == []


def test_old_runs_are_dropped_but_for_the_newest_and_the_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mls_assets.orchestration.run_retention.AT_LEAST", 1)

    @dg.asset
    def landed(context: dg.AssetExecutionContext) -> None:
        if context.run.tags.get("fail"):
            raise dg.Failure("on purpose")

    @dg.asset_check(asset=landed)
    def there() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    defined = dg.Definitions([landed], asset_checks=[there], jobs=[dg.define_asset_job("land")])
    job = defined.resolve_job_def("land")
    made = [
        job.execute_in_process(instance=instance, tags=tags, raise_on_error=False).run_id
        for tags in ({}, {"fail": "yes"}, {}, {})
    ]
    assert drop_old_runs(instance) == 0
    assert drop_old_runs(instance, now=datetime.now(UTC) + timedelta(days=15)) == 2
    left = {run.run_id for run in instance.get_runs()}
    assert left == {made[1], made[3]}
    shards = {path.stem for path in Path(instance.root_directory).rglob("runs/*.db")}
    assert shards & set(made) == left
    results = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("landed"), "there"), limit=9
    )
    assert {result.run_id for result in results} == left
    assert drop_old_runs(instance, now=datetime.now(UTC) + timedelta(days=91)) == 0


def test_runs_are_dropped_when_they_are_too_many_however_young(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("mls_assets.orchestration.run_retention.AT_LEAST", 1)
    monkeypatch.setattr("mls_assets.orchestration.run_retention.AT_MOST", 3)
    for number in range(9):
        run = DagsterRun(job_name="publish", run_id=f"run{number}", status=DagsterRunStatus.SUCCESS)
        instance.add_run(run)
    assert drop_old_runs(instance) == 6
    assert {run.run_id for run in instance.get_runs()} == {"run6", "run7", "run8"}


_OPEN = """
import sys, time
from mls_assets.orchestration.dagster_home import persistent_instance
time.sleep(max(0.0, float(sys.argv[1]) - time.time()))
with persistent_instance() as instance:
    print(instance.get_runs_count())
"""


@pytest.mark.long
def test_verbs_that_are_the_first_in_a_folder_at_once_make_dagsters_storage_once(tmp_path: Path):
    at_once = str(time.time() + 10)
    environment = {
        **os.environ,
        "MLS_ASSETS_DATA": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    environment.pop("DAGSTER_HOME", None)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, at_once],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0].strip() for process in started] == ["0"] * 4
