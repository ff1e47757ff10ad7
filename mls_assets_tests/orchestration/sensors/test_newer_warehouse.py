"""What a sensor starts on a warehouse of a newer program: a run that says so and writes nothing."""

from pathlib import Path

import duckdb

from mls_assets.replication.workspace import Workspace
from mls_assets_tests.orchestration.sensors.conftest import Memory


def test_a_run_that_a_sensor_asks_for_refuses_a_newer_warehouse(memory: Memory, tmp_path: Path):
    warehouse = tmp_path / "warehouse.duckdb"
    with Workspace.open(tmp_path, run_id="now").warehouse.read():
        pass
    with duckdb.connect(str(warehouse)) as con:
        con.execute(
            "insert into raw.schema_versions "
            "values ('m900_split', '2027-01-02 03:04:05+00', '9.2.0')"
        )
    before = warehouse.read_bytes()
    request = memory.tick("spark_update_sensor").run_requests[0]
    ended = memory.repository.get_job("spark_replicate").execute_in_process(
        run_config=request.run_config,
        partition_key=request.partition_key,
        instance=memory.instance,
        raise_on_error=False,
    )
    assert not ended.success
    told = [
        event.step_failure_data.error_display_string
        for event in ended.all_events
        if event.is_step_failure
    ]
    assert told
    assert all("install mls_assets 9.2.0 or newer" in text for text in told)
    assert warehouse.read_bytes() == before
    assert not (tmp_path / "mls.duckdb").exists()
