"""What `status` shows: first what somebody has to act on, and never a broken number."""

import re
import unicodedata
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest

from mls_assets.cli import overview
from mls_assets.cli.verbs import verbs
from mls_assets.model.resources import Resource
from mls_assets.model.states import ReplicationState
from mls_assets.model.text import counted
from mls_assets.model.verdicts import Verdict
from mls_assets.replication.reporting.status import FeedStatus, Status
from mls_assets.replication.reporting.status_table import as_markdown
from mls_assets.terminal.screen import Screen
from mls_assets.warehouse.landing.cursors import FeedState
from mls_assets.warehouse.sweeps import SweepRow

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def entry(feed, state: str = "current", *, blocked=False, proven_hours_ago=1, rows=1_234_567):
    sweep = None
    if blocked:
        facts: dict[str, Any] = dict.fromkeys(field.name for field in fields(SweepRow))
        facts |= {"sweep_id": f"{feed}-sweep", "feed": feed, "resource": Resource.PROPERTY}
        facts |= {"explanation": "400,000 of 1,234,567 keys are absent", "verdict": Verdict.BLOCKED}
        sweep = SweepRow(**facts)
    proof = NOW - timedelta(hours=proven_hours_ago)
    stored = FeedState(
        feed=feed,
        resource=Resource.PROPERTY,
        state=ReplicationState(state),
        rows=rows,
        source_rows=rows + 1,
        last_success_at=proof,
        reconciled_at=proof,
        initial_download_complete=True,
    )
    return FeedStatus(stored, sweep, proof, None, NOW)


def shown(capsys, entries, width=None):
    with Screen() as screen:
        if width:
            screen._console.width = width
        overview._table(screen, Status(tuple(entries), NOW), NOW)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", [None, 60, 40])
def test_what_needs_somebody_comes_first(capsys, width):
    out = shown(
        capsys,
        [
            entry("spark/a"),
            entry("spark/b", proven_hours_ago=20),
            entry("spark/c", "unconfigured"),
            entry("spark/d", blocked=True),
        ],
        width,
    )
    table = out[: out.index("blocked: ")]
    assert re.findall(r"spark/[abcd]", table) == ["spark/d", "spark/c", "spark/b", "spark/a"]
    assert re.search(r"spark/d +Property +blocked", table)
    assert re.search(r"spark/a +Property +current", table)


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_no_number_is_broken_on_a_narrow_terminal(capsys, width):
    out = shown(capsys, [entry("spark/default"), entry("forge/armls", "downloading")], width)
    for part in ("rows 1,234,567", "source rows 1,234,568", "removal due in 11.0 h"):
        assert out.count(part) == 2
    table = out[: out.index("Published")]
    assert all(len(line) <= max(width, 34) for line in table.splitlines())
    assert all(unicodedata.category(letter) != "So" for letter in table)


def test_one_is_one():
    assert [counted(number, "open house") for number in (0, 1, 2_000)] == [
        "0 open houses", "1 open house", "2,000 open houses",
    ]  # fmt: skip


def test_no_text_names_a_verb_that_there_is_not():
    assert isinstance(verbs, click.Group)
    named = {
        verb
        for path in (ROOT / "mls_assets").rglob("*.py")
        for verb in re.findall(r"mls-assets ([a-z]+)\b", path.read_text(encoding="utf-8"))
    }
    assert named - {"verb"} <= set(verbs.commands)


def test_the_same_table_stands_in_the_ui_with_moments_that_do_not_age():
    current = Status((entry("spark/a"), entry("spark/b|c", blocked=True)), NOW)
    lines = as_markdown(current).splitlines()
    assert len(lines) == 6
    assert lines[4:] == ["", "Published: 2026-05-01 12:00Z"]
    assert "spark/b&#124;c" in lines[2], "what is blocked comes first"
    assert "| blocked |" in lines[2]
    assert f"{NOW - timedelta(hours=1):%Y-%m-%d %H:%M}Z" in lines[3]
