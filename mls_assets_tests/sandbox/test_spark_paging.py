"""Paging on the Spark surface: complete, stable while the market moves, links to the letter."""

from collections.abc import Iterator

import pytest

from mls_assets_tests.sandbox.spark_fake import Server, Site, key_number, options_of, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    with Site(server) as fresh:
        yield fresh


def test_a_walk_brings_every_listing_once_in_the_order_of_the_keys(site: Site):
    expected = site.market.add_listings(23)
    pages = list(site.walk("/Property?$top=5"))
    assert [len(page["value"]) for page in pages] == [5, 5, 5, 5, 3]
    assert [record["ListingKey"] for page in pages for record in page["value"]] == expected


def test_a_page_without_a_next_link_ends_the_walk_also_when_it_is_full(site: Site):
    site.market.add_listings(10)
    first, second = site.walk("/Property?$top=5")
    assert "@odata.nextLink" in first
    assert "@odata.nextLink" not in second
    assert len(second["value"]) == 5


def test_an_empty_market_is_one_empty_page(site: Site):
    page = site.read("/Property?$count=true")
    assert page == {
        "@odata.context": f"{site.root}/$metadata#Property",
        "@odata.count": 0,
        "value": [],
    }


def test_the_envelope_has_its_members_in_spark_s_order(site: Site):
    site.market.add_listings(2)
    page = site.read("/Property?$top=1&$count=true")
    assert list(page) == ["@odata.context", "@odata.count", "@odata.nextLink", "value"]
    assert list(site.read("/Property?$top=1")) == ["@odata.context", "@odata.nextLink", "value"]


def test_the_token_is_the_key_of_the_last_record(site: Site):
    site.market.add_listings(3)
    link = site.read("/Property?$top=2")["@odata.nextLink"]
    assert link == f"{site.root}/Property?%24skiptoken={key_number(2)}&%24top=2"


def test_a_next_link_is_encoded_to_the_letter_as_spark_does_it(site: Site):
    site.market.add_listings(4)
    for key in site.market.records["Property"].values():
        key["StandardStatus"] = "Active"
    path = (
        "/Property?$top=2&$filter=StandardStatus eq 'Active' or StandardStatus eq 'Pending'"
        "&$expand=Media,Unit,Room,OpenHouse&$count=true"
    )
    assert site.read(path)["@odata.nextLink"] == (
        f"{site.root}/Property?%24count=true&%24expand=Media%2CUnit%2CRoom%2COpenHouse"
        "&%24filter=StandardStatus+eq+%27Active%27+or+StandardStatus+eq+%27Pending%27"
        f"&%24skiptoken={key_number(2)}&%24top=2"
    )


def test_a_link_repeats_what_was_asked_and_nothing_else(site: Site):
    site.market.add_listings(12)
    page = site.read("/Property?$select=ListingKey&colour=blue")
    assert options_of(page["@odata.nextLink"]) == {
        "$select": "ListingKey",
        "$skiptoken": key_number(10),
    }


def test_plus_and_percent_20_are_both_a_space_and_the_dollar_may_be_encoded(site: Site):
    site.market.add("Property", "1", City="Two Words")
    site.market.add("Property", "2", City="Other")
    for condition in ("City+eq+'Two+Words'", "City%20eq%20%27Two%20Words%27"):
        assert site.keys(f"/Property?%24filter={condition}") == ["1"]
        assert site.keys(f"/Property?$filter={condition}") == ["1"]


def test_an_empty_token_is_the_first_page(site: Site):
    site.market.add_listings(3)
    page = site.read("/Property?$top=2&$skiptoken=")
    assert [record["ListingKey"] for record in page["value"]] == [key_number(1), key_number(2)]
    assert options_of(page["@odata.nextLink"])["$skiptoken"] == key_number(2)


def test_what_comes_or_goes_while_paging_moves_no_other_record(site: Site):
    for number in range(10, 100, 10):
        site.market.add("Property", key_number(number))
    pages = site.walk("/Property?$top=3")
    seen = [record["ListingKey"] for record in next(pages)["value"]]
    site.market.remove("Property", key_number(10))
    site.market.remove("Property", key_number(30))  # the token itself
    site.market.remove("Property", key_number(50))
    site.market.add("Property", key_number(5))
    site.market.add("Property", key_number(65))
    seen += [record["ListingKey"] for page in pages for record in page["value"]]
    expected = (10, 20, 30, 40, 60, 65, 70, 80, 90)
    assert seen == [key_number(number) for number in expected]


def test_a_record_that_changes_while_paging_keeps_its_place(site: Site):
    site.market.add_listings(6)
    pages = site.walk("/Property?$top=2&$filter=ModificationTimestamp gt 2026-01-01T00:00:00Z")
    seen = [record["ListingKey"] for record in next(pages)["value"]]
    site.market.add("Property", key_number(1), ModificationTimestamp="2026-06-01T00:00:00Z")
    site.market.add("Property", key_number(5), ModificationTimestamp="2026-06-01T00:00:00Z")
    seen += [record["ListingKey"] for page in pages for record in page["value"]]
    assert seen == [key_number(number) for number in range(1, 7)]


def test_a_walk_with_a_filter_counts_and_brings_only_what_matches(site: Site):
    for number in range(1, 31):
        city = "North" if number % 3 == 0 else "South"
        site.market.add("Property", key_number(number), City=city)
    pages = list(site.walk("/Property?$top=4&$count=true&$filter=City eq 'North'"))
    assert [page["@odata.count"] for page in pages] == [10, 10, 10]
    seen = [record["ListingKey"] for page in pages for record in page["value"]]
    assert seen == [key_number(number) for number in range(3, 31, 3)]
    assert "@odata.nextLink" not in pages[-1]


def test_the_end_is_decided_by_what_still_matches_not_by_what_still_exists(site: Site):
    for number in range(1, 6):
        city = "North" if number < 3 else "South"
        site.market.add("Property", key_number(number), City=city)
    page = site.read("/Property?$top=2&$filter=City eq 'North'")
    assert len(page["value"]) == 2
    assert "@odata.nextLink" not in page


@pytest.mark.parametrize(
    ("resource", "field"),
    [("Member", "MemberKey"), ("Office", "OfficeKey"), ("OpenHouse", "OpenHouseKey")],
)
def test_members_offices_and_open_houses_are_paged_by_token_too(
    site: Site, resource: str, field: str
):
    for number in range(1, 6):
        site.market.add(resource, key_number(number))
    first, *_rest = pages = list(site.walk(f"/{resource}?$top=2"))
    assert options_of(first["@odata.nextLink"])["$skiptoken"] == key_number(2)
    seen = [record[field] for page in pages for record in page["value"]]
    assert seen == [key_number(number) for number in range(1, 6)]


def test_lookups_are_paged_by_skip_so_that_pages_can_shift(site: Site):
    for number in range(1, 6):
        site.market.add("Lookup", f"2027-{number}")
    pages = site.walk("/Lookup?$top=2")
    first = next(pages)
    assert first["@odata.nextLink"] == f"{site.root}/Lookup?%24skip=2&%24top=2"
    site.market.remove("Lookup", "2027-1")
    rest = [record["LookupKey"] for page in pages for record in page["value"]]
    assert rest == ["2027-4", "2027-5"]
    assert site.refusal("/Lookup?$skiptoken=2027-1") == (400, 400)


def test_an_order_of_one_s_own_is_paged_by_skip(site: Site):
    for number in range(1, 6):
        stamp = f"2026-05-0{6 - number}T00:00:00Z"
        site.market.add("Property", key_number(number), ModificationTimestamp=stamp)
    first, *_rest = pages = list(site.walk("/Property?$top=2&$orderby=ModificationTimestamp"))
    assert first["@odata.nextLink"] == (
        f"{site.root}/Property?%24orderby=ModificationTimestamp&%24skip=2&%24top=2"
    )
    seen = [record["ListingKey"] for page in pages for record in page["value"]]
    assert seen == [key_number(number) for number in (5, 4, 3, 2, 1)]


def test_a_skip_in_the_default_order_goes_on_by_token(site: Site):
    site.market.add_listings(6)
    first, second = site.walk("/Property?$top=3&$skip=2")
    assert options_of(first["@odata.nextLink"]) == {"$skiptoken": key_number(5), "$top": "3"}
    assert [record["ListingKey"] for record in second["value"]] == [key_number(6)]


def test_keys_of_any_text_are_paged_in_the_order_of_their_bytes(site: Site):
    keys = ["a&b", "a+b", "a b", "O'Brien", "100%", "ä", "Z"]
    for key in keys:
        site.market.add("Property", key)
    seen = [
        record["ListingKey"] for page in site.walk("/Property?$top=1") for record in page["value"]
    ]
    assert seen == sorted(keys)


def test_a_key_sweep_and_a_poll_for_changes_read_no_record_in_full(site: Site):
    for number in range(1, 21):
        site.market.add("Property", key_number(number), StandardStatus="Active")
    list(site.walk("/Property?$top=5&$select=ListingKey&$count=true"))
    list(
        site.walk(
            "/Property?$top=5&$select=ListingKey,ModificationTimestamp"
            "&$filter=ModificationTimestamp gt 2026-01-01T00:00:00Z and StandardStatus eq 'Active'"
        )
    )
    assert site.market.full_reads == []


def test_a_poll_for_changes_walks_no_keys(site: Site):
    site.market.add_listings(3)
    site.market.add("Property", "9", ModificationTimestamp="2026-05-01T13:00:00Z")
    site.market.walks = 0
    condition = "ModificationTimestamp gt 2026-05-01T12:00:00Z"
    assert site.found(condition) == ["9"]
    assert site.market.walks == 0
    assert site.market.full_reads == ["9"]


def test_a_question_for_keys_reads_only_those(site: Site):
    site.market.add_listings(50)
    wanted = [key_number(40), key_number(7), "unknown"]
    condition = "ListingKey in ({})".format(",".join(f"'{key}'" for key in wanted))
    assert site.found(condition) == [key_number(7), key_number(40)]
    assert site.market.walks == 0
    assert len(site.market.full_reads) == 2
