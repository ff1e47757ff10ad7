"""Publication, compaction and the end of a licence, from the outside: tables and file bytes."""

import duckdb
import pytest
from msgspec import structs

from mls_assets.configuration.feeds import Feeds
from mls_assets.errors import ConfigurationError, SourceError, WarehouseBusy
from mls_assets.model.resources import TABLE_OF_RESOURCE, Resource
from mls_assets.replication.reconciliation.sweep import sweep_keys
from mls_assets.replication.upkeep.compact import compact_warehouse
from mls_assets.replication.upkeep.erase import erase_everywhere
from mls_assets.replication.upkeep.publish import publish
from mls_assets.warehouse.storage.files import DiskFull
from mls_assets_tests.replication.place import ARMLS, SPARK


def published(place, sql):
    with duckdb.connect(str(place.workspace.published), read_only=True) as con:
        return con.execute(sql).fetchall()


def unproven(place):
    """Count the entries of the Spark feed that do not say yet that the bytes are gone."""
    ((count,),) = place.rows(
        "select count(*) from deletion_ledger where feed = ? "
        "and (published_at is null or raw_scrubbed_at is null)",
        SPARK,
    )
    return count


def failing(error):
    def step(workspace, **_):
        raise error

    return step


def test_the_published_file_holds_what_the_warehouse_holds(place):
    place.begin(Resource.PROPERTY)
    publish(place.workspace)
    for table in TABLE_OF_RESOURCE.values():
        sql = f"select count(*) from {table}"
        assert published(place, sql) == place.rows(sql)
    assert published(place, "select count(*) from listings_brief") == [(60,)]


def test_publication_is_skipped_when_nothing_changed(place):
    place.begin(Resource.PROPERTY)
    assert publish(place.workspace, only_if_changed=True) is not None
    place.replicate(Resource.PROPERTY)
    assert publish(place.workspace, only_if_changed=True) is None
    place.control("remove", count=1)
    place.purge()
    assert publish(place.workspace, only_if_changed=True) is not None


def test_a_removed_listing_is_gone_from_every_file(place):
    secret = "ZQX-canary-" + "k7" * 40
    (key,) = place.control("change", count=1, set={"PublicRemarks": secret})["keys"]
    place.replicate(Resource.PROPERTY)
    publish(place.workspace)
    assert published(
        place, "select count(*) from listings where \"PublicRemarks\" like 'ZQX%'"
    ) == [(1,)]
    place.control("remove", keys=[key])
    assert place.purge().removed == 1
    publish(place.workspace)
    compact_warehouse(place.workspace)
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
    place.begin(Resource.PROPERTY)
    place.follow()
    others = place.keys(feed=ARMLS)
    publish(place.workspace)
    done = erase_everywhere(place.workspace, SPARK)
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
        erase_everywhere(place.workspace, "spark/other")


@pytest.mark.parametrize("step", ["publish", "compact_warehouse"])
@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        pytest.param(DiskFull("full"), marks=pytest.mark.long),
        pytest.param(WarehouseBusy("held"), marks=pytest.mark.long),
    ],
)
def test_an_erasure_that_was_cut_short_goes_on_when_it_is_asked_for_again(
    place, monkeypatch, step, error
):
    place.begin(Resource.PROPERTY)
    publish(place.workspace)
    with monkeypatch.context() as patched:
        patched.setattr(f"mls_assets.replication.upkeep.erase.{step}", failing(error))
        with pytest.raises(type(error)):
            erase_everywhere(place.workspace, SPARK)
    assert place.keys() == set()
    assert unproven(place) == 60
    done = erase_everywhere(place.workspace, SPARK)
    assert done.rows == {}
    assert done.ledger_entries == 60
    assert unproven(place) == 0
    assert len(place.ledger()) == 60, "nothing is entered twice"
    assert published(place, "select count(*) from listings") == [(0,)]
    # and when all is proven there is nothing to go on with
    with pytest.raises(ConfigurationError, match="Nothing is stored"):
        erase_everywhere(place.workspace, SPARK)


def test_the_unfinished_erasure_of_one_feed_does_not_stand_for_another(place, monkeypatch):
    place.begin(Resource.PROPERTY)
    with monkeypatch.context() as patched:
        patched.setattr("mls_assets.replication.upkeep.erase.publish", failing(DiskFull("full")))
        with pytest.raises(DiskFull):
            erase_everywhere(place.workspace, SPARK)
    with pytest.raises(ConfigurationError, match="Nothing is stored"):
        erase_everywhere(place.workspace, ARMLS)


def test_a_feed_whose_first_run_failed_can_be_erased(place):
    place.fault("status_404", times=0)
    with pytest.raises(SourceError):
        place.replicate(Resource.PROPERTY)
    place.sandbox.faults.clear()
    assert place.rows("select feed from feeds") == []
    done = erase_everywhere(place.workspace, SPARK)
    assert done.rows == {"raw.origins": 1, "raw.questions": 1}
    assert done.ledger_entries == 0
    with pytest.raises(ConfigurationError, match="Nothing is stored"):
        erase_everywhere(place.workspace, SPARK)


def test_a_sweep_that_waited_for_its_verdict_is_void_when_its_feed_is_erased(place):
    place.begin(Resource.PROPERTY)
    swept = sweep_keys(place.workspace, place.spark, Resource.PROPERTY, place.settings)
    assert not swept.void
    erase_everywhere(place.workspace, SPARK)
    ((verdict, explanation, finished_at),) = place.rows(
        "select verdict, explanation, finished_at from sweeps where sweep_id = ?", swept.sweep_id
    )
    assert verdict == "void"
    assert "was erased meanwhile" in explanation
    assert finished_at is not None
    assert place.rows("select count(*) from raw.sweep_keys") == [(0,)]
    # readers see the verdict too
    assert published(place, "select verdict from sweeps") == [("void",)]


def test_open_houses_are_published_with_the_day_on_which_they_begin(place):
    place.replicate()
    zone = structs.replace(place.spark, time_zone="Pacific/Honolulu")
    publish(place.workspace, feeds=Feeds({zone.name: zone}))
    days = published(
        place,
        'select "OpenHouseDate" = ("OpenHouseStartTime" - interval 10 hour)::date, time_zone, '
        "date_from_start, count(*) > 0 from open_houses group by all",
    )
    assert days == [(True, "Pacific/Honolulu", True, True)]
    assert published(place, "select count(*) > 0 from open_houses_upcoming") == [(True,)]
