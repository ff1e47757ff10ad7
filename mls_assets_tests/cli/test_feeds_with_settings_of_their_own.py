"""What a feed's table sets holds for the verbs, and for no other feed."""

import json

import requests


def test_two_feeds_of_one_file_have_their_own_guard_and_deadline(script, sandbox, tmp_path):
    ours = (
        f'token_env = "SANDBOX_TOKEN"\nbase_url = "{sandbox.spark_url}"\n'
        'resources = ["Property"]\nrelations = []\nguard.canary_share = 1\n'
    )
    file = tmp_path / "feeds.toml"
    file.write_text(
        f"[spark.calm]\n{ours}guard.floor = 0\n"
        f"[spark.wild]\n{ours}guard.share = 0.5\nremoval_hours = 48\n"
    )
    script.env.update(MLS_ASSETS_FEEDS=str(file), SANDBOX_TOKEN=sandbox.spark_token)
    assert script("replicate", "--no-publish").returncode == 0
    removed = {"feed": "spark/default", "resource": "Property", "count": 24}
    requests.post(f"{sandbox.control_url}/remove", json=removed, timeout=30).raise_for_status()
    purged = script("purge", "--no-publish")
    assert purged.returncode == 3
    assert "spark/calm Property" in purged.stderr
    assert "24 of 80 keys are absent, more than the 8" in purged.stderr
    assert "spark/wild Property" not in purged.stderr
    told = {one["feed"]: one for one in json.loads(script("status", "--json").stdout)["feeds"]}
    assert {feed: one["rows"] for feed, one in told.items()} == {"spark/calm": 80, "spark/wild": 56}
    assert told["spark/calm"]["hours_left"] < 12.1
    assert 47 < told["spark/wild"]["hours_left"] < 48.1


def test_a_setting_out_of_bounds_is_one_line_and_exit_code_2(script, tmp_path):
    file = tmp_path / "feeds.toml"
    file.write_text("[spark.a]\n[spark.a.guard]\nshare = 50\n")
    told = script("status", MLS_ASSETS_FEEDS=str(file))
    assert told.returncode == 2
    assert "[spark.a.guard]: `share` is 50, but has to be a number of at least 0" in told.stderr
    assert len(told.stderr.strip().splitlines()) == 1
