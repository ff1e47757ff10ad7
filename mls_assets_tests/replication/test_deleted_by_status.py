"""A listing whose StandardStatus became Delete: gone, and still listed by its source."""

from datetime import UTC, datetime, timedelta

from mls_assets.model.records import Page, RawRecord, Removal
from mls_assets.model.resources import Reason, Resource
from mls_assets.replication.normalise import normalise_landed
from mls_assets.warehouse.landing import landing
from mls_assets.warehouse.publication import audit
from mls_assets_tests.replication.place import SPARK

NOW = datetime.now(UTC)


def land(place, resource=Resource.PROPERTY, **content):
    with place.workspace.warehouse.write() as con:
        page = Page(SPARK, resource, NOW, **content)
        return landing.land_page(con, page, walk=None, run_id="run")


def stored(place, key):
    with place.workspace.warehouse.read() as con:
        (body,) = landing.bodies(con, SPARK, Resource.PROPERTY, [key]).values()
    ((modified_at,),) = place.rows(
        "select modified_at from raw.records where record_key = ? and resource = 'Property'", key
    )
    return RawRecord(key, body, modified_at)


def deleted(record, by=timedelta(0)):
    return Removal(record.key, Reason.STATUS_DELETE, record.modified_at + by)


def test_a_delete_that_is_older_than_what_is_here_removes_nothing(place):
    place.begin(Resource.PROPERTY)
    record = stored(place, min(place.keys()))
    land(place, removals=(deleted(record, timedelta(minutes=-5)),))
    assert record.key in place.keys()
    assert place.purge().verdict == "reconciled"
    assert place.keys() == place.truth()


def delete_dated_back(place):
    """Let a listing be changed, then deleted by a machine whose clock is behind; return both."""
    place.begin(Resource.PROPERTY)
    (key,) = place.control("change", count=1, what="price")["keys"]
    place.replicate(Resource.PROPERTY)
    place.control("clock", advance_minutes=-2)
    place.control("change", keys=[key], what="status", to="Delete")
    (updated,) = place.replicate(Resource.PROPERTY)
    return key, updated


def test_a_delete_that_its_source_dates_back_is_settled_by_the_next_purge(place):
    key, updated = delete_dated_back(place)
    assert (updated.removed, key in place.keys()) == (0, True)
    judged = place.purge()
    assert (judged.verdict, judged.removed) == ("reconciled", 0)
    assert key not in place.keys()
    assert judged.settled == 1
    assert "59 keys at the source, 59 here" in judged.explanation
    assert place.rows("select source_keys, local_keys_after, changed_keys from sweeps") == [
        (59, 59, [key])
    ]
    assert [reason for _, _, reason in place.ledger()] == ["status_delete"]
    assert place.state()["rows"] == place.state()["source_rows"] == 59
    assert place.purge().verdict == "reconciled"


def test_a_delete_from_a_cache_is_forgotten_once_the_source_tells_the_newer_version(place):
    place.begin(Resource.PROPERTY)
    record = stored(place, min(place.keys()))
    land(place, removals=(deleted(record, timedelta(minutes=-5)),))
    assert place.rows("select record_key from raw.status_deletes") == [(record.key,)]
    land(place, records=(record,))
    assert place.rows("select record_key from raw.status_deletes") == []


def test_a_kept_key_that_lives_by_an_older_version_is_not_asked_for_again(place):
    key, _ = delete_dated_back(place)
    place.control("change", keys=[key], what="status", to="Active")
    assert place.purge().verdict == "reconciled"
    assert key in place.keys()
    assert place.rows("select record_key from raw.status_deletes") == []


def test_a_version_from_before_the_delete_does_not_bring_it_back(place):
    place.begin(Resource.PROPERTY)
    record = stored(place, min(place.keys()))
    land(place, removals=(deleted(record, timedelta(minutes=5)),))
    assert land(place, records=(record,)).stale == 1
    assert [event for _, event, _ in place.ledger()] == ["removed"]
    newer = RawRecord(record.key, record.body, record.modified_at + timedelta(minutes=6))
    assert land(place, records=(newer,)).restored == 1


def test_a_delete_counts_as_the_newest_modification(place):
    place.begin(Resource.PROPERTY)
    record = stored(place, min(place.keys()))
    just_now = datetime.now(UTC)
    land(place, removals=(deleted(record, just_now - record.modified_at),))
    assert place.rows("select newest_modification from feeds") == [(just_now,)]


def test_one_that_lives_again_is_found_by_the_sweep_although_no_update_told_it(place):
    place.begin(Resource.PROPERTY)
    (key,) = place.control("change", count=1, what="status", to="Delete")["keys"]
    place.replicate(Resource.PROPERTY)
    assert place.purge().verdict == "reconciled"
    assert key not in place.keys()
    place.control("change", keys=[key], set={"StandardStatus": "Active"}, touch=False)
    assert place.purge().verdict == "reconciled"
    assert place.keys() == place.truth()
    assert [event for _, event, _ in place.ledger()] == ["removed", "restored"]


def test_rows_and_source_rows_agree_after_an_update_and_after_a_purge(place):
    place.begin(Resource.PROPERTY)
    place.control("change", count=2, what="status", to="Delete")
    place.replicate(Resource.PROPERTY)
    place.replicate(Resource.PROPERTY)
    updated = place.state()
    place.purge()
    purged = place.state()
    for state in (updated, purged):
        assert (state["rows"], state["source_rows"]) == (58, 58)


def test_open_houses_that_landed_before_a_kill_go_with_their_listing(place):
    place.begin(Resource.PROPERTY)
    record = stored(place, min(place.keys()))
    body = b'{"OpenHouseKey":"OH1","ListingKey":"%s","OpenHouseDate":"2099-01-01"}'
    land(
        place,
        Resource.OPEN_HOUSE,
        records=(RawRecord("OH1", body % record.key.encode()),),
    )
    # killed before it was normalised; the next run meets the removal first
    place.control("change", keys=[record.key], what="status", to="Delete")
    place.replicate(Resource.PROPERTY)
    normalise_landed(place.workspace)
    assert place.keys(Resource.OPEN_HOUSE) == set()
    assert [key for key, _, _ in place.ledger(resource="OpenHouse")] == ["OH1"]


def test_what_lingers_of_a_childs_rejected_values_is_noticed(place):
    place.begin(Resource.PROPERTY)
    record = stored(place, min(place.keys()))
    land(place, removals=(deleted(record),))
    with place.workspace.warehouse.write() as con:
        con.execute(
            "insert into rejected_values (feed, resource, record_key, value) "
            "values (?, 'Media', ?, 'content')",
            [SPARK, record.key],
        )
        assert audit.lingering(con, published=False) == {"main.rejected_values": 1}


def test_a_key_that_was_deleted_by_status_and_then_left_is_fetched_when_it_is_listed_again(place):
    place.begin(Resource.PROPERTY)
    (key,) = place.control("change", count=1, what="status", to="Delete")["keys"]
    place.replicate(Resource.PROPERTY)
    assert key not in place.keys()
    place.control("remove", keys=[key])
    assert place.purge().verdict == "reconciled"
    # it lives again, but so that no update asks for it
    place.control("restore", keys=[key], touch=False)
    place.control("change", keys=[key], set={"StandardStatus": "Active"}, touch=False)
    judged = place.purge()
    assert (judged.verdict, judged.refetched) == ("reconciled", 1)
    assert place.keys() == place.truth()
