"""The project's own files: what a fresh checkout can do, and that its declarations agree."""

import ast
import re
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from mls_assets.model.states import LedgerEvent, ListingEvent, PassKind, ReplicationState
from mls_assets.model.verdicts import Verdict

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "mls_assets").rglob("*.py"))


@pytest.fixture(scope="module")
def setup():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def versions(name):
    lines = (ROOT / name).read_text().split()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line) for line in lines)
    return {
        canonical(name): version for name, _, version in (line.partition("==") for line in lines)
    }


@pytest.fixture(scope="module")
def locked():
    return versions("constraints.txt")


def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(setup):
    texts = [setup["options"]["install_requires"], setup["options.extras_require"]["test"]]
    lines = [line.partition("#")[0].strip() for text in texts for line in text.splitlines()]
    return [Requirement(line) for line in lines if line]


def test_every_module_says_what_belongs_in_it():
    silent = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_the_locked_versions_are_what_the_project_asks_for(setup, locked):
    for requirement in requirements(setup):
        version = locked.get(canonical(requirement.name))
        assert version is not None, f"{requirement.name} is not locked"
        assert requirement.specifier.contains(version), f"{requirement} but {version} is locked"


def test_the_lowest_versions_that_are_tested_are_the_floors_of_setup_cfg(setup):
    lowest = versions("constraints-lowest.txt")
    for requirement in requirements(setup):
        (floor,) = (each.version for each in requirement.specifier if each.operator == ">=")
        tested = lowest.get(canonical(requirement.name), "nothing")
        assert Version(tested) == Version(floor), f"{requirement} but {tested} is tested"


def test_the_console_script_leads_to_main(setup):
    scripts = setup["options.entry_points"]["console_scripts"].split("\n")
    assert "mls-assets = mls_assets.cli:main" in scripts


def test_dagster_finds_the_code_location_without_an_argument():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert pyproject["tool"]["dagster"]["module_name"] == "mls_assets.definitions"
    assert "module_name: mls_assets.definitions" in (ROOT / "workspace.yaml").read_text()


def test_make_lists_every_target_with_its_help():
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    targets = [line.split()[0] for line in shown.splitlines()]
    assert targets == [
        "help", "install", "demo", "test", "test-matrix", "test-long", "model", "mutants",
        "dev", "lint", "lock", "clean",
    ]  # fmt: skip
    assert all(len(line.split()) > 3 for line in shown.splitlines())


def test_continuous_integration_runs_the_make_targets():
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    lines = [line for line in script.read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "set -euo pipefail"
    made = [line.partition("make ")[2] for line in lines if "make " in line]
    assert made == ["install", "lint", "test", "test-long", "demo"]


def test_the_top_level_holds_the_project_and_what_convention_wants_there():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    allowed = {
        "mls_assets", "mls_assets_tests", "workspace.yaml", "pyproject.toml", "setup.cfg",
        "README.md", "Makefile", "LICENSE", ".gitignore", ".ci", "constraints.txt",
        "constraints-lowest.txt",
        "notebooks", "deploy", "docs", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
    }  # fmt: skip
    assert {line.split("/")[0] for line in listed.splitlines()} <= allowed


def test_verdicts_are_named_by_their_enumeration_alone():
    """Where a word is a verdict, it is compared, stored or returned as one."""
    words = "|".join(each.value for each in Verdict)
    spelt = re.compile(rf"verdict[^\n]*[\"'](?:{words})[\"']")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in MODULES
        if "sandbox" not in path.parts
        for line in path.read_text().splitlines()
        if spelt.search(line)
    ]
    assert found == []


#: Words of columns, each with the name before it where it is one, in Python and in SQL.
WORDS = (
    ("state", ReplicationState),
    ("event", LedgerEvent),
    ("event", ListingEvent),
    ("kind", PassKind),
)


def test_states_events_and_kinds_are_named_by_their_enumerations_alone():
    """Where a word is a state, an event or a kind, it is compared, stored or returned as one."""
    words = "|".join(each.value for _, kind in WORDS for each in kind)
    columns = "|".join(sorted({column for column, _ in WORDS}))
    spelt = re.compile(
        rf"\b(?:{columns})\b[\"']?\]?\)? *(?:==|!=|=|<>|in|not in|:) *\(?[\"'](?:{words})[\"']"
        rf"|(?:then|else) '(?:{words})'"
    )
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in MODULES
        if "sandbox" not in path.parts
        for line in path.read_text().splitlines()
        if spelt.search(line)
    ]
    assert found == []


def test_each_word_of_an_enumeration_stands_in_one_module_where_no_other_means_it():
    """Words that mean nothing else in the package stand in quotes in their enumeration alone."""
    alone = ("needs_resync", "downloading", "restored", "relisted", "price_change")
    where: dict[str, set[str]] = {word: set() for word in alone}
    for path in MODULES:
        if "sandbox" not in path.parts:
            text = path.read_text()
            for word in alone:
                if re.search(rf"[\"']{word}[\"']", text):
                    where[word].add(path.stem)
    assert {word: names - {"states"} for word, names in where.items()} == {
        word: set() for word in alone
    }


#: Names that stand in several modules, because the one is the thin face of the other (a verb, what
#: does its work, the job, the pass), or because two dialects have the same shape.
FACES = {
    *("replicate", "purge", "publish", "compact", "status", "erase", "ui"),
    *("filing", "label"),
}


def test_one_public_name_means_one_thing_in_the_whole_package():
    where: dict[str, set[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            names = [getattr(node, "name", None)]
            if isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            for name in filter(None, names):
                where.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    private = {name for name in where if name.startswith("_")}
    # by their nature in many modules: a logger, a type variable
    allowed = {*private, *FACES, "log", "T"}
    assert {name: at for name, at in where.items() if len(at) > 1 and name not in allowed} == {}
