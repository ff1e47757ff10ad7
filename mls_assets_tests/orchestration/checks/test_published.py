"""When the checks on `published_database` are green and when red."""

import duckdb

from mls_assets.orchestration.checks.published import published_equals_warehouse, removed_is_gone
from mls_assets.replication.upkeep.publish import publish
from mls_assets_tests.orchestration.checks.conftest import Filled


def _in_the_file(filled: Filled, sql: str) -> None:
    with duckdb.connect(str(filled.folder / "mls.duckdb")) as con:
        con.execute(sql)


def test_without_a_published_file_nothing_can_be_equal(filled: Filled):
    assert not filled.asks(published_equals_warehouse).passed
    assert filled.asks(removed_is_gone).passed


def test_a_fresh_publication_is_equal(filled: Filled):
    filled.listing("1")
    filled.insert("media", feed="spark/default", ListingKey="1", MediaKey="m")
    publish(filled.resource.workspace("run-1"))
    result = filled.asks(published_equals_warehouse)
    assert result.passed
    assert result.metadata["compared"].value == 1


def test_a_row_that_differs_is_noticed(filled: Filled):
    filled.listing("1")
    publish(filled.resource.workspace("run-1"))
    _in_the_file(filled, "update listings set landed_at = landed_at + interval 1 second")
    result = filled.asks(published_equals_warehouse)
    assert not result.passed
    assert result.description == "listings: 2 rows differ"


def test_an_older_file_in_its_place_is_noticed(filled: Filled):
    filled.listing("1")
    published = publish(filled.resource.workspace("run-1"))
    assert published
    file = filled.folder / "mls.duckdb"
    yesterday = file.read_bytes()
    filled.listing("2")
    publish(filled.resource.workspace("run-2"))
    file.unlink()
    file.write_bytes(yesterday)
    result = filled.asks(published_equals_warehouse)
    assert not result.passed
    assert "listings: 1 rows differ" in (result.description or "")


def test_what_publication_hides_on_purpose_is_no_difference(filled: Filled):
    filled.listing("1")
    filled.insert("media", feed="spark/default", ListingKey="1", MediaKey="m")
    filled.insert("raw.hidden", feed="spark/default", resource="Property", record_key="1")
    publish(filled.resource.workspace("run-1"))
    assert filled.asks(published_equals_warehouse).passed


def test_a_removed_key_that_lingers_anywhere_is_noticed(filled: Filled):
    filled.entry(1, "1", published_at="2026-05-01 12:05:00+00")
    publish(filled.resource.workspace("run-1"))
    assert filled.asks(removed_is_gone).passed
    key = {"feed": "spark/default", "resource": "Property", "record_key": "1"}
    filled.insert("raw.records", **key)
    filled.insert("rejected_values", **key)
    filled.insert("rooms", feed="spark/default", ListingKey="1")
    filled.insert("raw.children", feed="spark/default", listing_key="1", resource="Media")
    _in_the_file(filled, "insert into media (feed, \"ListingKey\") values ('spark/default', '1')")
    result = filled.asks(removed_is_gone)
    assert not result.passed
    assert result.metadata["rows_left"].value == 5
    for place in ("raw.records", "main.rejected_values", "main.rooms", "raw.children"):
        assert f"{place}: 1 rows" in str(result.description)
    assert "published.main.media: 1 rows" in str(result.description)


def test_a_removal_that_is_not_published_yet_may_stand_in_the_file(filled: Filled):
    filled.listing("1")
    publish(filled.resource.workspace("run-1"))
    filled.execute("delete from listings")
    filled.execute("delete from raw.records")
    filled.entry(1, "1")
    result = filled.asks(removed_is_gone)
    assert result.passed
    assert "1 removed key looked for in the warehouse and in mls.duckdb" in str(result.description)


def test_a_published_file_that_cannot_be_read_is_not_called_clean(filled: Filled):
    result = filled.asks(removed_is_gone)
    assert result.passed
    assert "0 removed keys looked for" in str(result.description)
    assert "There is no published file" in str(result.description)
    (filled.folder / "mls.duckdb").write_bytes(b"no database")
    result = filled.asks(removed_is_gone)
    assert not result.passed
    assert "cannot be read" in str(result.description)
    assert result.metadata["files"].value == 1
