"""How long landing a page takes in a warehouse that already holds many records.

Run with `python -m mls_assets_tests.benchmarks.landing [--records N] [--bytes N]`. Nothing is
asserted: read the figures. With stored bodies of 2 kB a million records take
2 GB of disk.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mls_assets import reso
from mls_assets.model.records import Page, RawRecord, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import landing
from mls_assets.warehouse.schema import counters
from mls_assets.warehouse.storage.addresses import storage_at
from mls_assets.warehouse.tables import merging

FEED = "spark/benchmark"
BEGAN = datetime(2026, 5, 1, tzinfo=UTC)
PAGE = 1_000


def main() -> None:
    """Fill a warehouse, then land pages of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--bytes", type=int, default=2_000, help="size of a stored body")
    parser.add_argument("--page-bytes", type=int, default=25_000, help="size of a landed body")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        storage = storage_at(str(Path(folder) / "warehouse.duckdb"))
        warehouse = Warehouse(storage, reso.RESO_TABLES, reso.BRIEF_COLUMNS)
        with timed(f"filling with {arguments.records:,} records of {arguments.bytes:,} bytes"):
            fill(warehouse, arguments.records, arguments.bytes)
        print(f"the file has {Path(warehouse.address).stat().st_size:,} bytes")
        with timed("opening to write and closing"), warehouse.write():
            pass
        new = page(arguments.records, PAGE, arguments.page_bytes)
        land(warehouse, "1,000 new records", new)
        land(warehouse, "the same again, unchanged", new)
        land(warehouse, "the same keys, changed", page(arguments.records, PAGE, 20_000, days=1))
        scattered = random.Random(1).sample(range(arguments.records), PAGE)
        land(warehouse, "1,000 scattered keys, changed", page_of(scattered, 25_000, days=1))
        keys = [key_of(number) for number in scattered]
        with warehouse.read() as con:
            for count in (10, 100, PAGE):
                with timed(f"reading the bodies of {count:,} scattered keys"):
                    landing.bodies(con, FEED, Resource.PROPERTY, keys[:count])
            with timed("finding out what waits for normalisation"):
                pending = merging.pending_records(con, FEED, Resource.PROPERTY)
            print(f"{len(pending.records) if pending else 0:,} records wait in the first batch")
        removed = tuple(Removal(key, Reason.TOMBSTONE) for key in keys)
        land(
            warehouse,
            "1,000 scattered removals",
            Page(FEED, Resource.PROPERTY, BEGAN, removals=removed),
        )


def fill(warehouse: Warehouse, records: int, size: int) -> None:
    """Store records in bulk, a page number to each thousand; `size` is that of a stored body."""
    with warehouse.write() as con:
        con.execute(
            "insert into raw.records select ?, 'Property', printf('20200101%012d', i), "
            "string_agg(md5(i || '/' || j), '')::blob, unhex(md5(i::varchar)), 1, "
            "?::timestamptz, ?::timestamptz, i // 1000 + 1, i // 1000 + 1 "
            "from range(?) numbers(i), range(?) parts(j) group by i order by i",
            [FEED, BEGAN, BEGAN, records, max(size // 32, 1)],
        )
        counters.set_mark(con, "page_id", records // PAGE + 1)
        con.execute(
            "insert into raw.normalised values (?, 'Property', ?)", [FEED, records // PAGE + 1]
        )


def key_of(number: int) -> str:
    """Return the key of a record, in the order of the numbers."""
    return f"20200101{number:012d}"


def page(first: int, count: int, size: int, *, days: int = 0) -> Page:
    """Make a page of neighbouring records."""
    return page_of(range(first, first + count), size, days=days)


def page_of(numbers: range | list[int], size: int, *, days: int = 0) -> Page:
    """Make a page of records with a text of words in each."""
    dice = random.Random(size + days)
    words = [f"{dice.randrange(16**6):x}" for _ in range(5_000)]
    records = tuple(
        RawRecord(
            key_of(number),
            json.dumps(
                {"ListingKey": key_of(number), "Remarks": _text(dice, words, size)}
            ).encode(),
            BEGAN + timedelta(days=days),
        )
        for number in numbers
    )
    return Page(FEED, Resource.PROPERTY, BEGAN, records=records)


def land(warehouse: Warehouse, what: str, landed: Page) -> None:
    """Land a page in a transaction of its own, and say how long it took."""
    size = sum(len(record.body) for record in landed.records)
    with timed(f"landing {what}", size), warehouse.write() as con:
        landing.land_page(con, landed, walk=None, run_id="benchmark")


@contextmanager
def timed(what: str, size: int = 0) -> Iterator[None]:
    """Print how long the body took, and its rate if it handled so many bytes."""
    began = time.perf_counter()
    yield
    seconds = time.perf_counter() - began
    rate = f", {size / seconds / 1e6:,.0f} MB/s" if size else ""
    print(f"{what}: {seconds * 1000:,.0f} ms{rate}", flush=True)


def _text(dice: random.Random, words: list[str], size: int) -> str:
    return " ".join(dice.choices(words, k=size // 7))


if __name__ == "__main__":
    main()
