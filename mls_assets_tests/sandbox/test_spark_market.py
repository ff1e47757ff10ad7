"""The Spark surface in front of the sandbox's own market: both together keep Spark's word."""

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from mls_assets.sandbox.catalogue import ENTITY_SETS
from mls_assets.sandbox.market.market import Market
from mls_assets_tests.sandbox.spark_fake import Server, Site, serving

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
KEY_FIELDS = {
    "Property": "ListingKey",
    "Member": "MemberKey",
    "Office": "OfficeKey",
    "OpenHouse": "OpenHouseKey",
    "Lookup": "LookupKey",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def market() -> Market:
    return Market(listings=120, seed=7, real_clock=lambda: NOW)


@pytest.fixture
def site(server: Server, market: Market) -> Iterator[Site]:
    with Site(server, market.catalogue) as fresh:
        yield fresh


@pytest.mark.parametrize(("resource", "field"), KEY_FIELDS.items())
def test_a_walk_brings_the_whole_market_in_the_order_of_the_keys(
    site: Site, market: Market, resource: str, field: str
):
    pages = list(site.walk(f"/{resource}?$top=37&$count=true"))
    seen = [record[field] for page in pages for record in page["value"]]
    assert seen == sorted(set(seen)) == list(market.catalogue.keys(resource))
    assert {page["@odata.count"] for page in pages} == {len(seen)}


@pytest.mark.parametrize("resource", ENTITY_SETS)
def test_the_cheap_fields_are_those_of_the_full_record(market: Market, resource: str):
    for key in list(market.catalogue.keys(resource))[:100]:
        head, record = market.catalogue.head(resource, key), market.catalogue.record(resource, key)
        assert head is not None
        assert record is not None
        assert head.items() <= record.items()


@pytest.mark.parametrize("root", ["/Version/2/Reso/OData", "/Version/3/Reso/OData"])
def test_the_fast_text_says_what_the_record_says(site: Site, market: Market, root: str):
    shape = "v2" if "2" in root else "v3"
    view = market.catalogue.with_shape(shape)
    base = f"{site.origin}{root}"
    for record in site.read(f"{base}/Property?$top=30")["value"]:
        key = record["ListingKey"]
        assert record == {
            **(view.record("Property", key) or {}),
            "@odata.id": f"{base}/Property('{key}')",
        }


@pytest.mark.parametrize("navigation", ["Media", "Room", "Unit", "OpenHouse"])
def test_the_fast_text_of_children_says_what_a_query_finds(server: Server, navigation: str):
    larger = Market(listings=600, seed=7, real_clock=lambda: NOW)  # units are rare
    path = f"/Property?$top=1000&$select=ListingKey&$expand={navigation}"
    with Site(server, larger.catalogue) as site:
        fast = site.read(path)["value"]
        assert fast == site.read(f"{path}($skip=0)")["value"]
    assert any(record[navigation] for record in fast)


def test_a_poll_brings_what_changed_since_and_nothing_else(site: Site, market: Market):
    chosen = market.spark.choose("Property", 5)
    market.spark.change("Property", chosen)
    (new,) = market.spark.add("Property", 1)
    assert site.found("ModificationTimestamp gt 2026-06-01T11:40:00Z") == sorted([*chosen, new])
    assert site.found(f"ListingKey in ('{chosen[0]}','{new}','20000101')") == [chosen[0], new]


def test_what_is_removed_during_a_walk_is_not_brought_and_moves_nothing(site: Site, market: Market):
    before = list(market.catalogue.keys("Property"))
    pages = site.walk("/Property?$top=25&$select=ListingKey")
    seen = [record["ListingKey"] for record in next(pages)["value"]]
    market.spark.remove("Property", [before[3], before[24], before[60]])
    seen += [record["ListingKey"] for page in pages for record in page["value"]]
    assert seen == [key for key in before if key != before[60]]
    assert site.refusal(f"/Property('{before[60]}')") == (404, 404)


def test_every_field_of_the_metadata_can_be_asked_for(site: Site):
    schema = ElementTree.fromstring(site.ask("/$metadata").content)
    csdl = "{http://docs.oasis-open.org/odata/ns/edm}"
    types = {each.get("Name"): each for each in schema.iter(f"{csdl}EntityType")}
    fields = [str(each.get("Name")) for each in types["Property"].iter(f"{csdl}Property")]
    assert len(fields) > 800
    for start in range(0, len(fields), 100):
        assert site.read(f"/Property?$top=1&$select={','.join(fields[start : start + 100])}")
    for name in types["Property"].iter(f"{csdl}NavigationProperty"):
        assert site.read(f"/Property?$top=1&$expand={name.get('Name')}")


def test_records_can_be_put_in_order_of_their_change(site: Site):
    path = "/Property?$orderby=ModificationTimestamp desc&$select=ModificationTimestamp"
    pages = site.walk(f"{path}&$top=50")
    stamps = [record["ModificationTimestamp"] for page in pages for record in page["value"]]
    assert stamps == sorted(stamps, reverse=True)
    assert len(stamps) == 120


def test_a_listing_is_found_on_the_map(site: Site):
    record = next(each for each in site.read("/Property?$top=50")["value"] if each.get("Latitude"))
    x, y = record["Longitude"], record["Latitude"]
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    outline = ",".join(f"{x + dx / 100} {y + dy / 100}" for dx, dy in corners)
    found = site.found(f"geo.intersects(Location,geography'POLYGON(({outline}))')")
    assert record["ListingKey"] in found
