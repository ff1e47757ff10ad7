"""Everything that goes wrong is said, with the feed and the resource that it is about."""

import pytest


def lines_of(result):
    lines = result.stderr.splitlines()
    assert all(line.startswith("error: ") for line in lines), result.stderr
    return lines


def test_what_could_not_be_swept_is_told_although_other_sweeps_came_through(spark_only, sandbox):
    sandbox.faults.add("status_404", "spark", resource="Member", times=0)
    assert spark_only("replicate", "--no-publish").returncode == 1
    sandbox.faults.add("count_off", "spark", resource="Office", times=0, by=40)
    done = spark_only("purge", "--no-publish")
    assert done.returncode == 2
    assert "reconciled" in done.stdout
    early, void = sorted(lines_of(done))
    assert "spark/default Member was not downloaded completely yet" in early
    assert "mls-assets replicate spark/default" in early
    assert "spark/default Office: void" in void
    sandbox.faults.clear(name="count_off")
    early_alone = spark_only("purge", "--no-publish")
    assert early_alone.returncode == 2
    assert lines_of(early_alone) == [early]


def test_a_feed_that_is_stored_and_not_configured_is_told_with_both_ways_out(spark_only, tmp_path):
    assert spark_only("replicate").returncode == 0
    feeds = tmp_path / "feeds.toml"
    url = spark_only.env["SPARK_BASE_URL"]
    feeds.write_text(f'[spark.other]\ntoken_env = "SPARK_ACCESS_TOKEN"\nbase_url = "{url}"\n')
    ways = ({"MLS_ASSETS_FEEDS": str(feeds)}, {"SPARK_ACCESS_TOKEN": ""})
    for env, verb in ((ways[0], "replicate"), (ways[0], "purge"), (ways[1], "replicate")):
        done = spark_only(verb, "spark/default", **env)
        assert done.returncode == 2
        (line,) = lines_of(done)
        assert "stored, but not configured any more" in line
        assert "`mls-assets erase spark/default --yes`" in line
        assert "back into" in line or "set SPARK_ACCESS_TOKEN again" in line
        assert "last success was: 20" in line
    assert spark_only("publish", **ways[0]).returncode == 0
    assert "That is so since 20" in spark_only("replicate", "spark/default", **ways[0]).stderr
    never = spark_only("replicate", "spark/never", **ways[0])
    assert never.returncode == 2
    assert "stored" not in never.stderr


@pytest.mark.long
def test_what_several_feeds_meet_alike_names_them_all(configured, sandbox):
    sandbox.faults.add("status_500_html", "forge", times=0)
    names = ("forge/armls", "forge/rmls")
    env = {"FORGE_API_TOKEN": "wrong-token-1"}
    for faults in (env, {}):
        done = configured("replicate", *names, "--patience", "0.5", **faults)
        assert done.returncode in (1, 2)
        assert len(lines_of(done)) <= 2
        for name in names:
            assert name in done.stderr
