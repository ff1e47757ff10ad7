"""Everything that goes wrong is said, with the feed and the resource that it is about."""


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
