"""Wrong usage and configuration: one clear line, the right exit code, nothing done."""

import json
import socket

import pytest

VERBS = ("replicate", "purge", "publish", "compact", "status", "erase", "sandbox", "demo", "ui")


def one_line(result):
    """The single line on stderr; there is never a traceback."""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(script, verb):
    result = script(verb, "--help")
    assert result.returncode == 0
    assert f"mls-assets {verb}" in result.stdout.partition("Example")[2]
    assert "Exit codes:" in result.stdout


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2)])
def test_the_script_lists_its_verbs(script, arguments, code):
    result = script(*arguments)
    assert result.returncode == code
    assert all(f"\n  {verb} " in result.stdout for verb in VERBS)


@pytest.mark.parametrize("arguments", [["replicate", "--nope"], ["nope"], ["erase"]])
def test_wrong_usage_is_one_line_that_names_the_help(script, arguments):
    result = script(*arguments)
    assert result.returncode == 2
    assert "--help" in one_line(result)


@pytest.mark.parametrize("feeds", [[], ["spark/default"], ["forge/armls", "spark/default"]])
def test_fields_are_accepted_of_forge_feeds_that_are_named_only(script, feeds):
    result = script("replicate", *feeds, "--accept-fields")
    assert result.returncode == 2
    assert "--accept-fields is for Forge feeds that are named" in one_line(result)


@pytest.mark.parametrize("verb", ["replicate", "purge", "status"])
def test_without_configuration_the_variables_and_the_sandbox_are_named(script, verb):
    result = script(verb)
    assert result.returncode == 2
    line = one_line(result)
    for word in ("SPARK_ACCESS_TOKEN", "FORGE_URL", "mls-assets sandbox", "mls-assets demo"):
        assert word in line
    assert not script.folder.exists()


@pytest.mark.parametrize("verb", ["replicate", "purge", "status"])
def test_an_empty_feeds_file_is_named_and_not_the_variables_that_are_set(script, tmp_path, verb):
    empty = tmp_path / "feeds.toml"
    empty.write_text("# nothing yet\n[spark]\n")
    result = script(verb, MLS_ASSETS_FEEDS=str(empty), SPARK_ACCESS_TOKEN="secret")
    assert result.returncode == 2
    line = one_line(result)
    assert f"{empty}, which MLS_ASSETS_FEEDS names, has none" in line
    assert "Nothing was done; put [spark.NAME] or [forge] into that file" in line
    assert "Set SPARK_ACCESS_TOKEN" not in line


def test_a_token_never_travels_by_plain_http(script):
    result = script(
        "replicate", SPARK_ACCESS_TOKEN="secret", SPARK_BASE_URL="http://spark.example/Reso/OData"
    )
    assert result.returncode == 2
    assert "https" in one_line(result)
    assert "secret" not in result.stdout + result.stderr


def test_an_unknown_feed_is_named_with_the_known_ones(configured):
    result = configured("replicate", "spark/nope", "forge/zzz")
    assert result.returncode == 2
    spark, forge = result.stderr.splitlines()
    assert "'spark/nope'" in spark
    assert "spark/default" in spark
    assert "forge/armls, forge/rmls" in forge


def test_a_refused_token_is_a_matter_of_configuration(spark_only):
    result = spark_only("replicate", SPARK_ACCESS_TOKEN="wrong-token")
    assert result.returncode == 2
    assert "token" in one_line(result)
    assert "wrong-token" not in result.stdout + result.stderr


@pytest.mark.long
def test_a_silent_host_is_given_up_after_the_patience(script):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = script(
        "replicate",
        "--patience",
        "1",
        SPARK_ACCESS_TOKEN="t",
        SPARK_BASE_URL=f"http://127.0.0.1:{port}/Reso/OData",
    )
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in one_line(result) or "reach" in one_line(result)
    assert result.stdout.splitlines()[-1].startswith("Dagster's log: ")


def test_erase_wants_to_be_told_twice(configured):
    result = configured("erase", "spark/default")
    assert result.returncode == 2
    assert "--yes" in one_line(result)


def test_a_feed_without_its_token_is_named_by_the_status_with_the_variable(script, tmp_path):
    feeds = tmp_path / "feeds.toml"
    feeds.write_text('[spark.beaches]\ntoken_env = "BEACHES_TOKEN"\n')
    result = script("status", MLS_ASSETS_FEEDS=str(feeds))
    assert result.returncode == 2
    assert "spark/beaches" in result.stdout
    assert "spark/beaches: The variable BEACHES_TOKEN holds no token" in one_line(result)
    told = script("status", "--json", MLS_ASSETS_FEEDS=str(feeds))
    assert told.returncode == 2
    assert json.loads(told.stdout)["feeds"][0]["state"] == "new"


def test_an_unknown_approval_is_refused(configured):
    result = configured("purge", "--approve", "no-such-sweep")
    assert result.returncode == 2
    assert "no-such-sweep" in one_line(result)


def test_the_demo_refuses_a_folder_that_it_did_not_make(script):
    script.folder.mkdir()
    mine = script.folder / "warehouse.duckdb"
    mine.write_bytes(b"mine")
    result = script("demo")
    assert result.returncode == 2
    assert "was not made by the demo" in one_line(result)
    assert mine.read_bytes() == b"mine"
    assert [entry.name for entry in script.folder.iterdir()] == [mine.name]
