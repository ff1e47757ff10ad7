"""The project's own pages, held to the code where they list things."""

import re
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
from msgspec import structs

from mls_assets.cli.verbs import verbs
from mls_assets.configuration.feeds import ForgeAccess, SparkFeed
from mls_assets.definitions import defs
from mls_assets.model.resources import Reason
from mls_assets.model.states import ReplicationState
from mls_assets.model.verdicts import Verdict
from mls_assets.reconcile.guard import Thresholds
from mls_assets.reso import RESO_TABLES
from mls_assets.warehouse import PIPELINE_TABLES

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    ]
)
CONTRACT = (ROOT / "docs" / "contract.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def named(text: str) -> set[str]:
    """The words in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def part(begin: str, end: str) -> set[str]:
    """The words in backticks of the contract between two texts."""
    start = CONTRACT.index(begin)
    return named(CONTRACT[start : CONTRACT.index(end, start)])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link or link.startswith("#"):
            continue
        assert (page.parent / link.partition("#")[0]).exists(), link


def test_every_decision_stands_in_the_index_with_its_title():
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    pages = sorted(path for path in (ROOT / "docs" / "decisions").glob("0*.md"))
    assert [path.name[:4] for path in pages] == [
        f"{number:04}" for number in range(1, len(pages) + 1)
    ]
    for path in pages:
        title = path.read_text().splitlines()[0].removeprefix(f"# {path.name[:4]} ")
        assert f"| {path.name[:4]} | [{title}]({path.name}) |" in index
    assert index.count("](0") == len(pages)


def test_the_changelog_knows_the_version_of_the_package():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    versions = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert versions[1] == setup["metadata"]["version"]


def test_the_contract_lists_what_dagster_has():
    graph = defs.resolve_asset_graph()
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(str(graph.get(key).group_name), set()).add(key.to_user_string())
    listed = dict(re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", CONTRACT, re.MULTILINE))
    assert {group: named(listed[group]) for group in groups} == groups
    repository = defs.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert part("Jobs:", "Sensors:") == jobs
    assert part("Sensors:", "Schedule:") == {each.name for each in repository.sensor_defs}
    assert part("Schedule:", "Checks:") == {each.name for each in repository.schedule_defs}
    checks = {key.name for key in graph.asset_check_keys}
    assert part("Checks:", "The partition key") == checks


def test_the_contract_lists_the_tables_with_their_columns():
    for table in PIPELINE_TABLES:
        columns = ", ".join(f"`{name}`" for name in table.column_names)
        assert f"| `{table.name}` | {columns} |" in CONTRACT
    assert part("- RESO tables:", "Columns") == set(RESO_TABLES)


def test_the_contract_lists_verbs_variables_and_keys_of_the_feeds_file():
    assert part("has the verbs", "A failure") == set(verbs.commands)
    readme = (ROOT / "README.md").read_text()
    variables = set(re.findall(r"^\| `([A-Z_]+)` \|", readme, re.MULTILINE))
    assert part("Variables:", "Keys of a") == variables
    spark = {field.name for field in structs.fields(SparkFeed)} - {"name"}
    assert part("table in the feeds file:", "Keys of `[forge]`") == spark
    guard = {field.name for field in structs.fields(Thresholds)}
    assert part("Keys of a feed's table `guard`:", "For each limit") - {"guard"} == guard
    forge = {field.name for field in structs.fields(ForgeAccess)}
    assert part("Keys of `[forge]`:", "Keys of a feed's") - {"[forge]"} == forge


def test_the_contract_lists_states_and_reasons():
    assert part("States in `feeds`:", "Verdicts") - {"feeds"} == {
        str(each) for each in ReplicationState
    }
    assert part("Verdicts in `sweeps`:", "Events in") - {"sweeps"} == {
        str(each) for each in Verdict
    }
    assert part("reasons:", "A digest") - {"sweeps"} == {str(reason) for reason in Reason}


def test_the_floors_are_those_that_the_linter_holds():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = (
        contract["layers"]
        for contract in pyproject["tool"]["importlinter"]["contracts"]
        if contract["name"] == "Rooms import downwards only"
    )
    floors = re.findall(r"^\| (\d+) \| ([^|]+) \|", ARCHITECTURE, re.MULTILINE)
    assert [named(rooms) for _, rooms in floors] == [
        {room.strip().removeprefix("mls_assets.") for room in layer.split("|")} for layer in layers
    ]
    package = [path for path in (ROOT / "mls_assets").iterdir() if path.stem != "__init__"]
    rooms = {
        path.stem for path in package if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {room for floor in floors for room in named(floor[1])} == rooms - {"sandbox"}


def test_where_things_live_is_where_they_are():
    begin = ARCHITECTURE.index("## Where does X live?")
    table = ARCHITECTURE[begin : ARCHITECTURE.index("## Tests")]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20
    for row in rows:
        what, where = (cell.strip() for cell in row.strip("|").split("|"))
        paths = [name for name in named(where) if "/" in name]
        names = {name for name in named(where) if "/" not in name and "." not in name[1:]}
        assert paths or where.endswith("`errors.py`"), what
        texts = []
        for path in paths:
            file = ROOT / "mls_assets" / path
            assert file.exists(), path
            texts.append(file.read_text())
        for name in names:
            assert any(re.search(rf"\b{name}\b", text) for text in texts), (what, name)


def test_every_page_that_code_cites_exists():
    for path in (ROOT / "mls_assets").rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"\b(CONTRACT|DESIGN)\b", text), path
        for page in re.findall(r"docs/[\w/.-]+\.md", text):
            assert (ROOT / page).exists(), (path, page)
