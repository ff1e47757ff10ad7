"""What a verb shows where there is no terminal."""

from pathlib import Path

from mls_assets.replication.workspace import Progress
from mls_assets.terminal import screen
from mls_assets.terminal.screen import Screen, complain, crash_log, log_path


def report(records, stage="download", pages=1):
    return Progress("spark/default", "Property", stage, pages, records, 3000)


def test_plain_progress_shows_the_first_and_the_last_report_of_a_stage(capsys):
    with Screen() as shown:
        for page in range(1, 4):
            shown.progress(report(page * 1000, pages=page))
        shown.progress(report(500, "relations"))
    assert capsys.readouterr().out.splitlines() == [
        "spark/default Property download: 1 page, 1,000 of 3,000 records",
        "spark/default Property download: 3 pages, 3,000 of 3,000 records",
        "spark/default Property relations: 1 page, 500 of 3,000 records",
    ]


def test_plain_progress_of_a_long_stage_shows_a_line_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(screen, "PLAIN_SECONDS", 0.0)
    with Screen() as shown:
        for page in range(1, 4):
            shown.progress(report(page * 1000, pages=page))
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_bars_end_with_what_was_reached(capsys):
    with Screen(bars=True) as shown:
        shown.progress(report(1000))
        shown.progress(report(3000))
    assert "3,000 of 3,000" in capsys.readouterr().out


def test_a_table_is_never_cut_and_takes_brackets_literally(capsys):
    with Screen() as shown:
        shown.table(["feed", "why"], [["spark/default", "[bold] " + "x" * 200]])
    out = capsys.readouterr().out
    assert "[bold] " + "x" * 200 in out


def test_no_text_can_steer_the_terminal(capsys):
    complain("a\nb \x1b[31mred \u202edlrow\u2066")
    err = capsys.readouterr().err
    assert err == "error: a b \\x1b[31mred \\u202edlrow\\u2066\n"


def test_a_crash_log_has_places_but_no_message(tmp_path, monkeypatch):
    monkeypatch.setenv("MLS_ASSETS_DATA", str(tmp_path))
    try:
        raise ValueError("12 Private Lane")
    except ValueError as error:
        text = crash_log(error).read_text()
    assert "ValueError" in text
    assert Path(__file__).name in text
    assert "Private Lane" not in text.replace('raise ValueError("12 Private Lane")', "")


def test_logs_do_not_pile_up_for_ever(tmp_path, monkeypatch):
    monkeypatch.setenv("MLS_ASSETS_DATA", str(tmp_path))
    monkeypatch.setattr(screen, "LOGS_KEPT", 3)
    (tmp_path / "logs").mkdir()
    for number in range(6):
        (tmp_path / "logs" / f"replicate-{number}.log").touch()
    log_path("replicate").touch()
    assert len(list((tmp_path / "logs").iterdir())) == 4
