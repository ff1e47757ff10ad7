"""What readers had is remembered for the day on which their file cannot be read."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from mls_assets.passes.publish import publish
from mls_assets.passes.site import Site
from mls_assets.values import Resource
from mls_assets.warehouse.belonging import MARKER
from mls_assets.warehouse.publication import PublicationRefused
from mls_assets_tests.warehouse.world import FEED

_COUNT = 60


def _filled(folder: Path) -> Site:
    """Return a place that has published some listings and an entry of the ledger."""
    site = Site.open(folder, run_id="first")
    with site.warehouse.write() as con:
        con.execute(
            'insert into listings (feed, "ListingKey") '
            f"select '{FEED}', 'k' || range from range({_COUNT})"
        )
        _enter(con, 1, "gone before")
    publish(site)
    return site


def _enter(con: duckdb.DuckDBPyConnection, number: int, key: str) -> None:
    con.execute(
        "insert into deletion_ledger (entry_id, feed, resource, record_key, event) "
        f"values (?, '{FEED}', '{Resource.PROPERTY}', ?, 'removed')",
        [number, key],
    )


def _execute(site: Site, statement: str) -> None:
    with site.warehouse.write() as con:
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
    site = _filled(tmp_path)
    _execute(site, "delete from listings")
    spoil(site.published)
    before = site.published.read_bytes() if site.published.exists() else None
    with pytest.raises(PublicationRefused, match=r"Property: 60 of 60.*accept-loss"):
        publish(site)
    assert (site.published.read_bytes() if site.published.exists() else None) == before
    done = publish(site, accept_loss=True)
    assert done
    assert done.rows["listings"] == 0
    # what a person has accepted is what readers had, from then on
    site.published.unlink()
    assert publish(site)


@_unreadable
def test_a_whole_warehouse_is_published_where_the_published_file_shows_nothing(
    tmp_path: Path, spoil: Callable[[Path], None]
):
    site = _filled(tmp_path)
    spoil(site.published)
    done = publish(site)
    assert done
    assert done.rows["listings"] == _COUNT


def test_what_the_ledger_explains_since_may_be_gone_from_a_file_that_shows_nothing(tmp_path: Path):
    site = _filled(tmp_path)
    with site.warehouse.write() as con:
        con.execute("delete from listings")
        for number in range(_COUNT):
            _enter(con, number + 2, f"k{number}")
    _damage(site.published)
    assert publish(site)


@_unreadable
def test_an_older_copy_of_the_ledger_is_refused_where_the_published_file_shows_nothing(
    tmp_path: Path, spoil: Callable[[Path], None]
):
    site = _filled(tmp_path)
    backup = tmp_path / "backup"
    shutil.copy(site.warehouse.path, backup)
    with site.warehouse.write() as con:
        _enter(con, 2, "another")
    publish(site)
    shutil.copy(backup, site.warehouse.path)
    with site.warehouse.write() as con:
        # the number that the copy lacks is given out again
        _enter(con, 2, "yet another")
    spoil(site.published)
    with pytest.raises(PublicationRefused, match="deletion_ledger"):
        publish(Site.open(tmp_path, run_id="second"))


def test_a_file_that_a_notebook_holds_open_for_writing_hides_no_loss(tmp_path: Path):
    site = _filled(tmp_path)
    _execute(site, "delete from listings")
    with duckdb.connect(str(site.published)), pytest.raises(PublicationRefused, match="60 of 60"):
        publish(site)


def test_a_file_that_shows_nothing_and_that_nobody_remembers_is_not_overwritten(tmp_path: Path):
    site = _filled(tmp_path)
    (tmp_path / MARKER).unlink()
    _damage(site.published)
    before = site.published.read_bytes()
    with pytest.raises(PublicationRefused, match=r"cannot be read.*accept-loss"):
        publish(site)
    assert site.published.read_bytes() == before
    assert publish(site, accept_loss=True)


def test_what_is_remembered_outlives_a_move_of_the_folder(tmp_path: Path):
    _filled(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    moved = Site.open(tmp_path / "after", run_id="second")
    _execute(moved, "delete from listings")
    moved.published.unlink()
    with pytest.raises(PublicationRefused, match="60 of 60"):
        publish(moved)
