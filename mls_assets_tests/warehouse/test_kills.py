"""SIGKILL in the middle: what is found afterwards is what one clean run would have left."""

import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import cursors
from mls_assets.warehouse.publication import compaction, invariants, publication
from mls_assets.warehouse.storage.queries import scalar
from mls_assets_tests.warehouse.world import (
    FEED,
    bring,
    gone,
    keys_in,
    land,
    merge_all,
    orphans,
    page,
    photos,
    warehouse_at,
)

_KILLED = """
import os, signal, sys
from pathlib import Path
from mls_assets.warehouse.publication import compaction, publication
from mls_assets.warehouse.landing import cursors, landing
from mls_assets.warehouse.storage import files
from mls_assets.warehouse.storage.duckdb_file import storage
from mls_assets.warehouse.tables import merging
from mls_assets_tests.warehouse.world import *

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

warehouse = warehouse_at(Path({folder!r}))
target = Path({folder!r}) / "mls.duckdb"

def download():
    for number in range(10):
        with warehouse.write() as con:
            walk = cursors.open_walk(con, FEED, Resource.PROPERTY, "download")
            walk = walk or cursors.begin_walk(
                con, FEED, Resource.PROPERTY, "download", started_at=NOON
            )
            if walk.pages > number:
                continue
            if number == 4:
                cursors.advance_walk = die
            land(con, page(f"k{{number}}", photos(f"k{{number}}", f"m{{number}}")), walk)
            cursors.advance_walk(con, walk, f"next {{number}}")

{action}
raise SystemExit("it was not killed")
"""


def _killed(folder: Path, action: str) -> None:
    code = _KILLED.format(folder=str(folder), action=action)
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def test_a_download_killed_while_landing_goes_on_at_the_page_it_was_storing(tmp_path: Path):
    _killed(tmp_path, "download()")
    warehouse = warehouse_at(tmp_path, patience=1)
    with warehouse.read() as con:
        walk = cursors.open_walk(con, FEED, Resource.PROPERTY, "download")
        assert walk is not None
        assert (walk.pages, walk.next_link) == (4, "next 3")
        assert keys_in(con, "raw.records", "record_key") == ["k0", "k1", "k2", "k3"]
        assert keys_in(con, "raw.children", "listing_key") == ["k0", "k1", "k2", "k3"]
        assert cursors.keys_seen(con, walk) == 4
        assert invariants.duplicate_keys(con) == {}


def test_a_merge_killed_half_way_is_done_again_as_a_whole(warehouse: Warehouse, tmp_path: Path):
    with warehouse.write() as con:
        land(con, page("a", "b", photos("a", "1")))
    _killed(tmp_path, "merging._advance = die\nwith warehouse.write() as con:\n    merge_all(con)")
    with warehouse.write() as con:
        assert keys_in(con, "listings") == []
        assert keys_in(con, "media") == []
        merge_all(con)
        assert keys_in(con, "listings") == ["a", "b"]
        assert orphans(con) == {}


@pytest.mark.parametrize("moment", ["_select", "ReadersFile.put_in_place", "last settle"])
def test_a_publication_killed_anywhere_leaves_a_whole_file_and_no_litter(
    warehouse: Warehouse, tmp_path: Path, moment: str
):
    target = tmp_path / "mls.duckdb"
    bring(warehouse, page("a"))
    publication.write_published(warehouse, target, run_id="run-1")
    bring(warehouse, page("b"), page(gone("a")))
    if moment == "last settle":
        kill = (
            "first = iter([publication._settle])\n"
            "publication._settle = lambda *args: next(first, die)(*args)\n"
        )
    else:
        kill = f"publication.{moment} = die\n"
    _killed(tmp_path, kill + "publication.write_published(warehouse, target, run_id='run-2')")
    keys, seen_at = _published(target)
    in_place = moment == "last settle"
    assert keys == (["b"] if in_place else ["a"])
    with warehouse.read() as con:
        assert scalar(con, "select published_at from deletion_ledger") is None
    publication.write_published(warehouse, target, run_id="run-3")
    keys, stays = _published(target)
    assert keys == ["b"]
    assert stays is not None
    assert not in_place or stays == seen_at, "readers saw this time; it is set once"
    with warehouse.read() as con:
        assert scalar(con, "select published_at from deletion_ledger") == stays
    assert sorted(path.name for path in tmp_path.glob("mls*")) == ["mls.duckdb"]


def _published(target: Path) -> tuple[list[str], datetime | None]:
    with duckdb.connect(str(target), read_only=True) as con:
        return keys_in(con, "listings"), scalar(con, "select published_at from deletion_ledger")


@pytest.mark.parametrize("moment", ["files.rows", "storage.replace"])
def test_a_compaction_killed_anywhere_leaves_the_old_file_and_no_litter(
    warehouse: Warehouse, tmp_path: Path, moment: str
):
    bring(warehouse, page("a", "b"), page(gone("a")))
    _killed(tmp_path, f"{moment} = die\ncompaction.rewrite_file(warehouse, run_id='run-1')")
    assert (tmp_path / "warehouse.duckdb.new").exists()
    with warehouse.read() as con:
        assert keys_in(con, "listings") == ["b"]
        assert scalar(con, "select raw_scrubbed_at from deletion_ledger") is None
    assert not (tmp_path / "warehouse.duckdb.new").exists()
    assert compaction.rewrite_file(warehouse, run_id="run-2").scrubbed == 1
