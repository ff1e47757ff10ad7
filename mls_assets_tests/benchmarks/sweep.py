"""What a sweep of many keys costs beyond waiting for its pages: seconds, and memory on top.

    python -m mls_assets_tests.benchmarks.sweep [KEYS]

The pages come from memory at once. A thousandth of the keys is gone at the source, another
thousandth is new there; what is new is counted as missing and not fetched.
"""

import contextlib
import multiprocessing
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from mls_assets.configuration.feeds import SparkFeed
from mls_assets.model.records import KeyPage, Page
from mls_assets.model.resources import Resource
from mls_assets.reconcile.guard import Thresholds
from mls_assets.replication.reconciliation import purge as purging
from mls_assets.replication.reconciliation import sweep as sweeping
from mls_assets.replication.settings import SparkSettings
from mls_assets.replication.workspace import Workspace
from mls_assets.warehouse.landing.cursors import FeedState, save_state

FEED = SparkFeed("spark/default", base_url="http://127.0.0.1:1/Reso/OData")
PAGE = 1_000
#: A thousand-and-first is gone or new.
EVERY = 1_000


def key_of(number: int) -> str:
    return f"{20_160_101_000_000_000_000_000_000 + number * 7_919}"


class Source:
    """Answers from memory; every thousandth key it does not have, and as many only it has."""

    def __init__(self, keys: int) -> None:
        self.keys = [
            key_of(number) if number % EVERY else str(int(key_of(number)) + 1)
            for number in range(keys)
        ]

    def key_pages(self, _: Resource) -> Iterator[KeyPage]:
        for start in range(0, len(self.keys), PAGE):
            last = start + PAGE >= len(self.keys)
            page = tuple(self.keys[start : start + PAGE])
            link = None if last else f"{FEED.base_url}/Property?$skiptoken={start + PAGE}"
            yield KeyPage(page, 0, datetime.now(UTC), link, len(self.keys))

    def count(self, _: Resource) -> int:
        return len(self.keys)

    def existing_keys(self, _: Resource, keys: Sequence[str], controls: Sequence[str]) -> set[str]:
        return set()

    def records(self, _: Resource, keys: Sequence[str]) -> Iterator[Page]:
        return iter(())


def filled(folder: Path, keys: int) -> Workspace:
    """A warehouse that holds so many listings, of which only the keys matter."""
    workspace = Workspace.open(folder, run_id="benchmark")
    made = "printf('%d', 20160101000000000000000000::hugeint + i * 7919)"
    with workspace.warehouse.write() as con:
        con.execute(
            "insert into raw.records (feed, resource, record_key, page_id, seen_page_id) "
            f"select ?, 'Property', {made}, 1, 1 from range({keys}) t(i)",
            [FEED.name],
        )
        con.execute(
            f'insert into listings (feed, "ListingKey") select ?, {made} from range({keys}) t(i)',
            [FEED.name],
        )
        con.execute("insert into raw.origins values (?, 'spark', ?)", [FEED.name, FEED.base_url])
        con.execute("insert into raw.normalised values (?, 'Property', 1)", [FEED.name])
        con.execute("insert into raw.meta values ('page_id', 1)")
        save_state(
            con,
            FeedState(FEED.name, Resource.PROPERTY, "current", datetime.now(UTC).isoformat(), True),
        )
    return workspace


def measure(folder: str, keys: int) -> None:
    """Sweep and judge in a process that has done nothing else."""
    workspace, source = Workspace.open(Path(folder), run_id="benchmark"), Source(keys)

    @contextlib.contextmanager
    def client(*_: object) -> Iterator[Source]:
        yield source

    # the highest mark so far is of imports and of the keys of the source
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    began, cpu = time.perf_counter(), time.process_time()
    with (
        patch.object(sweeping, "spark_client", client),
        patch.object(purging, "spark_client", client),
    ):
        swept = sweeping.sweep_keys(workspace, FEED, Resource.PROPERTY, SparkSettings())
        middle = time.perf_counter()
        thresholds = Thresholds(canary_floor=10**9)
        judged = purging.purge(workspace, FEED, swept.sweep_id, SparkSettings(), thresholds)
    ended, cpu = time.perf_counter(), time.process_time() - cpu
    more = _memory("VmHWM") - before
    print(judged.explanation)
    print(
        f"sweep {middle - began:.1f} s, judgement {ended - middle:.1f} s, {cpu:.1f} s of CPU, "
        f"{more / 1024:,.0f} MB more than before"
    )


def _memory(what: str) -> int:
    """Return what Linux tells of this process's memory, in kilobytes."""
    told = Path("/proc/self/status").read_text()
    return int(re.search(rf"{what}:\s+(\d+)", told)[1])


def main(keys: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        filled(Path(folder), keys)
        child = multiprocessing.get_context("spawn").Process(target=measure, args=(folder, keys))
        child.start()
        child.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
