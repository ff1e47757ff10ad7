"""The demo's proof finds what is wrong; a proof that never fails would prove nothing."""

import duckdb
import pytest

from mls_assets.demo.proof import Copy, verify
from mls_assets.model.resources import Resource

FEED = "spark/default"


class World:
    """A source with listings A and B."""

    def __init__(self):
        self.records = {
            "A": {"ListingKey": "A", "ListPrice": "1.10", "Media": [{"MediaKey": "m1"}]},
            "B": {"ListingKey": "B", "ListPrice": "2", "Media": []},
        }

    def keys(self, feed, resource):
        return set(self.records)

    def served(self, feed, keys):
        return [(key, self.records[key]) for key in keys if key in self.records]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def file(tmp_path):
    """A published file that is equal to the world; C was there and is in the ledger."""
    path = tmp_path / "mls.duckdb"
    change(
        path,
        "CREATE TABLE listings (feed VARCHAR, ListingKey VARCHAR, ListPrice DOUBLE, "
        "local_fields JSON)",
        "CREATE TABLE media (feed VARCHAR, ListingKey VARCHAR, MediaKey VARCHAR)",
        "CREATE TABLE deletion_ledger (entry_id BIGINT, feed VARCHAR, resource VARCHAR, "
        "record_key VARCHAR, event VARCHAR)",
        f"INSERT INTO listings VALUES ('{FEED}', 'A', 1.1, '{{}}'), ('{FEED}', 'B', 2, '{{}}')",
        f"INSERT INTO media VALUES ('{FEED}', 'A', 'm1')",
        f"INSERT INTO deletion_ledger VALUES (1, '{FEED}', 'Property', 'C', 'removed')",
    )
    return path


def change(path, *statements):
    with duckdb.connect(str(path)) as con:
        for statement in statements:
            con.execute(statement)


def problems(world, path, ever=("A", "B", "C")):
    with Copy(path) as copy:
        return verify(world, copy, FEED, Resource.PROPERTY, set(ever), seed=1).problems


def test_equal_is_equal(world, file):
    assert problems(world, file) == []


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM listings WHERE ListingKey = 'B'", "missing here: B"),
        (f"INSERT INTO listings VALUES ('{FEED}', 'C', 3, '{{}}')", "gone at the source: C"),
        ("UPDATE listings SET ListPrice = 1.2 WHERE ListingKey = 'A'", "listing A differ"),
        ("UPDATE listings SET ListPrice = NULL WHERE ListingKey = 'A'", "ListPrice"),
        ("DELETE FROM media", "children of A: Media"),
        ("DELETE FROM deletion_ledger", "without a ledger entry: C"),
        ("UPDATE deletion_ledger SET record_key = 'A'", "keys here count as removed: A"),
    ],
)
def test_every_kind_of_damage_is_found(world, file, damage, found):
    change(file, damage)
    assert any(found in problem for problem in problems(world, file))
