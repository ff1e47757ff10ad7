"""The units, the example of variables and the backup script hold what their page says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import requests

from mls_assets.replication.workspace import Workspace
from mls_assets.sandbox.server import SandboxServer
from mls_assets.warehouse.storage.queries import scalar
from mls_assets_tests.cli.conftest import Script
from mls_assets_tests.production.place import ARMLS, CHECKOUT, SPARK, UNITS, commands_of
from mls_assets_tests.warehouse.world import land, page

DEPLOY = CHECKOUT / "deploy"
BACKUP = DEPLOY / "backup.sh"
PAGE = (DEPLOY / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("unit", sorted(UNITS.glob("*.service")), ids=lambda unit: unit.stem)
def test_a_unit_starts_what_an_installation_has(unit: Path):
    for program, *rest in commands_of(unit):
        assert Path(program).parent == Path("/opt/mls_assets/.venv/bin")
        assert Path(sys.executable).with_name(Path(program).name).exists()
        for word in rest:
            if word.startswith("deploy/"):
                assert (CHECKOUT / word).exists()
    assert unit.stem in PAGE


def test_every_variable_of_the_example_stands_in_the_readme():
    lines = (DEPLOY / "mls_assets.env").read_text(encoding="utf-8").splitlines()
    named = {line.partition("=")[0] for line in lines if line and not line.startswith("#")}
    named |= {"MLS_ASSETS_ALERT"}
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert {name for name in named if f"| `{name}` |" not in readme} == set()


def backed_up(data: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(BACKUP), str(data), str(target)], capture_output=True, text=True, timeout=60
    )


def keys(folder: Path) -> int:
    with Workspace.open(folder, run_id="look").warehouse.read() as con:
        return scalar(con, "select count(*) from raw.records")


@pytest.mark.skipif(not shutil.which("flock"), reason="util-linux's flock is not installed")
def test_a_backup_waits_for_the_writer_and_opens_as_a_warehouse(tmp_path: Path):
    data, target, restored = tmp_path / "data", tmp_path / "backups", tmp_path / "restored"
    workspace = Workspace.open(data, run_id="writer")
    with workspace.warehouse.write() as con:
        land(con, page("a", "b"))
    with workspace.warehouse.write() as con:
        land(con, page("c"))
        running = subprocess.Popen(["sh", str(BACKUP), str(data), str(target)])
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(1)
    assert running.wait(60) == 0
    assert keys(data) == 3, "the warehouse goes on"
    with workspace.warehouse.write() as con:
        land(con, page("d"))
    shutil.copytree(target / "warehouse", restored)
    assert keys(restored) == 3
    assert backed_up(data, target).returncode == 0
    assert [path.name for path in target.iterdir()] == ["warehouse"], "one copy, not a series"
    assert (target / "warehouse").stat().st_mode & 0o077 == 0, "nobody else looks into it"


@pytest.mark.skipif(not shutil.which("flock"), reason="util-linux's flock is not installed")
def test_a_folder_without_a_warehouse_is_no_backup(tmp_path: Path):
    (tmp_path / "data").mkdir()
    done = backed_up(tmp_path / "data", tmp_path / "backups")
    assert done.returncode == 2
    assert "no warehouse" in done.stderr
    assert list((tmp_path / "data").iterdir()) == [], "not even a lock, which root would own"


def steps_of_restoring() -> list[str]:
    """Return the commands of the page's restoration, without systemd's and the owner's."""
    block = PAGE.partition("To restore,")[2].split("```")[1]
    commands = re.findall(r"^# (.+?)(?: +#.*)?$", block, re.MULTILINE)
    return [line for line in commands if not line.startswith(("systemctl", "chown"))]


@pytest.mark.skipif(not shutil.which("flock"), reason="util-linux's flock is not installed")
@pytest.mark.long
def test_a_restored_copy_shows_nobody_what_was_removed_since(tmp_path: Path):
    data, target = tmp_path / "data", tmp_path / "backups"
    with SandboxServer(listings=30, seed=3, forge_listings={"armls": 12}) as sandbox:
        script = Script(data, env=sandbox.environment())
        assert script("replicate").returncode == 0
        assert script("purge").returncode == 0
        assert backed_up(data, target).returncode == 0
        gone = set()
        for feed in (SPARK, ARMLS):
            answer = requests.post(
                f"{sandbox.control_url}/remove",
                json={"feed": feed, "resource": "Property", "count": 2},
                timeout=30,
            )
            gone |= {(feed, key) for key in answer.json()["keys"]}
        assert len(gone) == 4
        published = data / "mls.duckdb"
        for step in steps_of_restoring():
            if step.startswith("mls "):
                assert not published.exists(), f"nobody may read it before `{step}`"
                assert script(*step.split()[1:]).returncode == 0, step
            else:
                here = step.replace("/var/lib/mls_assets", str(data))
                here = here.replace("/var/backups/mls_assets", str(target))
                subprocess.run(["sh", "-eu", "-c", here], check=True, timeout=60)
    with duckdb.connect(str(published), read_only=True) as mls:
        left = set(mls.sql('select feed, "ListingKey" from listings').fetchall())
        told = set(mls.sql("select feed, record_key from deletion_ledger").fetchall())
    assert len(left) == 38
    assert not gone & left
    assert gone <= told
