"""What stays of a source's own words: declared fields with their times, lookups, labels."""

import polars as pl

from mls_assets.model.declarations import Declaration, DeclaredField, LookupValue
from mls_assets.model.resources import Resource
from mls_assets.warehouse import Warehouse
from mls_assets.warehouse.landing import vocabulary
from mls_assets_tests.warehouse.world import FEED, MINUTE, NOON, bring, gone, page, record

PRICE = DeclaredField(Resource.PROPERTY, "ListPrice", "Edm.Decimal")
POOL = DeclaredField(Resource.PROPERTY, "Pool_co_Heated", "Edm.Boolean", "Pool: Heated")


def declared(*fields: DeclaredField) -> Declaration:
    return Declaration(fields, repr(fields).encode())


def test_what_is_declared_first_is_no_drift_and_what_comes_goes_or_changes_is(
    warehouse: Warehouse,
):
    as_text = DeclaredField(Resource.PROPERTY, "ListPrice", "Edm.String")
    city = DeclaredField(Resource.PROPERTY, "City", "Edm.String")
    with warehouse.write() as con:
        vocabulary.declare(con, FEED, declared(PRICE, POOL), NOON)
        assert vocabulary.drift(con, NOON - MINUTE) == []
        vocabulary.declare(con, FEED, declared(as_text, city), NOON + MINUTE)
        assert vocabulary.drift(con, NOON) == [
            (FEED, "Property", "City", "came", "Edm.String"),
            (FEED, "Property", "ListPrice", "changed", "Edm.Decimal -> Edm.String"),
            (FEED, "Property", "Pool_co_Heated", "went", "Edm.Boolean"),
        ]
        assert vocabulary.drift(con, NOON + 2 * MINUTE) == [], "long ago"
        vocabulary.declare(con, FEED, declared(PRICE, POOL), NOON + 3 * MINUTE)
        found = con.execute(
            "select field, declared_type, since, until from source_fields order by all"
        ).fetchall()
    assert found == [
        ("City", "Edm.String", NOON + MINUTE, NOON + 3 * MINUTE),
        ("ListPrice", "Edm.Decimal", NOON, NOON + MINUTE),
        ("ListPrice", "Edm.Decimal", NOON + 3 * MINUTE, None),
        ("ListPrice", "Edm.String", NOON + MINUTE, NOON + 3 * MINUTE),
        ("Pool_co_Heated", "Edm.Boolean", NOON, NOON + MINUTE),
        ("Pool_co_Heated", "Edm.Boolean", NOON + 3 * MINUTE, None),
    ]


def test_a_field_that_changed_twice_is_told_twice(warehouse: Warehouse):
    as_text = DeclaredField(Resource.PROPERTY, "ListPrice", "Edm.String")
    with warehouse.write() as con:
        for minute, fields in enumerate(((PRICE,), (as_text,), (PRICE,), (POOL,), (PRICE,))):
            vocabulary.declare(con, FEED, declared(*fields), NOON + minute * MINUTE)
        found = [entry[2:] for entry in vocabulary.drift(con, NOON)]
    assert found == [
        ("ListPrice", "came", "Edm.Decimal"),
        ("ListPrice", "changed", "Edm.Decimal -> Edm.String"),
        ("ListPrice", "changed", "Edm.String -> Edm.Decimal"),
        ("ListPrice", "went", "Edm.Decimal"),
        ("Pool_co_Heated", "came", "Edm.Boolean"),
        ("Pool_co_Heated", "went", "Edm.Boolean"),
    ]


def test_names_that_no_row_has_any_more_are_forgotten(warehouse: Warehouse):
    bring(warehouse, page(record("a", OnlyMine=1, Ours=2), record("b", Ours=3)))
    rows = pl.DataFrame({"local_fields": ['{"OnlyMine": 1, "Ours": 2, "no name": 1}']})
    with warehouse.write() as con:
        vocabulary.note_local_fields(con, FEED, Resource.PROPERTY, rows, label=str.lower)
    bring(warehouse, page(gone("a")))
    with warehouse.write() as con:
        vocabulary.forget_unused_names(con)
        names = con.execute("select field from local_field_names").fetchall()
    assert names == [("Ours",)]


def test_the_text_is_kept_each_time_that_it_is_another(warehouse: Warehouse):
    with warehouse.write() as con:
        for minute, fields in enumerate(((PRICE,), (PRICE,), (PRICE, POOL))):
            vocabulary.declare(con, FEED, declared(*fields), NOON + minute * MINUTE)
        times = con.execute("select seen_at, asked_at from raw.schemas order by all").fetchall()
        assert vocabulary.asked_at(con, FEED) == (NOON + 2 * MINUTE, True)
    assert times == [(NOON, NOON + MINUTE), (NOON + 2 * MINUTE,) * 2]


def test_a_source_that_does_not_tell_is_remembered_and_takes_nothing_away(warehouse: Warehouse):
    with warehouse.write() as con:
        assert vocabulary.asked_at(con, FEED) is None
        vocabulary.declare(con, FEED, declared(PRICE), NOON)
        for minute in (1, 2):
            vocabulary.note_silence(con, FEED, NOON + minute * MINUTE)
        assert vocabulary.asked_at(con, FEED) == (NOON + 2 * MINUTE, False)
        assert con.execute("select count(*) from raw.schemas").fetchall() == [(2,)]
        assert con.execute("select until from source_fields").fetchall() == [(None,)]


def test_local_fields_are_labelled_as_the_source_does_and_else_by_their_name(
    warehouse: Warehouse,
):
    rows = pl.DataFrame({"local_fields": ['{"Pool_co_Heated": true, "Own": 1}', None]})
    with warehouse.write() as con:
        for _ in range(2):
            vocabulary.note_local_fields(con, FEED, Resource.PROPERTY, rows, label=str.upper)
        query = "select resource, field, label from local_field_names order by all"
        assert con.execute(query).fetchall() == [
            ("Property", "Own", "OWN"),
            ("Property", "Pool_co_Heated", "POOL_CO_HEATED"),
        ]
        vocabulary.declare(con, FEED, declared(POOL), NOON)
        more = pl.DataFrame({"local_fields": ['{"New": 1}']})
        vocabulary.note_local_fields(con, FEED, Resource.PROPERTY, more, label=str.lower)
        assert con.execute(query).fetchall() == [
            ("Property", "New", "new"),
            ("Property", "Own", "OWN"),
            ("Property", "Pool_co_Heated", "Pool: Heated"),
        ]


def test_lookups_are_those_that_the_source_lists_now(warehouse: Warehouse):
    def is_standard(lookup: str, value: str) -> bool:
        return value == "Active"

    own = LookupValue("StandardStatus", "Ours")
    active = LookupValue("StandardStatus", "Active", legacy_value="A", lookup_key="1")
    with warehouse.write() as con:
        for values in ([own], [active, own, own]):
            vocabulary.replace_lookups(con, FEED, values, NOON, is_standard=is_standard)
        found = con.execute("select value, is_standard, legacy_value from lookups order by all")
        assert found.fetchall() == [("Active", True, "A"), ("Ours", False, None)]
