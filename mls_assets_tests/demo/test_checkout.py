"""The one line that `make install` keeps in `.env`."""

from pathlib import Path

from dotenv import dotenv_values

from mls_assets.demo.checkout import env_text

HOME = Path("/somewhere with blanks/data/dagster_home")


def read(tmp_path, text):
    file = tmp_path / ".env"
    file.write_text(text)
    return dotenv_values(file)


def test_a_bare_dagster_dev_finds_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert read(tmp_path, env_text("", HOME)) == {"DAGSTER_HOME": str(HOME)}


def test_a_dagster_home_of_the_environment_wins(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    assert read(tmp_path, env_text("", HOME)) == {"DAGSTER_HOME": "/elsewhere"}


def test_lines_of_the_user_stay_and_ours_is_replaced_not_repeated():
    once = env_text("FORGE_URL=https://forge.example\n# mine\n", Path("/old"))
    again = env_text(once, HOME)
    assert again.startswith("FORGE_URL=https://forge.example\n# mine\n")
    assert again.count("DAGSTER_HOME=") == 1
    assert str(HOME) in again
    assert env_text(again, HOME) == again


def test_a_dagster_home_of_the_user_is_left_alone():
    theirs = "export DAGSTER_HOME=/mine\n"
    assert env_text(theirs, HOME) == theirs
