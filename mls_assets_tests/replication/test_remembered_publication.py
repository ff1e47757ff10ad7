"""What readers had is remembered for the day on which their file cannot be read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from mls_assets.model.resources import Resource
from mls_assets.replication.upkeep.publish import publish
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse.publication.publication import PublicationRefused
from mls_assets.warehouse.storage.belonging import WAREHOUSE_MARKER
from mls_assets_tests.warehouse.world import FEED

_COUNT = 60


def _filled(folder: Path) -> Workspace:
    """Return a place that has published some listings and an entry of the ledger."""
    workspace = Workspace.open(folder, run_id="first")
    with workspace.warehouse.write() as con:
        con.execute(
            'insert into listings (feed, "ListingKey") '
            f"select '{FEED}', 'k' || range from range({_COUNT})"
        )
        _enter(con, 1, "gone before")
    publish(workspace)
    return workspace


def _enter(con: duckdb.DuckDBPyConnection, number: int, key: str) -> None:
    con.execute(
        "insert into deletion_ledger (entry_id, feed, resource, record_key, event) "
        f"values (?, '{FEED}', '{Resource.PROPERTY}', ?, 'removed')",
        [number, key],
    )


def _execute(workspace: Workspace, statement: str) -> None:
    with workspace.warehouse.write() as con:
        con.execute(statement)


def _damage(file: Path) -> None:
    file.write_bytes(b"no database at all")


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _exchange(file: Path) -> None:
    file.unlink()
    duckdb.connect(str(file)).close()


_unreadable = pytest.mark.parametrize("spoil", [_damage, _empty, _exchange, Path.unlink])


@_unreadable
def test_an_emptied_warehouse_is_refused_where_the_published_file_shows_nothing(
    tmp_path: Path, spoil: Callable[[Path], None]
):
    workspace = _filled(tmp_path)
    _execute(workspace, "delete from listings")
    spoil(workspace.published)
    before = workspace.published.read_bytes() if workspace.published.exists() else None
    with pytest.raises(PublicationRefused, match=r"Property: 60 of 60.*accept-loss"):
        publish(workspace)
    assert (workspace.published.read_bytes() if workspace.published.exists() else None) == before
    done = publish(workspace, accept_loss=True)
    assert done
    assert done.rows["listings"] == 0
    # what a person has accepted is what readers had, from then on
    workspace.published.unlink()
    assert publish(workspace)


@_unreadable
def test_a_whole_warehouse_is_published_where_the_published_file_shows_nothing(
    tmp_path: Path, spoil: Callable[[Path], None]
):
    workspace = _filled(tmp_path)
    spoil(workspace.published)
    done = publish(workspace)
    assert done
    assert done.rows["listings"] == _COUNT


def test_what_the_ledger_explains_since_may_be_gone_from_a_file_that_shows_nothing(tmp_path: Path):
    workspace = _filled(tmp_path)
    with workspace.warehouse.write() as con:
        con.execute("delete from listings")
        for number in range(_COUNT):
            _enter(con, number + 2, f"k{number}")
    _damage(workspace.published)
    assert publish(workspace)


@_unreadable
def test_an_older_copy_of_the_ledger_is_refused_where_the_published_file_shows_nothing(
    tmp_path: Path, spoil: Callable[[Path], None]
):
    workspace = _filled(tmp_path)
    backup = tmp_path / "backup"
    shutil.copy(Path(workspace.warehouse.address), backup)
    with workspace.warehouse.write() as con:
        _enter(con, 2, "another")
    publish(workspace)
    shutil.copy(backup, Path(workspace.warehouse.address))
    with workspace.warehouse.write() as con:
        # the number that the copy lacks is given out again
        _enter(con, 2, "yet another")
    spoil(workspace.published)
    with pytest.raises(PublicationRefused, match="deletion_ledger"):
        publish(Workspace.open(tmp_path, run_id="second"))


def test_a_file_that_a_notebook_holds_open_for_writing_hides_no_loss(tmp_path: Path):
    workspace = _filled(tmp_path)
    _execute(workspace, "delete from listings")
    with (
        duckdb.connect(str(workspace.published)),
        pytest.raises(PublicationRefused, match="60 of 60"),
    ):
        publish(workspace)


def test_a_file_that_shows_nothing_and_that_nobody_remembers_is_not_overwritten(tmp_path: Path):
    workspace = _filled(tmp_path)
    (tmp_path / WAREHOUSE_MARKER).unlink()
    _damage(workspace.published)
    before = workspace.published.read_bytes()
    with pytest.raises(PublicationRefused, match=r"cannot be read.*accept-loss"):
        publish(workspace)
    assert workspace.published.read_bytes() == before
    assert publish(workspace, accept_loss=True)


def test_what_is_remembered_outlives_a_move_of_the_folder(tmp_path: Path):
    _filled(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    moved = Workspace.open(tmp_path / "after", run_id="second")
    _execute(moved, "delete from listings")
    moved.published.unlink()
    with pytest.raises(PublicationRefused, match="60 of 60"):
        publish(moved)
