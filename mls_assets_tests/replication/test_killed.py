"""What a SIGKILL leaves behind: positions, locks, and tables as if nothing had happened."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from mls_assets.model.resources import CHILD_RESOURCES, TABLE_OF_RESOURCE, Resource
from mls_assets_tests.replication.place import PAGES

#: Replicates page by page and says on its standard output how many pages have landed.
_CHILD = """
import sys
from pathlib import Path
from mls_assets.configuration.feeds import load_feeds
from mls_assets.replication.normalise import normalise_landed
from mls_assets.replication.replicate import replicate_spark
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.workspace import Workspace
from mls_assets.model.resources import Resource

def tell(progress):
    print(progress.stage, progress.pages, flush=True)

feed = load_feeds().spark["spark/default"]
workspace = Workspace.open(Path(sys.argv[1]), run_id="child", progress=tell)
settings = SparkSettings(page_size=5, relations_page_size=5)
replicate_spark(workspace, feed, Resource.PROPERTY, settings)
normalise_landed(workspace)
"""


def start(place):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_CHILD), str(place.folder)],
        env={**os.environ, **place.sandbox.environment()},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at(place, line):
    """Run the child until it prints `line`, kill it, and return its lines."""
    child = start(place)
    lines = []
    for text in child.stdout:
        lines.append(text.strip())
        if lines[-1] == line:
            child.send_signal(signal.SIGKILL)
            break
    child.stdout.close()
    child.wait()
    assert lines[-1] == line
    return lines


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("download 1", marks=pytest.mark.long),
        "download 7",
        pytest.param("relations 3", marks=pytest.mark.long),
        pytest.param("normalise 1", marks=pytest.mark.long),
    ],
)
def test_a_killed_download_goes_on_at_once_from_where_it_was(place, line):
    kill_at(place, line)
    stage, pages = line.split()
    began = time.monotonic()
    child = start(place)
    output, _ = child.communicate()
    # nobody waits for a dead process's lock
    assert child.returncode == 0
    assert time.monotonic() - began < 60
    again = [text for text in output.splitlines() if text.startswith(stage)]
    if stage != "normalise":
        # the page being stored and the one being fetched, at most
        first = int(again[0].split()[1])
        assert int(pages) - 1 <= first <= int(pages) + 2
    assert place.keys() == place.truth()
    for resource in CHILD_RESOURCES:
        ((count, distinct),) = place.rows(
            f"select count(*), count(distinct {TABLE_OF_RESOURCE[resource]}) from "
            f"{TABLE_OF_RESOURCE[resource]}"
        )
        assert count == distinct


@pytest.mark.long
def test_any_number_of_kills_leaves_the_tables_of_one_clean_run(place, tmp_path_factory):
    clean = place.copy_to(tmp_path_factory.mktemp("clean"))
    for number in range(12):
        child = start(place)
        for count, _ in enumerate(child.stdout):
            if count == number * 2:
                break
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        child.wait()
    child = start(place)
    child.communicate()
    assert child.returncode == 0
    clean.replicate(Resource.PROPERTY, settings=PAGES)
    columns = "* exclude (landed_at)"
    for table in TABLE_OF_RESOURCE.values():
        one, other = (
            sorted(map(repr, each.rows(f"select {columns} from {table}")))
            for each in (place, clean)
        )
        assert one == other, table
