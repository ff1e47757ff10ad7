"""A Forge feed is asked for the fields that it had, or a person says otherwise; over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mls_assets.errors import (
    AnswerBroken,
    SelectionNarrowed,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    SweepVoid,
)
from mls_assets.model.resources import Resource
from mls_assets.replication.reconciliation.case import SweepResult
from mls_assets.replication.replicate import replicate_forge
from mls_assets.replication.upkeep.describe import describe_forge
from mls_assets_tests.replication.place import ARMLS, Place

#: Values that no guide's example asks for, so that they go with a narrower selection.
FULL = """select "ListingKey", "LivingArea", "YearBuilt", "ListAgentFullName", "ListPrice",
len(forge_features) from listings order by all"""
COMPLEXITY = "Query has complexity of 220, which exceeds max complexity of 217"


@pytest.fixture
def following(place: Place) -> Place:
    """A place whose Forge feed is followed; from now on its schema can be spoiled."""
    place.begin_following()
    return place


def spoil(place: Place, name: str, **params: object) -> None:
    place.fault(name, "forge", resource="schema", times=0, **params)


def accept(place: Place, resource: Resource = Resource.PROPERTY) -> object:
    place.run += 1
    return replicate_forge(
        place.workspace, ARMLS, place.forge, resource, place.forge_settings, accept_fields=True
    )


def normalised(place: Place) -> list[tuple[object, ...]]:
    from mls_assets.replication.normalise import normalise_landed

    normalise_landed(place.workspace)
    return place.rows(FULL)


def filled(place: Place) -> int:
    return place.rows('select count("LivingArea") from listings')[0][0]


@pytest.mark.parametrize(
    "refusal", [{}, {"status": 400}, {"status": 422}, {"message": COMPLEXITY}], ids=str
)
def test_a_refused_schema_takes_no_field_back(following: Place, refusal: dict[str, object]):
    before = {row[0]: row[1:4] for row in following.rows(FULL)}
    spoil(following, "query_refused", **refusal)
    following.control("change", feed=ARMLS, count=20, what="price")
    done = following.follow()
    assert done.changed == 20
    assert "asked for the same" in done.notes[0]
    assert {row[0]: row[1:4] for row in following.rows(FULL)} == before
    assert following.replay().verdict == "reconciled"
    assert {row[0]: row[1:4] for row in following.rows(FULL)} == before
    assert following.state(feed=ARMLS)["state"] == "current"


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("html_200", {}),
        ("status_500_html", {}),
        ("status_502", {}),
        ("errors_null_data", {}),
        ("schema_cut", {}),
        ("schema_cut", {"type": "ForgeFeature"}),
        ("schema_cut", {"type": "Mls"}),
        ("schema_cut", {"type": "ListingReplication"}),
        ("query_refused", {"status": 503}),
    ],
)
def test_a_schema_that_is_no_proper_answer_changes_nothing(
    following: Place, fault: str, params: dict[str, object]
):
    before = following.tables(), following.state(feed=ARMLS)
    spoil(following, fault, **params)
    following.control("change", feed=ARMLS, count=5, what="price")
    with pytest.raises(SourceError):
        following.follow()
    with pytest.raises(SourceError):
        following.replay()
    assert (following.tables(), following.state(feed=ARMLS)) == before
    following.sandbox.faults.clear()
    assert following.follow().changed == 5


def test_fewer_fields_are_an_error_until_a_person_accepts_them(following: Place):
    before = following.tables(), following.state(feed=ARMLS)
    spoil(following, "schema_cut", drop=["LivingArea", "YearBuilt"])
    following.control("change", feed=ARMLS, count=5, what="price")
    for work in (following.follow, following.replay):
        with pytest.raises(SelectionNarrowed) as error:
            work()
        assert error.value.exit_code == 1
        assert "lacks 2 field(s)" in str(error.value)
        assert "(LivingArea, YearBuilt)" in str(error.value)
        assert f"`mls-assets replicate {ARMLS} --accept-fields`" in str(error.value)
    assert (following.tables(), following.state(feed=ARMLS)) == before
    accept(following)
    rows = normalised(following)
    assert {row[1:3] for row in rows} == {(None, None)}
    assert following.follow().notes == ()
    following.sandbox.faults.clear()
    assert "2 more (LivingArea, YearBuilt)" in following.follow().notes[0]
    assert filled(following) > 20
    assert following.follow().notes == ()


def test_fewer_fields_of_a_nested_object_are_fewer_fields(following: Place):
    spoil(following, "schema_cut", type="ForgeFeature", drop=["value"])
    with pytest.raises(SelectionNarrowed, match=r"1 field\(s\) .*ForgeFeatures\.value"):
        following.follow()


def test_more_fields_fill_what_is_stored_by_a_replay_under_the_guard(place: Place):
    spoil(place, "schema_cut", drop=["LivingArea", "YearBuilt"])
    place.follow()
    assert filled(place) == 0
    place.sandbox.faults.clear()
    done = place.follow()
    assert "2 more (LivingArea, YearBuilt)" in done.notes[0]
    assert "about 1 requests" in done.notes[0]
    assert filled(place) > 20
    assert place.state(feed=ARMLS)["state"] == "current"
    assert place.rows("select verdict from sweeps") == [("reconciled",)]


def test_a_replay_that_breaks_off_leaves_the_resync_due(place: Place):
    spoil(place, "schema_cut", drop=["LivingArea"])
    place.follow()
    place.sandbox.faults.clear()
    place.fault("html_200", "forge", resource="listings", times=0)
    with pytest.raises(Exception, match="broke off"):
        place.follow()
    assert place.state(feed=ARMLS)["state"] == "needs_resync"
    place.sandbox.faults.clear()
    place.follow()
    assert filled(place) > 20


def ask_more(place: Place) -> None:
    """The source offers a field more than before."""
    spoil(place, "schema_cut", drop=["LivingArea"])
    place.follow()
    place.sandbox.faults.clear()


def ask_otherwise(place: Place) -> None:
    """What was asked until now was another question."""
    place.follow()
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.questions set question_sha = 'another'")


@pytest.mark.parametrize("change", [ask_more, ask_otherwise])
def test_a_replay_for_a_changed_question_has_to_reach_the_event_that_was_handled_last(
    place: Place, change: Callable[[Place], None]
):
    change(place)
    before = place.tables(), place.ledger()
    for work in (place.follow, place.follow, lambda: raise_void(place.replay())):
        place.fault("log_cut", "forge", resource="listings", by=2, times=1)
        with pytest.raises(SweepVoid, match="were handled before"):
            work()
    assert (place.tables(), place.ledger()) == before
    assert place.state(feed=ARMLS)["state"] == "needs_resync"
    place.sandbox.faults.clear()
    place.follow()
    assert filled(place) > 20
    assert place.keys(feed=ARMLS) == place.truth(feed=ARMLS)
    assert place.state(feed=ARMLS)["state"] == "current"


@pytest.mark.parametrize("change", [ask_more, ask_otherwise])
def test_a_dry_run_leaves_a_changed_question_to_the_run_that_asks_it(
    place: Place, change: Callable[[Place], None]
):
    change(place)

    def noted() -> list[object]:
        tables = ("feeds", "raw.questions", "raw.selections", "raw.origins", "raw.records")
        return [place.tables(), *(place.rows(f"select * from {name}") for name in tables)]

    before = noted()
    assert place.replay(dry_run=True).verdict == "planned"
    assert noted() == before
    assert "downloaded afresh" in place.follow().notes[0]
    assert filled(place) > 20


def test_a_dry_run_keeps_agents_asked_for_whose_query_is_missing(place: Place):
    place.follow(resource=Resource.MEMBER)
    with place.workspace.warehouse.write() as con:
        con.execute("delete from feeds where resource = 'Member'")
    forget(place)
    spoil(place, "schema_cut", type="Mls", drop=["agents"])
    before = place.rows("select * from raw.questions")
    assert "no query for agents" in place.replay(resource=Resource.MEMBER, dry_run=True).notes[0]
    assert place.rows("select * from raw.questions") == before


def raise_void(judged: SweepResult) -> None:
    if judged.verdict == "void":
        raise SweepVoid(judged.explanation)


def test_a_log_that_was_reset_while_the_question_changed_is_replayed_by_the_next_run(
    place: Place,
):
    ask_more(place)
    place.fault("log_cut", "forge", resource="listings", by=1, times=0)
    with pytest.raises(SweepVoid, match=r"its log was reset.* next run"):
        place.follow()
    with pytest.raises(SweepVoid, match="a replica that is behind"):
        place.follow()
    assert place.ledger() == []
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.resets set since = since - interval 1 hour")
    place.follow()
    assert len(place.ledger()) == 1
    assert place.state(feed=ARMLS)["state"] == "current"
    assert place.rows("select * from raw.resets") == []


def test_a_source_that_never_told_its_schema_is_said_loudly_and_healed_later(place: Place):
    spoil(place, "query_refused")
    first = place.follow()
    assert "tells no schema, so only 18 fields are asked for" in first.notes[0]
    assert place.follow().notes == (
        f"{ARMLS} Property: the source tells no schema, so it is asked for the same 18 fields as "
        "before",
    )
    assert filled(place) == 0
    place.sandbox.faults.clear()
    place.follow()
    assert filled(place) > 20


def test_a_field_that_is_refused_without_a_schema_ends_the_run_with_the_way_out(following: Place):
    before = following.tables(), following.state(feed=ARMLS)
    spoil(following, "query_refused")
    message = "Cannot query field 'LivingArea' on type 'Listing'."
    following.fault("query_refused", "forge", resource="listings", message=message, times=0)
    with pytest.raises(SourceRefused, match=r"'LivingArea'.*--accept-fields"):
        following.follow()
    assert (following.tables(), following.state(feed=ARMLS)) == before


def forget(place: Place) -> None:
    """What was asked for is not noted, as in a warehouse of an earlier program."""
    with place.workspace.warehouse.write() as con:
        con.execute("delete from raw.selections")


def test_where_nothing_was_noted_the_stored_records_tell_what_was_asked(following: Place):
    forget(following)
    spoil(following, "query_refused")
    before = following.tables()
    with pytest.raises(SelectionNarrowed, match="the list lacks"):
        following.follow()
    with pytest.raises(SelectionNarrowed, match="the list lacks"):
        following.replay()
    assert following.tables() == before
    following.sandbox.faults.clear()
    assert following.follow().notes == ()
    assert following.tables() == before
    spoil(following, "query_refused")
    assert "the same" in following.follow().notes[0]


def test_where_nothing_was_noted_records_that_lost_fields_are_filled_again(place: Place):
    spoil(place, "query_refused")
    place.follow()
    forget(place)
    assert "only 18" in place.follow().notes[0]
    forget(place)
    place.sandbox.faults.clear()
    place.follow()
    assert filled(place) > 20


# Fields that were asked for and did not come ---------------------------------------------------


@pytest.mark.parametrize("replayed", [False, True])
def test_a_field_that_did_not_come_empties_nothing_and_is_said(following: Place, replayed: bool):
    before = following.rows(FULL)
    media = following.rows("select count(*) from media")
    left_out = ["LivingArea", "ForgeFeatures", "Photos"]
    following.fault("fields_left_out", "forge", resource="listings", fields=left_out, times=0)
    changed = set(following.control("change", feed=ARMLS, count=5, what="price")["keys"])
    if replayed:
        assert following.replay().verdict == "reconciled"
    else:
        assert (following.follow().changed, following.follow().changed) == (5, 0)
    after = normalised(following)
    assert [row[:4] + row[5:] for row in after] == [row[:4] + row[5:] for row in before]
    assert {row[0] for row in after} - {row[0] for row in set(after) & set(before)} == changed
    assert following.rows("select count(*) from media") == media
    said = following.rows("select record_key, problem from rejected_values where value is null")
    assert changed <= {key for key, _ in said}
    assert all("did not come" in problem for _, problem in said)
    following.sandbox.faults.clear()
    assert following.replay().verdict == "reconciled"
    assert following.rows("select record_key from rejected_values where value is null") == []


def test_a_new_record_without_some_fields_lands_as_it_came(place: Place):
    place.fault("fields_left_out", "forge", resource="listings", fields=["LivingArea"], times=0)
    done = place.follow()
    assert (done.new > 20, done.rejected) == (True, 0)
    assert filled(place) == 0


# Agents -------------------------------------------------------------------------------------


def test_agents_that_lose_their_query_are_said_loudly_and_stay(place: Place):
    place.follow(resource=Resource.MEMBER)
    before = place.tables()
    spoil(place, "schema_cut", type="Mls", drop=["agents"])
    for work in (place.follow, place.replay):
        with pytest.raises(SelectionNarrowed, match="--resource Member --yes"):
            work(resource=Resource.MEMBER)
    assert place.tables() == before
    place.follow()


def test_agents_that_a_source_never_had_are_a_note(place: Place):
    spoil(place, "schema_cut", type="Mls", drop=["agents"])
    assert "no query for agents" in place.follow(resource=Resource.MEMBER).notes[0]


@pytest.mark.parametrize("fault", ["status_500_html", "html_200", "errors_null_data"])
def test_a_question_for_agents_that_met_no_answer_decides_nothing(place: Place, fault: str):
    spoil(place, "query_refused")
    place.fault(fault, "forge", resource="agents", times=0)
    with pytest.raises((SourceUnreachable, AnswerBroken)):
        place.follow(resource=Resource.MEMBER)
    place.sandbox.faults.clear()
    spoil(place, "query_refused")
    assert place.follow(resource=Resource.MEMBER).new > 0


def test_agents_are_asked_for_as_before_where_the_schema_is_refused(place: Place):
    place.follow(resource=Resource.MEMBER)
    names = place.rows('select count("MemberEmail") from members')
    spoil(place, "query_refused")
    place.control("change", feed=ARMLS, resource="Member", count=3)
    assert "the same" in place.follow(resource=Resource.MEMBER).notes[0]
    assert place.rows('select count("MemberEmail") from members') == names


# What the source declares -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "params"),
    [
        ("query_refused", {}),
        ("html_200", {}),
        ("schema_cut", {}),
        ("schema_cut", {"drop": ["LivingArea"]}),
        ("schema_cut", {"type": "Mls", "drop": ["agents"]}),
    ],
)
def test_a_lost_declaration_is_silence_and_no_field_that_went(
    place: Place, fault: str, params: dict[str, object]
):
    for resource in (Resource.PROPERTY, Resource.MEMBER):
        place.follow(resource=resource)
    assert describe_forge(place.workspace, ARMLS, place.forge, place.forge_settings) == ""
    declared = place.rows("select * from source_fields order by all")
    assert len(declared) > 100
    with place.workspace.warehouse.write() as con:
        con.execute("update raw.schemas set asked_at = ?", [datetime(2020, 1, 1, tzinfo=UTC)])
    spoil(place, fault, **params)
    told = describe_forge(place.workspace, ARMLS, place.forge, place.forge_settings)
    assert (told == "") == (fault == "query_refused")
    assert place.rows("select * from source_fields order by all") == declared
