"""The data folder of the demo."""

import pytest

from mls_assets.demo.dev import dev_folder
from mls_assets.errors import ConfigurationError
from mls_assets.terminal.demo_folder import DEMO_MARKER, disown, fresh_folder


def test_a_folder_that_is_not_there_yet_is_made_and_marked(tmp_path):
    with fresh_folder(tmp_path / "data"):
        assert (tmp_path / "data" / DEMO_MARKER).is_file()


def test_a_folder_of_its_own_is_begun_afresh_but_for_what_is_kept(tmp_path):
    with fresh_folder(tmp_path):
        pass
    (tmp_path / "warehouse.duckdb").touch()
    (tmp_path / "dagster_home").mkdir()
    (tmp_path / "locks").mkdir()
    with fresh_folder(tmp_path, keep=["dagster_home"]):
        assert sorted(entry.name for entry in tmp_path.iterdir()) == [DEMO_MARKER, "dagster_home"]


def test_make_dev_can_be_started_again(tmp_path):
    for _ in range(2):
        with dev_folder(tmp_path / ".dev"):
            (tmp_path / ".dev" / "warehouse.duckdb").touch()
    assert (tmp_path / ".dev" / ".gitignore").read_text() == "*\n"
    (tmp_path / ".dev" / "mine.txt").touch()
    with pytest.raises(ConfigurationError, match="`make dev` again"), dev_folder(tmp_path / ".dev"):
        pass


def test_what_make_install_leaves_is_no_reason_to_refuse(tmp_path):
    (tmp_path / "dagster_home").mkdir()
    with fresh_folder(tmp_path, keep=["dagster_home"]):
        assert (tmp_path / "dagster_home").is_dir()


def test_a_foreign_folder_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "mls.duckdb").write_bytes(b"mine")
    with pytest.raises(ConfigurationError, match=r"mls\.duckdb"), fresh_folder(tmp_path):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["mls.duckdb"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "data").write_bytes(b"mine")
    with pytest.raises(ConfigurationError), fresh_folder(tmp_path / "data"):
        pass


def test_two_demos_never_share_a_folder(tmp_path):
    with (
        fresh_folder(tmp_path),
        pytest.raises(ConfigurationError, match="in use"),
        fresh_folder(tmp_path),
    ):
        pass


def test_what_somebody_put_into_a_demos_folder_is_not_wiped(tmp_path):
    with fresh_folder(tmp_path):
        (tmp_path / "warehouse.duckdb").touch()
    (tmp_path / "my-notebook.ipynb").touch()
    with pytest.raises(ConfigurationError, match=r"my-notebook\.ipynb"), fresh_folder(tmp_path):
        pass
    assert (tmp_path / "my-notebook.ipynb").exists()
    assert (tmp_path / "warehouse.duckdb").exists()


def test_a_folder_that_was_filled_from_elsewhere_is_no_demos_any_more(tmp_path):
    with fresh_folder(tmp_path):
        (tmp_path / "warehouse.duckdb").touch()
    disown(tmp_path)
    with pytest.raises(ConfigurationError, match="warehouse"), fresh_folder(tmp_path):
        pass
