"""Who and what the Spark surface answers: access, methods, paths, entities, its own schema."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest

from mls_assets.sandbox.access import SPARK_TOKEN
from mls_assets_tests.sandbox.spark_fake import Server, Site, key_number, options_of, serving

CSDL = "{http://docs.oasis-open.org/odata/ns/edm}"
REFUSED_401 = {
    "error": {"code": 401, "message": "Invalid API key and/or request signed improperly"}
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    with Site(server) as fresh:
        yield fresh


# -- access


@pytest.mark.parametrize("path", ["", "/", "/Property", "/$metadata", "/Property('1')/Media"])
def test_without_a_known_token_everything_is_refused_as_captured(site: Site, path: str):
    for header in ({"Authorization": None}, {"Authorization": "Bearer wrong"}):
        answer = site.ask(path, headers=header)
        assert (answer.status_code, answer.json()) == (401, REFUSED_401)


@pytest.mark.parametrize("scheme", ["Bearer", "OAuth"])
def test_both_schemes_of_the_header_are_taken(site: Site, scheme: str):
    header = {"Authorization": f"{scheme} {SPARK_TOKEN}"}
    assert site.ask("/Property", headers=header).status_code == 200
    assert site.refusal("/Property", headers={"Authorization": SPARK_TOKEN}) == (401, 401)


def test_a_revoked_token_is_refused_with_its_own_number(site: Site):
    site.access.revoke("spark")
    assert site.refusal("/Property") == (401, 1010)


def test_above_the_rate_limit_the_answer_says_when_to_come_back(site: Site):
    site.access.limit = 1
    assert site.ask("/Property").status_code == 200
    answer = site.ask("/Property")
    assert answer.status_code == 429
    assert answer.json()["error"]["code"] == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 300


def test_each_answer_has_an_id_of_its_own(site: Site):
    ids = {site.ask(path).headers["x-request-id"] for path in ("/Property", "/Nothing", "")}
    assert len(ids) == 3


# -- methods


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_written(site: Site, method: str):
    answer = site.ask("/Property('1')", method, json={"ListPrice": 1})
    assert answer.status_code == 405
    assert answer.json()["error"] == {"code": 405, "message": "Not implemented"}


def test_a_long_question_can_come_as_a_post(site: Site):
    site.market.add_listings(5)
    answer = site.ask(
        "/Property?$top=2",
        "POST",
        headers={"X-HTTP-Method-Override": "GET"},
        data={"$filter": f"ListingKey gt '{key_number(1)}'", "$count": "true"},
    )
    assert answer.status_code == 200
    page = answer.json()
    assert page["@odata.count"] == 4
    assert options_of(page["@odata.nextLink"]) == {
        "$count": "true",
        "$filter": f"ListingKey gt '{key_number(1)}'",
        "$skiptoken": key_number(3),
        "$top": "2",
    }


# -- entities and what stands under them


def test_an_entity_is_found_by_its_key(site: Site):
    site.market.add("Property", "1", City="Here")
    assert site.read("/Property('1')") == {
        "@odata.context": f"{site.root}/$metadata#Property/$entity",
        "ListingKey": "1",
        "ModificationTimestamp": "2026-05-01T12:00:00Z",
        "City": "Here",
        "@odata.id": f"{site.root}/Property('1')",
    }
    assert site.read("/Property(ListingKey='1')")["City"] == "Here"


def test_an_entity_takes_a_selection_and_expansions_but_no_paging(site: Site):
    site.market.add("Property", "1", City="Here")
    record = site.read("/Property('1')?$select=City&$expand=Media")
    assert list(record) == ["@odata.context", "City", "Media", "@odata.id"]
    assert site.refusal("/Property('1')?$top=1") == (400, 400)


def test_a_quote_in_a_key_is_doubled(site: Site):
    site.market.add("Property", "O'Brien/1")
    record = site.read("/Property('O''Brien/1')")
    assert record["ListingKey"] == "O'Brien/1"
    assert record["@odata.id"] == f"{site.root}/Property('O''Brien%2F1')"
    assert site.read(record["@odata.id"])["ListingKey"] == "O'Brien/1"


@pytest.mark.parametrize(
    "path",
    [
        "/Listing",
        "/Media",
        "/Teams",
        "/Property('2')",
        "/Property('2')/Media",
        "/Property('1')/Photos",
        "/Property('1')/CustomFields",
        "/Property('1')/Media('m2')",
        "/Property('1')/Media('m1')/More",
        "/Property/Media",
        "/Property/$count",
        "/Property(1)",
        "/Property('1",
        "/property",
        "//Property",
        "/$metadata/Property",
        "X",
    ],
)
def test_what_does_not_exist_is_a_404(site: Site, path: str):
    site.market.add("Property", "1")
    site.market.put_under("1", "Media", {"MediaKey": "m1"})
    assert site.refusal(path) == (404, 404)


def test_media_of_a_listing_are_a_list_of_their_own(site: Site):
    site.market.add("Property", "1")
    media = [{"MediaKey": f"m{order}", "Order": order} for order in range(1, 13)]
    site.market.put_under("1", "Media", *media)
    page = site.read("/Property('1')/Media?$count=true&$orderby=Order desc")
    assert page["@odata.context"] == f"{site.root}/$metadata#Property('1')/Media"
    assert page["@odata.count"] == 12
    assert [each["Order"] for each in page["value"]] == list(range(12, 2, -1))
    assert page["@odata.nextLink"] == (
        f"{site.root}/Property('1')/Media?%24count=true&%24orderby=Order+desc&%24skip=10"
    )
    rest = site.read(page["@odata.nextLink"])
    assert [each["MediaKey"] for each in rest["value"]] == ["m2", "m1"]
    assert "@odata.nextLink" not in rest


def test_a_single_medium_is_found_by_its_key(site: Site):
    site.market.add("Property", "1")
    site.market.put_under("1", "Media", {"MediaKey": "m1", "Order": 1})
    assert site.read("/Property('1')/Media('m1')?$select=Order") == {
        "@odata.context": f"{site.root}/$metadata#Property('1')/Media/$entity",
        "Order": 1,
        "@odata.id": f"{site.root}/Property('1')/Media('m1')",
    }


@pytest.mark.parametrize("navigation", ["Room", "Unit", "OpenHouse", "HistoryTransactional"])
def test_a_navigation_without_content_is_an_empty_list(site: Site, navigation: str):
    site.market.add("Property", "1")
    assert site.read(f"/Property('1')/{navigation}")["value"] == []


def test_media_of_members_are_empty(site: Site):
    site.market.add("Member", "7")
    assert site.read("/Member('7')/Media")["value"] == []
    assert site.read("/Member('7')?$expand=Media,SocialMedia")["SocialMedia"] == []


# -- the service's own description


def test_the_service_document_lists_the_entity_sets(site: Site):
    for path in ("", "/"):
        document = site.read(path)
        assert document["@odata.context"] == f"{site.root}/$metadata"
        assert [each["url"] for each in document["value"]] == [
            "Property",
            "Member",
            "Office",
            "OpenHouse",
            "Lookup",
        ]


def test_the_metadata_describe_types_keys_navigations_and_sets(site: Site):
    site.market.add("Lookup", "1", LookupName="StandardStatus", LookupValue="Active")
    answer = site.ask("/$metadata", headers={"Accept": "application/xml"})
    assert answer.headers["Content-Type"].startswith("application/xml")
    schema = ElementTree.fromstring(answer.content).find(f".//{CSDL}Schema")
    assert schema is not None
    assert schema.get("Namespace") == "ODataService"
    types = {each.get("Name"): each for each in schema.iter(f"{CSDL}EntityType")}
    assert {"Property", "Media", "PropertyRooms", "HistoryTransactional"} <= types.keys()
    listing = types["Property"]
    reference = listing.find(f"{CSDL}Key/{CSDL}PropertyRef")
    assert reference is not None
    assert reference.get("Name") == "ListingKey"
    properties = {each.get("Name"): each for each in listing.iter(f"{CSDL}Property")}
    assert properties["ListPrice"].get("Type") == "Edm.Decimal"
    assert properties["Appliances"].get("Type") == "Collection(Edm.String)"
    annotations = {
        name: [(note.get("Term"), note.get("String")) for note in each]
        for name, each in properties.items()
    }
    assert annotations["Site_co_Level"] == [
        ("MLS.OData.Metadata.LocalName", "Site: Level & <Even>")
    ]
    assert annotations["StandardStatus"] == [("RESO.OData.Metadata.LookupName", "StandardStatus")]
    assert annotations["City"] == []
    navigations = {
        each.get("Name"): (each.get("Type"), each.get("ContainsTarget"))
        for each in listing.iter(f"{CSDL}NavigationProperty")
    }
    assert navigations["Room"] == ("Collection(ODataService.PropertyRooms)", "true")
    sets = {each.get("Name"): each.get("EntityType") for each in schema.iter(f"{CSDL}EntitySet")}
    assert sets["Property"] == "ODataService.Property"
    assert "CustomFields" not in types


# -- roots


@pytest.mark.parametrize("root", ["/v1/Reso/OData", "/Version/2/Reso/OData"])
def test_other_roots_answer_with_links_to_themselves(site: Site, root: str):
    site.market.add_listings(2)
    base = f"{site.origin}{root}"
    page = site.read(f"{base}/Property?$top=1")
    assert page["@odata.context"] == f"{base}/$metadata#Property"
    assert page["@odata.nextLink"].startswith(f"{base}/Property?")
    assert page["value"][0]["@odata.id"].startswith(f"{base}/Property(")


def test_links_name_the_host_that_was_asked(site: Site):
    site.market.add_listings(2)
    page = site.read("/Property?$top=1", headers={"Host": "mls.test:8443"})
    assert page["@odata.nextLink"].startswith("http://mls.test:8443/Reso/OData/Property?")


# -- pages of full size


def test_a_page_of_a_thousand_wide_records_is_complete_and_plain_json(site: Site):
    wide = {f"Field{number}": None for number in range(600)}
    for number in range(1, 1002):
        site.market.add("Property", key_number(number), City="Ünïcode", **wide)
    page = site.read("/Property?$top=1000")
    assert len(page["value"]) == 1000
    assert page["value"][-1]["City"] == "Ünïcode"
    assert len(page["value"][0]) == 604
    assert options_of(page["@odata.nextLink"])["$skiptoken"] == key_number(1000)
