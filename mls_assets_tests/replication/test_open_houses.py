"""Open houses of changed listings: asked for with them, gone only if the source denies them."""

from datetime import UTC, datetime, timedelta

import pytest

from mls_assets.errors import MlsAssetsError
from mls_assets.model.resources import Resource

OPEN_HOUSE, PROPERTY = Resource.OPEN_HOUSE, Resource.PROPERTY


def of_a_listing(place):
    """A coming open house here, and its listing."""
    return place.rows(
        'select "OpenHouseKey", "ListingKey" from open_houses '
        'where "OpenHouseEndTime" > now() + interval 1 day order by all limit 1'
    )[0]


def call_off(place):
    """Call an open house off; the listing changes with it."""
    key, listing_key = of_a_listing(place)
    place.control("remove", resource="OpenHouse", keys=[key])
    place.control("change", keys=[listing_key], what="price")
    return key


def test_an_open_house_that_its_listing_tells_no_more_goes_with_the_update(place):
    place.begin()
    key = call_off(place)
    place.replicate(PROPERTY)
    assert key not in place.keys(OPEN_HOUSE)
    assert place.keys(OPEN_HOUSE) == place.truth(OPEN_HOUSE)
    assert place.ledger(resource="OpenHouse") == [(key, "removed", "absent_from_relation")]
    place.control("restore", resource="OpenHouse", keys=[key])
    place.replicate()
    assert place.ledger(resource="OpenHouse")[-1] == (key, "restored", "returned")
    assert place.keys(OPEN_HOUSE) == place.truth(OPEN_HOUSE)


def test_a_new_open_house_comes_with_its_listing(place):
    place.begin()
    (key,) = place.control("add", resource="OpenHouse", count=1)["keys"]
    record = place.sandbox.market.catalogue.record("OpenHouse", key)
    place.control("change", keys=[record["ListingKey"]], what="price")
    place.replicate(PROPERTY)
    assert key in place.keys(OPEN_HOUSE)
    before = place.tables()["open_houses"]
    place.replicate(OPEN_HOUSE)  # the same version from its own set
    assert len(place.tables()["open_houses"]) == len(before)


@pytest.mark.parametrize("fault", ["empty", "left out", "cut"])
def test_a_relation_that_does_not_tell_the_truth_removes_nothing(place, fault):
    place.begin()
    _, listing_key = of_a_listing(place)
    held = place.keys(OPEN_HOUSE)
    place.control("change", keys=[listing_key], what="price")
    how = {
        "empty": ("collections_empty", {"of": "OpenHouse"}),
        "left out": ("collections_empty", {"of": "OpenHouse", "how": "absent"}),
        "cut": ("collections_cut", {"keep": 0, "told_by": "count"}),
    }[fault]
    place.fault(how[0], resource="Property", match="OpenHouse", times=0, **how[1])
    try:
        place.replicate(PROPERTY)
    except MlsAssetsError:
        assert fault == "cut"
    assert place.keys(OPEN_HOUSE) == held
    assert place.ledger() == []


def test_a_source_that_answers_for_no_open_house_removes_none(place):
    place.begin()
    held = place.keys(OPEN_HOUSE)
    call_off(place)
    place.fault("empty_page", resource="OpenHouse", match="OpenHouseKey in", times=0)
    (done,) = place.replicate(PROPERTY)
    assert place.keys(OPEN_HOUSE) == held
    assert any("did not answer for" in note for note in done.notes)


def test_a_source_that_refuses_the_relation_is_updated_without(place):
    place.begin()
    held = place.keys(OPEN_HOUSE)
    call_off(place)
    place.fault("status_400", resource="Property", match="OpenHouse", times=0)
    (done,) = place.replicate(PROPERTY)
    assert (done.changed, place.keys(OPEN_HOUSE)) == (1, held)
    assert any("open houses of a listing" in note for note in done.notes)


def test_more_than_a_guard_would_let_go_wait_for_a_purge(place, monkeypatch):
    monkeypatch.setattr("mls_assets.replication.open_houses.MOST_A_DAY", 0)
    monkeypatch.setattr("mls_assets.replication.open_houses.SHARE_A_DAY", 0)
    place.begin()
    key = call_off(place)
    (done,) = place.replicate(PROPERTY)
    assert key in place.keys(OPEN_HOUSE)
    assert any("purge spark/default" in note for note in done.notes)


def test_an_open_house_that_is_over_by_the_clock_of_the_source_was_not_called_off(place):
    place.begin()
    (key, listing_key, end) = place.rows(
        'select "OpenHouseKey", "ListingKey", "OpenHouseEndTime" from open_houses '
        'where "OpenHouseEndTime" > now() + interval 1 hour order by 3 limit 1'
    )[0]
    ahead = end + timedelta(minutes=2) - datetime.now(UTC)
    place.control("clock", advance=ahead.total_seconds())
    place.control("change", keys=[listing_key], what="price")
    assert key not in place.truth(OPEN_HOUSE), "the source lists none that is over"
    place.replicate(PROPERTY)
    assert key in place.keys(OPEN_HOUSE)
    assert place.ledger(resource="OpenHouse") == []


def test_an_open_house_that_ends_while_the_source_is_asked_was_not_called_off(place, monkeypatch):
    place.begin()
    key = call_off(place)
    ((end,),) = place.rows(
        f'select "OpenHouseEndTime" from open_houses where "OpenHouseKey" = \'{key}\''
    )
    moments = iter([datetime.now(UTC)])
    monkeypatch.setattr(
        "mls_assets.replication.open_houses._latest",
        lambda _: next(moments, end + timedelta(minutes=1)),
    )
    place.replicate(PROPERTY)
    assert key in place.keys(OPEN_HOUSE)
