"""What a run leaves behind, and what it says, when a source or a person gets in its way."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest
from dagster import DagsterRunStatus

from mls_assets.orchestration import jobs
from mls_assets.orchestration.jobs import RunOutcome
from mls_assets.orchestration.sensors.memory import failure_of_run
from mls_assets.replication import workspace
from mls_assets.replication.workspace import Progress
from mls_assets.warehouse.storage.locks import FeedLock
from mls_assets_tests.orchestration.assets.world import SPARK, World, world


@dataclass(frozen=True)
class Troubles:
    world: World
    outcomes: Mapping[str, RunOutcome]

    def __getitem__(self, name: str) -> RunOutcome:
        return self.outcomes[name]


def _press_ctrl_c(_: Progress) -> None:
    raise KeyboardInterrupt


def _purged_keyless(here: World, **settings: Any) -> RunOutcome:
    """Purge while the walk's first page, and no confirmation, has a record without a key."""
    here.fault("missing_key", resource="Property", match="$select=ListingKey", times=1)
    return here.run("spark_purge", SPARK, **settings)


def _void_sweep(here: World) -> str:
    with duckdb.connect(str(here.folder / "warehouse.duckdb"), read_only=True) as con:
        found = con.sql(
            "select sweep_id from sweeps where resource = 'Property' and verdict = 'void' "
            "order by started_at desc limit 1"
        ).fetchall()
    return str(found[0][0])


@pytest.fixture(scope="module")
def troubles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Troubles]:
    with world(tmp_path_factory.mktemp("troubles"), listings=20, seed=6) as here:
        here.fault("status_404", resource="Member", times=0)
        outcomes = {"one resource": here.run("spark_replicate", SPARK)}
        here.sandbox.faults.clear()
        outcomes["one is missing"] = here.run("spark_purge", SPARK)
        outcomes["resumed"] = here.run("spark_replicate", SPARK)
        here.fault("count_off", resource="Property", times=0, by=9)
        outcomes["void"] = here.run("spark_purge", SPARK)
        here.sandbox.faults.clear()
        outcomes["unknown approval"] = here.run("spark_purge", SPARK, approve="no-such-sweep")
        outcomes["keyless"] = _purged_keyless(here)
        passed = {"approve": _void_sweep(here), "approved_by": "a tester"}
        outcomes["approved in a dry run"] = _purged_keyless(here, dry_run=True, **passed)
        outcomes["approved"] = _purged_keyless(here, **passed)
        outcomes["approved again"] = _purged_keyless(here, **passed)
        here.sandbox.faults.clear()
        with FeedLock(here.folder / "locks", SPARK, "somebody"), pytest.MonkeyPatch.context() as p:
            p.setattr(workspace, "FEED_PATIENCE", 0.1)
            outcomes["busy"] = here.run("spark_replicate", SPARK)
        with pytest.raises(KeyboardInterrupt):
            jobs.run_job(here.defs, "spark_replicate", feed=SPARK, on_progress=_press_ctrl_c)
        here.fault("status_401", times=0)
        outcomes["token"] = here.run("spark_replicate", SPARK)
        here.sandbox.stop()
        outcomes["unreachable"] = here.run("spark_replicate", SPARK, patience=0.2)
        yield Troubles(here, outcomes)


def test_the_exit_codes_tell_the_kinds_apart(troubles: Troubles):
    assert {name: outcome.exit_code for name, outcome in troubles.outcomes.items()} == {
        "one resource": 1,
        "one is missing": 2,
        "resumed": 0,
        "void": 1,
        "unknown approval": 2,
        "keyless": 1,
        "approved in a dry run": 0,
        "approved": 0,
        "approved again": 2,
        "busy": 1,
        "token": 2,
        "unreachable": 1,
    }


def test_a_failure_is_one_line_without_the_token(troubles: Troubles):
    for outcome in troubles.outcomes.values():
        assert "\n" not in outcome.error
        assert troubles.world.sandbox.spark_token not in outcome.error
        assert bool(outcome.error) == bool(outcome.exit_code)


def test_what_landed_is_normalised_before_the_run_fails(troubles: Troubles):
    results = troubles["one resource"].results
    assert results["spark_listing_pages"]["complete"]
    assert results["listings"]["dagster/row_count"] == 20
    assert "spark_member_pages" not in results
    assert "members" not in results


def test_one_broken_resource_does_not_hold_back_the_others(troubles: Troubles):
    results = troubles["one resource"].results
    assert results["spark_office_pages"]["complete"]
    assert results["spark_open_house_pages"]["complete"]


def test_a_failed_run_tells_whether_other_resources_came_through(troubles: Troubles):
    with troubles.world.instance() as instance:
        told = {
            name: failure_of_run(instance, troubles[name].run_id)
            for name in ("one resource", "unreachable", "token")
        }
    assert {name: (entry.exit_code, entry.partly) for name, entry in told.items()} == {
        "one resource": (1, True),
        "unreachable": (1, False),
        "token": (2, False),
    }


def test_the_next_run_goes_on_from_there(troubles: Troubles):
    results = troubles["resumed"].results
    assert results["spark_member_pages"]["kind"] == "download"
    assert results["spark_listing_pages"]["kind"] == "update"
    assert results["members"]["dagster/row_count"] > 0


def test_a_void_sweep_fails_its_run_and_turns_both_checks_red(troubles: Troubles):
    outcome = troubles["void"]
    assert not outcome.success
    assert not outcome.checks["spark_keys:sweep_proven"]
    assert not outcome.checks["sweeps:purge_reconciles_keys"]
    assert "void" in outcome.error


def test_a_void_sweep_does_not_hold_back_the_proven_ones(troubles: Troubles):
    verdicts = {
        entry["resource"]: entry["verdict"]
        for entry in troubles["void"].results["sweeps"]["sweeps"]
    }
    assert verdicts == {
        "Property": "void",
        "Member": "reconciled",
        "Office": "reconciled",
        "OpenHouse": "reconciled",
    }


def test_what_was_never_downloaded_does_not_hold_back_the_sweep_of_the_others(troubles: Troubles):
    outcome = troubles["one is missing"]
    verdicts = {
        entry["resource"]: entry["verdict"] for entry in outcome.results["sweeps"]["sweeps"]
    }
    assert verdicts == dict.fromkeys(("Property", "Office", "OpenHouse"), "reconciled")
    assert outcome.success, "its next sweep is due when it would be"
    assert not outcome.checks["spark_keys:sweep_proven"]
    assert "Member was not downloaded" in outcome.error


def test_an_approval_that_does_not_hold_is_found_before_anything_is_asked(troubles: Troubles):
    assert "no-such-sweep" in troubles["unknown approval"].error
    assert "spark_keys" not in troubles["unknown approval"].results


def test_an_approval_of_keyless_records_counts_once_and_not_for_a_dry_run(troubles: Troubles):
    assert troubles["approved"].exit_code == 0, troubles["approved"].error
    assert troubles["approved"].checks["sweeps:purge_reconciles_keys"]
    assert "it counts once" in troubles["approved again"].error


def test_a_busy_feed_is_named_with_its_holder(troubles: Troubles):
    assert "somebody" in troubles["busy"].error


def test_a_host_that_fails_one_resource_is_not_tried_for_the_next(troubles: Troubles):
    assert troubles["unreachable"].error.count("Property") == 1
    assert "Member" not in troubles["unreachable"].error


def test_after_ctrl_c_the_run_counts_as_failed(troubles: Troubles):
    told = {outcome.run_id for outcome in troubles.outcomes.values()}
    with troubles.world.instance() as instance:
        (interrupted,) = [run for run in instance.get_runs() if run.run_id not in told]
    assert interrupted.status is DagsterRunStatus.FAILURE


def test_nothing_was_removed_by_any_of_this(troubles: Troubles):
    with duckdb.connect(str(troubles.world.folder / "warehouse.duckdb"), read_only=True) as con:
        assert con.sql("select count(*) from listings").fetchall() == [(20,)]
        assert con.sql("select count(*) from deletion_ledger").fetchall() == [(0,)]
