"""What can be asked of the Spark surface: top, skip, count, select, expand, order, filter."""

from collections.abc import Iterator

import pytest

from mls_assets.sandbox.access import Access
from mls_assets.sandbox.spark.options import MAX_FILTER
from mls_assets_tests.sandbox.spark_fake import Server, Site, key_number, options_of, serving

PHOTOS = [
    {"MediaKey": f"m{order}", "MediaCategory": "Photo", "MediaURL": None, "Order": order}
    for order in range(1, 13)
]
TOUR = {"MediaKey": "m99", "MediaCategory": "Video", "MediaURL": None, "Order": 1}
ROOM = {"RoomKey": "r1", "RoomType": "Kitchen", "RoomLength": "18.00"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    with Site(server) as fresh:
        yield fresh


def live_key(access: Access) -> dict[str, str]:
    access.grant("live-token", "spark", role="live")
    return {"Authorization": "Bearer live-token"}


# -- $top, $skip, $count


def test_a_page_has_ten_records_unless_asked_otherwise(site: Site):
    site.market.add_listings(11)
    assert len(site.keys("/Property")) == 10


@pytest.mark.parametrize("top", ["0", "-1", "1001", "ten", "", "1.5", "+5", "1e2", "٣", "9" * 30])
def test_a_top_that_is_no_number_in_range_is_refused(site: Site, top: str):
    assert site.refusal("/Property", params={"$top": top}) == (400, 400)


def test_a_replication_key_may_ask_for_a_thousand_and_a_live_key_for_25(site: Site):
    assert site.ask("/Property?$top=1000").status_code == 200
    headers = live_key(site.access)
    assert site.ask("/Property?$top=25", headers=headers).status_code == 200
    assert site.refusal("/Property?$top=26", headers=headers) == (400, 400)


@pytest.mark.parametrize("skip", ["-1", "some", "2500001", ""])
def test_a_skip_that_is_no_number_in_range_is_refused(site: Site, skip: str):
    assert site.refusal("/Property", params={"$skip": skip}) == (400, 400)


def test_skip_leaves_records_out(site: Site):
    site.market.add_listings(5)
    assert site.keys("/Property?$skip=3") == [key_number(4), key_number(5)]
    assert site.keys("/Property?$skip=5") == []


def test_a_count_is_given_only_if_asked_for(site: Site):
    site.market.add_listings(12)
    assert site.read("/Property?$count=true&$top=1")["@odata.count"] == 12
    assert "@odata.count" not in site.read("/Property?$count=false")
    assert "@odata.count" not in site.read("/Property")
    assert site.refusal("/Property?$count=yes") == (400, 400)


def test_the_count_of_a_filter_is_of_all_that_match_whatever_the_page(site: Site):
    site.market.add_listings(12)
    condition = f"$filter=ListingKey gt '{key_number(4)}'"
    page = site.read(f"/Property?$count=true&$top=2&$skip=3&{condition}")
    assert page["@odata.count"] == 8
    assert site.read(page["@odata.nextLink"])["@odata.count"] == 8


# -- unknown and doubled options


@pytest.mark.parametrize("option", ["$search=a", "$apply=b", "$format=json", "$Top=5", "$levels=1"])
def test_an_unknown_option_is_refused(site: Site, option: str):
    assert site.refusal(f"/Property?{option}") == (400, 400)


def test_an_option_given_twice_is_refused(site: Site):
    assert site.refusal("/Property?$top=5&%24top=6") == (400, 400)


def test_a_query_that_is_not_utf_8_is_refused(site: Site):
    assert site.refusal("/Property?$filter=City eq '%ff'") == (400, 400)


@pytest.mark.parametrize(
    "options",
    [
        "$expand=Media&$orderby=ListPrice",
        "$expand=Media&$skip=0",
        "$skiptoken=1&$orderby=ListPrice",
        "$skiptoken=1&$skip=5",
    ],
)
def test_options_that_do_not_go_together_are_refused(site: Site, options: str):
    assert site.refusal(f"/Property?{options}") == (400, 400)


# -- $select


def test_a_selection_brings_these_fields_and_the_address(site: Site):
    site.market.add("Property", "1", City="Here", ListPrice=5.0)
    (record,) = site.read("/Property?$select=ListPrice,City")["value"]
    assert record == {
        "ListPrice": 5.0,
        "City": "Here",
        "@odata.id": f"{site.root}/Property('1')",
    }


def test_one_unknown_field_in_a_selection_refuses_the_request(site: Site):
    assert site.refusal("/Property?$select=ListingKey,DockYN") == (400, 400)
    assert site.refusal("/Property?$select=") == (400, 400)


def test_a_selected_field_that_is_hidden_is_told_by_its_annotation(site: Site):
    site.market.add("Property", "1", City="Here", **{"ListPrice@Core.Permissions": "None"})
    (record,) = site.read("/Property?$select=ListPrice,BedroomsTotal")["value"]
    assert record == {
        "ListPrice@Core.Permissions": "None",
        "@odata.id": f"{site.root}/Property('1')",
    }
    (whole,) = site.read("/Property")["value"]
    assert whole["ListPrice@Core.Permissions"] == "None"


def test_a_star_selects_everything(site: Site):
    site.market.add("Property", "1", City="Here")
    assert site.read("/Property?$select=*") == site.read("/Property")


# -- $expand


def test_an_expansion_is_an_array_also_when_empty_and_absent_when_not_asked(site: Site):
    site.market.add("Property", "1")
    site.market.put_under("1", "Room", ROOM)
    (record,) = site.read("/Property?$expand=Media,Room,HistoryTransactional")["value"]
    assert record["Media"] == []
    assert record["HistoryTransactional"] == []
    assert record["Room"] == [{**ROOM, "@odata.id": "Property('1')/Room('r1')"}]
    assert "Unit" not in record
    assert list(record)[-4:] == ["Media", "Room", "HistoryTransactional", "@odata.id"]


def test_media_carry_an_absolute_address_and_rooms_a_relative_one(site: Site):
    site.market.add("Property", "1")
    site.market.put_under("1", "Media", TOUR)
    site.market.put_under("1", "Room", ROOM)
    for nested in ("", "($top=1)"):
        path = f"/Property?$expand=Media{nested},Room{nested}"
        (record,) = site.read(path)["value"]
        assert record["Media"][0]["@odata.id"] == f"{site.root}/Property('1')/Media('m99')"
        assert record["Room"][0]["@odata.id"] == "Property('1')/Room('r1')"


def test_an_expansion_goes_with_a_selection(site: Site):
    site.market.add("Property", "1", City="Here")
    site.market.put_under("1", "Media", *PHOTOS)
    (record,) = site.read("/Property?$select=ListingKey&$expand=Media")["value"]
    assert list(record) == ["ListingKey", "Media", "@odata.id"]
    assert len(record["Media"]) == 12


def test_an_expansion_takes_options_of_its_own(site: Site):
    site.market.add("Property", "1")
    site.market.put_under("1", "Media", *PHOTOS, TOUR)
    nested = (
        "Media($select=MediaKey,Order;$top=2;$orderby=Order desc;$filter=MediaCategory eq 'Photo')"
    )
    (record,) = site.read(f"/Property?$expand={nested},Room")["value"]
    assert [(each["MediaKey"], each["Order"]) for each in record["Media"]] == [
        ("m12", 12),
        ("m11", 11),
    ]
    assert set(record["Media"][0]) == {"MediaKey", "Order", "@odata.id"}
    assert record["Room"] == []


def test_separators_inside_quotes_do_not_end_an_expansion(site: Site):
    site.market.add("Property", "1")
    site.market.put_under("1", "Room", {**ROOM, "RoomType": "Den; Office, (big)"})
    nested = "Room($filter=RoomType eq 'Den; Office, (big)';$top=1),Media"
    (record,) = site.read("/Property", params={"$expand": nested})["value"]
    assert len(record["Room"]) == 1


def test_without_a_top_an_expansion_is_complete(site: Site):
    site.market.add("Property", "1")
    site.market.put_under("1", "Media", *PHOTOS)
    (record,) = site.read("/Property?$expand=Media($select=MediaKey)")["value"]
    assert len(record["Media"]) == 12


@pytest.mark.parametrize(
    "expand",
    [
        "Photos",
        "Media,Photos",
        "",
        "Media(",
        "Media($top=0)",
        "Media($select=Unknown)",
        "Media($expand=Room)",
        "Media($count=true)",
        "Media($filter=Unknown eq 1)",
    ],
)
def test_an_expansion_that_does_not_exist_is_refused(site: Site, expand: str):
    assert site.refusal("/Property", params={"$expand": expand}) == (400, 400)


def test_custom_fields_expand_to_one_object_as_the_vendor_s_replicator_expects(site: Site):
    site.market.add("Property", "1", Site_co_Level=True, City="Here")
    site.market.add("Property", "2", City="There")
    first, second = site.read("/Property?$expand=Media,CustomFields&$skiptoken=")["value"]
    assert first["CustomFields"] == [{"Site_co_Level": True}]
    assert second["CustomFields"] == [{}]


# -- $orderby


def test_records_can_be_put_in_any_order(site: Site):
    for key, city, price in (("1", "B", 2), ("2", "A", 3), ("3", None, 1), ("4", "A", 1)):
        site.market.add("Property", key, City=city, ListPrice=price)
    assert site.keys("/Property?$orderby=ListPrice") == ["3", "4", "1", "2"]
    assert site.keys("/Property?$orderby=ListPrice desc") == ["2", "1", "3", "4"]
    assert site.keys("/Property?$orderby=City asc, ListPrice desc") == ["3", "2", "4", "1"]
    assert site.keys("/Property?$orderby=City,ListPrice") == ["3", "4", "2", "1"]


def test_values_of_a_wrong_type_do_not_break_an_order(site: Site):
    for key, price, pool in (("1", "dear", "Y"), ("2", 2, False), ("3", [1], True)):
        site.market.add("Property", key, ListPrice=price, PoolPrivateYN=pool)
    assert site.keys("/Property?$orderby=ListPrice desc") == ["2", "1", "3"]
    assert site.keys("/Property?$orderby=PoolPrivateYN") == ["1", "2", "3"]


def test_an_order_works_on_what_the_filter_leaves(site: Site):
    for number in range(1, 8):
        site.market.add("Property", f"{number}", BedroomsTotal=number)
    path = "/Property?$filter=BedroomsTotal gt 2&$orderby=BedroomsTotal desc&$top=2&$count=true"
    page = site.read(path)
    assert [record["ListingKey"] for record in page["value"]] == ["7", "6"]
    assert page["@odata.count"] == 5
    assert options_of(page["@odata.nextLink"])["$skip"] == "2"


@pytest.mark.parametrize("order", ["Unknown", "PublicRemarks", "Appliances", "City up", "", "a,,b"])
def test_an_order_that_cannot_be_is_refused(site: Site, order: str):
    assert site.refusal("/Property", params={"$orderby": order}) == (400, 400)


# -- $filter (the language itself: test_spark_filter_language)


def test_a_filter_of_seven_kilobytes_of_keys_is_taken(site: Site):
    site.market.add_listings(3)
    keys = [key_number(number) for number in range(1, 241)]
    condition = "ListingKey in ({})".format(",".join(f"'{key}'" for key in keys))
    assert 6900 < len(condition) < MAX_FILTER
    assert site.found(condition) == keys[:3]


def test_a_filter_that_is_too_long_is_refused(site: Site):
    condition = "City eq '{}'".format("x" * MAX_FILTER)
    assert site.refusal("/Property", params={"$filter": condition}) == (400, 400)


def test_a_filter_that_is_not_understood_is_refused(site: Site):
    assert site.refusal("/Property?$filter=City is 'Here'") == (400, 400)
    assert site.refusal("/Property?$filter=") == (400, 400)


def test_quotes_and_signs_survive_the_way_through_the_address(site: Site):
    site.market.add("Property", "1", City="O'Brien & Söhne + 100% #1")
    assert site.found("City eq 'O''Brien & Söhne + 100% #1'") == ["1"]
