"""Arrow tables in which keys and bodies go into DuckDB: a bound list would be slow. No SQL.

Bodies are packed one by one (Zstandard), and DuckDB stores them as they are. Its own compression
of long texts is tighter (10:1 against 4:1), but works on 2,048 rows at a time: reading 10 records
of 40,000 takes it seconds instead of milliseconds, and storing a page three times as long.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa

_ZSTANDARD = pa.Codec("zstd", compression_level=1)
INSTANT = pa.timestamp("us", tz="UTC")


def of_keys(keys: Iterable[str]) -> pa.Table:
    """Return a table of one column, `record_key`, each key once."""
    return pa.table({"record_key": pa.array(list(dict.fromkeys(keys)), pa.string())})


def of_bodies(bodies: Sequence[bytes]) -> dict[str, pa.Array]:
    """Return the columns `body`, `digest` and `size` of verbatim texts."""
    return {
        "body": pa.array([packed(body) for body in bodies], pa.binary()),
        "digest": pa.array([digest_of(body) for body in bodies], pa.binary()),
        "size": pa.array([len(body) for body in bodies], pa.int64()),
    }


def of_texts(texts: Sequence[str | None]) -> pa.Array:
    """Return a column of texts."""
    return pa.array(texts, pa.string())


def of_instants(instants: Sequence[datetime | None]) -> pa.Array:
    """Return a column of instants."""
    return pa.array(instants, INSTANT)


def of_flags(flags: Sequence[bool]) -> pa.Array:
    """Return a column of booleans."""
    return pa.array(flags, pa.bool_())


def packed(body: bytes) -> bytes:
    """Return a body as it is stored."""
    return _ZSTANDARD.compress(body, asbytes=True)


def unpacked(stored: bytes, size: int) -> bytes:
    """Return a stored body as its source sent it; `size` is its length."""
    return _ZSTANDARD.decompress(stored, size, asbytes=True)


def digest_of(body: bytes) -> bytes:
    """Return what tells two versions of a record apart without reading the stored one."""
    return hashlib.blake2b(body, digest_size=16).digest()


def table_of(**columns: pa.Array) -> pa.Table:
    """Return a table of columns by name."""
    return pa.table(columns)
