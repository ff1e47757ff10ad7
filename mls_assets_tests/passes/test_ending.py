"""Publication, compaction and the end of a licence, from the outside: tables and file bytes."""

import duckdb
import pytest

from mls_assets.errors import ConfigurationError
from mls_assets.passes.compact import compact
from mls_assets.passes.erase import erase
from mls_assets.passes.publish import publish
from mls_assets.values import TABLES, Resource
from mls_assets_tests.passes.place import ARMLS, SPARK


def published(place, sql):
    with duckdb.connect(str(place.site.published), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_the_published_file_holds_what_the_warehouse_holds(place):
    place.replicate(Resource.PROPERTY)
    publish(place.site)
    for table in TABLES.values():
        sql = f"select count(*) from {table}"
        assert published(place, sql) == place.rows(sql)
    assert published(place, "select count(*) from listings_brief") == [(60,)]


def test_publication_is_skipped_when_nothing_changed(place):
    place.replicate(Resource.PROPERTY)
    assert publish(place.site, only_if_changed=True) is not None
    place.replicate(Resource.PROPERTY)
    assert publish(place.site, only_if_changed=True) is None
    place.control("remove", count=1)
    place.purge()
    assert publish(place.site, only_if_changed=True) is not None


def test_a_removed_listing_is_gone_from_every_file(place):
    secret = "ZQX-canary-" + "k7" * 40
    (key,) = place.control("change", count=1, set={"PublicRemarks": secret})["keys"]
    place.replicate(Resource.PROPERTY)
    publish(place.site)
    assert published(
        place, "select count(*) from listings where \"PublicRemarks\" like 'ZQX%'"
    ) == [(1,)]
    place.control("remove", keys=[key])
    assert place.purge().removed == 1
    publish(place.site)
    compact(place.site)
    needle = b"ZQX-canary"
    for path in place.folder.rglob("*"):
        assert not path.is_file() or needle not in path.read_bytes(), path
    ((published_at, scrubbed_at),) = place.rows(
        "select published_at is not null, raw_scrubbed_at is not null from deletion_ledger "
        "where record_key = ?",
        key,
    )
    assert (published_at, scrubbed_at) == (True, True)


def test_erasing_a_feed_leaves_the_ledger_and_the_other_feeds(place):
    place.replicate(Resource.PROPERTY)
    place.follow()
    others = place.keys(feed=ARMLS)
    publish(place.site)
    done = erase(place.site, SPARK)
    assert done.ledger_entries == 60
    assert place.keys() == set()
    assert place.keys(feed=ARMLS) == others
    assert place.state() == {}
    assert {reason for _, _, reason in place.ledger()} == {"operator_erase"}
    assert published(place, f"select count(*) from listings where feed = '{SPARK}'") == [(0,)]
    # and the name is free for another source
    place.replicate(Resource.PROPERTY)
    assert place.keys() == place.truth()


def test_erasing_what_is_not_there_is_refused(place):
    with pytest.raises(ConfigurationError, match="spark/other"):
        erase(place.site, "spark/other")
