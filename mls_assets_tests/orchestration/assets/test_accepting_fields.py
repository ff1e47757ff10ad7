"""A run that accepts fewer fields, as the verb starts it, and the runs after it."""

import duckdb

from mls_assets_tests.orchestration.assets.world import ARMLS, world


def test_later_runs_go_on_with_what_one_run_accepted(tmp_path):
    def areas():
        with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as con:
            return con.execute('select count("LivingArea") from listings').fetchall()[0][0]

    with world(tmp_path, listings=20, seed=6) as here:
        assert here.run("forge_replicate", ARMLS).success
        there = areas()
        assert there > 0
        here.fault("schema_cut", surface="forge", drop=["LivingArea"], times=0)
        refused = here.run("forge_replicate", ARMLS)
        assert (refused.exit_code, areas()) == (1, there)
        assert "lacks 1 field(s)" in refused.error
        assert "forge_agent_pages" in refused.results
        accepted = here.run("forge_replicate", ARMLS, accept_fields=True)
        assert (accepted.exit_code, areas()) == (0, 0)
        assert "1 fewer (LivingArea)" in accepted.results["forge_listing_pages"]["notes"]
        assert here.run("forge_replicate", ARMLS).exit_code == 0
