"""How fast landed Spark v2 records become rows, in MB of record text a second on one core.

Run `python -m mls_assets_tests.benchmarks.normalise_pages`; `json.loads` is there for comparison.
"""

import json
import time
from collections.abc import Callable
from typing import Any

from mls_assets.model.resources import Resource
from mls_assets.reso import normalise_batch
from mls_assets.sources.spark.source import SPARK
from mls_assets_tests.reso.pages import landed, spark_listing

RECORDS = 1_000
ROUNDS = 5


def best(work: Callable[[], Any]) -> float:
    """The shortest of several runs, in seconds of processor time."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    records = [landed(number, spark_listing(number)) for number in range(RECORDS)]
    size = sum(len(record.body) for record in records) / 1e6
    keys = sum(len(json.loads(record.body)) for record in records) / RECORDS
    print(f"{RECORDS:,} records, {size:.1f} MB, {keys:.0f} keys a record")
    loads = best(lambda: [json.loads(record.body) for record in records])
    print(f"json.loads   {size / loads:6.1f} MB/s")
    rows = best(
        lambda: normalise_batch(SPARK.dialect, SPARK.feed("bench"), Resource.PROPERTY, records)
    )
    print(f"normalise    {size / rows:6.1f} MB/s")


if __name__ == "__main__":
    main()
