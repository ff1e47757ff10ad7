"""The UI as an operator sees it, in a real browser: graph, asset, checks, sensor, a run by clicks.

With MLS_ASSETS_PICTURES=folder each page is kept as a picture; those of the README are made so.
"""

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterRunStatus

from mls_assets.sandbox.server import SandboxServer
from mls_assets_tests.production.place import SPARK, Production, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium here; Debian's package is `chromium`"),
]

PATIENCE = 420
#: In milliseconds: what a page may take to show something.
SHOWN = 120_000
#: Nothing is fetched from the network, and root may start it.
_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """A machine on which both sources are downloaded, a sweep is proven and a file published."""
    folder = tmp_path_factory.mktemp("machine")
    with SandboxServer(listings=120, seed=5, forge_listings={"armls": 40}, live=20) as sandbox:
        production = Production(folder, sandbox)
        production.start("code", "daemon", "webserver")
        try:
            for job in ("forge_replicate", "spark_purge", "publish"):
                until(
                    PATIENCE,
                    f"{job} has succeeded",
                    lambda job=job: production.runs(job, None, DagsterRunStatus.SUCCESS),
                )
            yield production
        finally:
            production.stop()


@pytest.fixture(scope="module")
def browser(machine: Production) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, machine: Production, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Open a page of the UI; at the end of the test its picture is kept if that is wanted."""
    page = browser.new_page(viewport={"width": 1500, "height": 950})
    page.set_default_timeout(SHOWN)

    def to(path: str) -> Any:
        page.goto(machine.url + path, wait_until="load")
        return page

    yield to
    folder = os.environ.get("MLS_ASSETS_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{request.node.name.removeprefix('test_')}.png"))
    page.close()


def seen(page: Any, text: str | re.Pattern[str]) -> Any:
    """Wait until a text can be seen on the page; return its place."""
    place = page.get_by_text(text).locator("visible=true").first
    place.wait_for()
    return place


def test_asset_graph(visit: Callable[[str], Any]):
    page = visit("/asset-groups")
    for group in ("spark", "forge", "reso", "compliance", "published"):
        seen(page, group)
    seen(page, re.compile("fetching statuses")).wait_for(state="detached")


def test_asset_page(visit: Callable[[str], Any], machine: Production):
    page = visit("/assets/listings")
    seen(page, "Row count")
    seen(page, re.compile("^One row per listing of a feed"))
    seen(page, "ListPrice")
    seen(page, "RESO list of texts, standard values of the lookup Appliances.")
    page.get_by_role("button", name="Plots").click()
    seen(page, "dagster/row_count")
    page.locator("canvas").first.wait_for()
    page.locator("canvas").first.scroll_into_view_if_needed()


def test_key_sets(visit: Callable[[str], Any]):
    page = visit("/assets/sweeps")
    seen(page, "key_sets")
    seen(page, "at the source")
    page.get_by_role("button", name="Plots").click()
    seen(page, "source_keys spark/default")
    seen(page, "local_keys_after spark/default")
    page.locator("canvas").first.wait_for()


def test_check_results(visit: Callable[[str], Any]):
    page = visit("/assets/sweeps?view=checks")
    seen(page, "purge_reconciles_keys")
    seen(page, "Passed")
    seen(page, re.compile("After a purge the local key set equals the source's"))
    seen(page, "source_keys spark/default Property")


def test_sensor_page(visit: Callable[[str], Any], machine: Production):
    def skipped() -> bool:
        ticks = machine.ticks("spark_purge_sensor", 0.0)
        return bool(ticks) and "next sweep is due" in (ticks[-1].tick_data.skip_reason or "")

    until(PATIENCE, "a tick was skipped", skipped)
    page = visit("/locations/mls_assets/sensors/spark_purge_sensor")
    page.get_by_role("button", name="0 runs requested").first.click()
    seen(page, re.compile(r"Skip reason: spark/default: the next sweep is due in 0\.\d h"))


def test_partition_materialised_by_clicks(visit: Callable[[str], Any], machine: Production):
    since = time.time()
    page = visit("/assets/spark_office_pages")
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    page.get_by_text("Select a partition or create one").click()
    page.get_by_text("Select all (1)").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Launch")).click()

    def by_hand() -> Any:
        found = [
            run
            for run in machine.runs("__ASSET_JOB", SPARK)
            if run.create_timestamp.timestamp() > since
        ]
        return found[0] if found else None

    run = until(PATIENCE, "a run was started", by_hand)

    def ended() -> Any:
        status = by_hand().dagster_run.status
        return status if status in (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE) else None

    assert until(PATIENCE, "it has ended", ended) is DagsterRunStatus.SUCCESS
    page = visit(f"/runs/{run.dagster_run.run_id}")
    seen(page, "Success")
    seen(page, "spark_office_pages")
