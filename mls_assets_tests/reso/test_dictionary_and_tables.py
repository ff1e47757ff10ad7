"""The dictionary's facts, and that the tables are what the contract says."""

import pytest

from mls_assets.model.resources import KEY_FIELDS, TABLE_OF_RESOURCE, Resource
from mls_assets.reso import BRIEF_COLUMNS, RESO_TABLES, dictionary, normalise_batch
from mls_assets.reso.dictionary import FieldType
from mls_assets.sources.spark.source import SPARK
from mls_assets_tests.reso.conftest import Stored


def types(table: str) -> dict[str, str]:
    return {column.name: column.type for column in RESO_TABLES[table].columns}


def test_the_dictionary_has_all_fields_of_the_seven_resources() -> None:
    counts = {
        resource: len(dictionary.fields_of(resource)) + len(dictionary.expansions(resource))
        for resource in Resource
    }
    assert sum(counts.values()) == 922
    assert counts[Resource.PROPERTY] == 652


def test_expansions_are_no_fields() -> None:
    assert "Media" in dictionary.expansions(Resource.PROPERTY)
    assert "Media" not in dictionary.fields_of(Resource.PROPERTY)


def test_a_lookup_maps_legacy_spellings_to_standard_values_and_nothing_else() -> None:
    status = dictionary.all_lookups()["StandardStatus"]
    assert status.standard("ActiveUnderContract") == "Active Under Contract"
    assert status.standard("Active Under Contract") == "Active Under Contract"
    assert status.standard("activeundercontract") == "activeundercontract"
    assert "Delete" in status.values


def test_lookups_that_the_standard_leaves_to_the_mls_have_no_values() -> None:
    assert dictionary.all_lookups()["MlsStatus"].values == frozenset()


def test_no_legacy_spelling_is_a_standard_value_of_its_lookup() -> None:
    for lookup in dictionary.all_lookups().values():
        assert lookup.values.isdisjoint(lookup.legacy)


@pytest.mark.parametrize(
    ("field", "column_type"),
    [
        ("ListingKey", "VARCHAR"),
        ("ListPrice", "DOUBLE"),
        ("BedroomsTotal", "BIGINT"),
        ("ModificationTimestamp", "TIMESTAMPTZ"),
        ("CloseDate", "DATE"),
        ("Appliances", "VARCHAR[]"),
        ("PoolPrivateYN", "BOOLEAN"),
        ("StandardStatus", "VARCHAR"),
        ("local_fields", "JSON"),
        ("hidden_fields", "VARCHAR[]"),
        ("forge_features", "STRUCT(name VARCHAR, value VARCHAR)[]"),
        ("landed_at", "TIMESTAMPTZ"),
    ],
)
def test_listings_have_the_types_of_the_contract(field: str, column_type: str) -> None:
    assert types("listings")[field] == column_type


def test_every_field_of_the_dictionary_is_a_column_of_its_table() -> None:
    for resource, table in TABLE_OF_RESOURCE.items():
        assert set(dictionary.fields_of(resource)) <= set(types(table))


def test_tables_begin_with_where_a_row_comes_from_and_its_keys() -> None:
    for resource, table in TABLE_OF_RESOURCE.items():
        names = RESO_TABLES[table].column_names
        assert names[:3] == ("feed", "source", "mls")
        assert KEY_FIELDS[resource] in names[3:5]
        assert names[-1] == "landed_at"


@pytest.mark.parametrize("table", ["listings", "media", "rooms", "unit_types", "open_houses"])
def test_listings_and_what_belongs_to_them_have_the_listing_key(table: str) -> None:
    assert types(table)["ListingKey"] == "VARCHAR"


def test_only_listings_have_forge_features() -> None:
    assert [name for name in RESO_TABLES if "forge_features" in types(name)] == ["listings"]


def test_column_names_differ_by_more_than_case() -> None:
    for table in RESO_TABLES.values():
        assert len({name.lower() for name in table.column_names}) == len(table.columns)


def test_every_column_has_a_comment_of_one_sentence() -> None:
    for table in RESO_TABLES.values():
        for column in table.columns:
            assert column.comment.endswith("."), column.name


def test_the_columns_that_are_unique_together_exist() -> None:
    for table in RESO_TABLES.values():
        assert set(table.key) <= set(table.column_names)


def test_the_brief_columns_are_about_forty_of_the_listings() -> None:
    assert set(BRIEF_COLUMNS) <= set(types("listings"))
    assert 35 <= len(BRIEF_COLUMNS) <= 45
    assert len(set(BRIEF_COLUMNS)) == len(BRIEF_COLUMNS)


@pytest.mark.parametrize("resource", list(Resource))
def test_an_empty_batch_gives_empty_frames_that_land(resource: Resource, stored: Stored) -> None:
    done = normalise_batch(SPARK.dialect, SPARK.feed("default"), resource, [])
    table = TABLE_OF_RESOURCE[resource]
    assert tuple(done.frames[table].columns) == RESO_TABLES[table].column_names
    assert stored(table, done.frames[table]) == []
    assert done.rejected.height == 0
    assert done.replaced == {}


def test_there_is_a_column_type_for_each_type_of_the_dictionary() -> None:
    used = {field.type for kind in Resource for field in dictionary.fields_of(kind).values()}
    assert used == set(FieldType)
