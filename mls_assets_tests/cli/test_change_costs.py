"""What a change costs, tried on a copy of the package: the line is added, and the verbs show it."""

import shutil

from mls_assets_tests.cli.conftest import CHECKOUT, Script


def copy_of_the_package(tmp_path, path, after, line):
    """A copy in which `line` stands behind the first line of a module that begins with `after`."""
    there = tmp_path / "copy"
    shutil.copytree(
        CHECKOUT / "mls_assets", there / "mls_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, there)
    module = there / path
    lines = module.read_text().splitlines(keepends=True)
    at = next(number for number, text in enumerate(lines) if text.startswith(after))
    module.write_text("".join([*lines[: at + 1], f"{line}\n", *lines[at + 1 :]]))
    return there


def test_a_figure_of_a_landing_costs_one_line_from_the_page_to_the_summary(tmp_path, sandbox):
    copy = copy_of_the_package(
        tmp_path,
        "mls_assets/warehouse/landing/figures.py",
        "    child_sets: int = _figure(",
        "    kilobytes: int = _figure(lambda landed: landed.page.size // 1000, summary=True)",
    )
    script = Script(tmp_path / "data", {**sandbox.environment(), "PYTHONPATH": str(copy)})
    result = script("replicate", "spark/default")
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines()]
    (heading,) = [line for line in lines if line[-3:] == ["source", "rows", "state"]]
    (listings,) = [line for line in lines if line[1:3] == ["Property", "download"]]
    assert listings[heading.index("kilobytes")] not in ("-", "0")
