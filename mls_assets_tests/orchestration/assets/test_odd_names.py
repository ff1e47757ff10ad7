"""MLSs with odd names, from the first run to the readers' tables: each is a feed like others."""

import duckdb
import pytest

from mls_assets_tests.orchestration.assets.world import world


@pytest.mark.parametrize(
    "mls",
    ["é" * 50, *(pytest.param(name, marks=pytest.mark.long) for name in ("../a b/🏠", 'x"' * 127))],
)
def test_an_mls_with_an_odd_name_is_replicated_and_reconciled(tmp_path, mls):
    feed = f"forge/{mls}"
    with world(tmp_path, listings=5, seed=6, forge_listings={mls: 5}) as here:
        for job in ("forge_replicate", "forge_replay"):
            done = here.run(job, feed)
            assert done.exit_code == 0, done.error
    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as con:
        rows = con.execute("select feed, mls, count(*) from listings group by all").fetchall()
    assert rows == [(feed, mls, 5)]


def test_a_name_that_dagster_takes_no_partition_for_is_refused_with_its_reason(tmp_path):
    with world(tmp_path, listings=5, seed=6) as here:
        done = here.run("forge_replicate", "forge/a...b")
    assert done.exit_code == 2
    assert "Dagster takes no partition of this name" in done.error
