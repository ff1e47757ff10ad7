"""The README's tables hold what is defined, and its snippets run."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import click
import duckdb
import pytest
from msgspec import structs

from mls_assets.cli.verbs import verbs
from mls_assets.configuration.feeds import REMOVAL_HOURS, ForgeAccess, load_feeds
from mls_assets.definitions import defs
from mls_assets.orchestration.sensors.ticking import RUN_PAGES
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.workspace import Workspace

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(first_header):
    """Return the cells of the table whose first header is this one, row by row."""
    lines = README[README.index(f"| {first_header} |") :].splitlines()
    rows = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


def graph():
    return defs.resolve_asset_graph()


def test_every_asset_stands_in_the_readme_with_its_group():
    defined = {
        key.to_user_string(): graph().get(key).group_name for key in graph().get_all_asset_keys()
    }
    assert {row[0]: row[1] for row in table("asset")} == defined


def test_every_other_table_and_view_of_readers_stands_in_the_readme(tmp_path):
    publish(Workspace.open(tmp_path, run_id="readme"))
    with duckdb.connect(str(tmp_path / "mls.duckdb"), read_only=True) as con:
        found = {
            name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()
        }
        views = "select view_name from duckdb_views() where not internal"
        found |= {name for (name,) in con.execute(views).fetchall()}
    assets = {row[0] for row in table("asset")}
    assert {row[0] for row in table("table or view")} == found - assets


def test_every_check_stands_in_the_readme_with_its_asset():
    defined = {(key.name, key.asset_key.to_user_string()) for key in graph().asset_check_keys}
    assert {(row[0], row[1]) for row in table("check")} == defined


def test_every_job_sensor_and_schedule_stands_in_the_readme():
    assert {row[0] for row in table("job")} == {job.name for job in defs.jobs or []}
    assert {row[0] for row in table("sensor")} == {sensor.name for sensor in defs.sensors or []}
    assert {row[0] for row in table("schedule")} == {
        schedule.name for schedule in defs.schedules or []
    }


def test_every_verb_stands_in_the_readme():
    assert isinstance(verbs, click.Group)
    assert {row[0] for row in table("verb")} == set(verbs.commands)


def test_the_picture_has_the_lineage_of_the_definitions():
    picture = README[README.index("```mermaid") : README.index("```\n\nPages land")]
    drawn = set()
    for line in picture.splitlines():
        stops = [
            [name.strip() for name in stop.split("&")] for stop in line.split("-->") if stop.strip()
        ]
        for sources, targets in pairwise(stops):
            drawn |= {(source, target) for source in sources for target in targets}
    defined = {
        (parent.to_user_string(), key.to_user_string())
        for key in graph().get_all_asset_keys()
        for parent in graph().get(key).parent_keys
    }
    assert drawn == defined


def test_every_variable_of_the_readme_is_read_by_the_code_and_no_other():
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "mls_assets").rglob("*.py")
        if "sandbox" not in path.parts
    )
    read = set(re.findall(r"\bMLS_ASSETS_[A-Z_]+|\b(?:SPARK|FORGE)_[A-Z]+_?[A-Z]*\b", code))
    named = {row[0] for row in table("variable")}
    assert named - {"DAGSTER_HOME"} <= read
    internal = {"FORGE_FEED", "FORGE_MLS"}
    assert {name for name in read if name.startswith("MLS_ASSETS_")} <= named | internal


def test_every_limit_of_a_feed_stands_in_the_readme_with_its_default():
    defaults = {
        **{each.name: each.default for each in fields(SparkSettings)},
        "removal_hours": REMOVAL_HOURS,
        **{f"guard.{each.name}": each.default for each in structs.fields(Thresholds)},
    }
    del defaults["patience_seconds"]
    told = {row[0]: row[3].partition(" (")[0].replace(",", "") for row in table("setting")}
    assert told == {name: f"{value}".lower().removesuffix(".0") for name, value in defaults.items()}
    of_forge = {each.name for each in structs.fields(ForgeAccess)}
    both = {row[0].partition(".")[0] for row in table("setting") if row[1] == "both"}
    assert both == {name.partition(".")[0] for name in defaults} & of_forge
    (budget,) = (row[3] for row in table("setting") if row[0] == "page_budget")
    assert f"(runs of sensors: {RUN_PAGES})" in budget


def test_the_feeds_file_of_the_readme_is_read(tmp_path):
    (snippet,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "feeds.toml").write_text(snippet)
    feeds = load_feeds({"MLS_ASSETS_FEEDS": str(tmp_path / "feeds.toml")})
    assert list(feeds.spark) == ["spark/beaches"]
    assert feeds.log_access("forge/armls").mlses == ("armls", "rmls")


@pytest.mark.parametrize("snippet", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_the_snippets_run_on_a_published_file(tmp_path, snippet):
    from mls_assets.replication.upkeep.publish import publish

    publish(Workspace.open(tmp_path / "data", run_id="readme"))
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=tmp_path,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(tmp_path / "data" / "mls.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from listings").fetchall() == [(0,)]


def test_every_make_target_of_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
