"""The faults of the Spark surface: each does what its name says, and then is over."""

import gzip
import json
import zlib
from collections.abc import Iterator

import pytest
import requests

from mls_assets.sandbox.faults import SPARK_FAULTS
from mls_assets_tests.sandbox.spark_fake import Server, Site, key_number, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    with Site(server) as fresh:
        yield fresh


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("status_401", 401, 401),
        ("status_403_1021", 403, 1021),
        ("status_404", 404, 404),
        ("status_429", 429, 429),
        ("status_500_1026", 500, 1026),
        ("status_503_1510", 503, 1510),
        ("status_503_1024", 503, 1024),
        ("status_503_1516", 503, 1516),
        ("expired_skiptoken", 400, 400),
    ],
)
def test_a_fault_of_status_answers_once_with_its_error(
    site: Site, name: str, status: int, code: int
):
    site.faults.add(name)
    assert site.refusal("/Property") == (status, code)
    assert site.ask("/Property").status_code == 200


def test_a_fault_waits_for_its_turn_and_its_resource(site: Site):
    site.faults.add("status_502", resource="Member", after=1)
    statuses = [site.ask(path).status_code for path in ("/Member", "/Property", "/Member")]
    assert statuses == [200, 200, 502]


def test_a_fault_can_wait_for_a_continuation(site: Site):
    site.market.add_listings(3)
    site.faults.add("expired_skiptoken", match="$skiptoken")
    link = site.read("/Property?$top=2")["@odata.nextLink"]
    assert site.refusal(link) == (400, 400)


def test_a_429_says_when_to_come_back_only_if_told_to(site: Site):
    site.faults.add("status_429")
    assert "Retry-After" not in site.ask("/Property").headers
    for wait in (7, "Wed, 21 Oct 2026 07:28:00 GMT", "soon"):
        site.faults.add("status_429", retry_after=wait)
        assert site.ask("/Property").headers["Retry-After"] == str(wait)


def test_any_error_can_come_in_the_native_envelope(site: Site):
    site.faults.add("native_error_body")
    answer = site.ask("/Property")
    assert answer.status_code == 503
    assert answer.json()["D"].keys() == {"Message", "Code", "Success"}
    site.faults.add("native_error_body", status=401, code=1020, message="Session token has expired")
    answer = site.ask("/Property")
    assert answer.status_code == 401
    assert answer.json() == {
        "D": {"Message": "Session token has expired", "Code": 1020, "Success": False}
    }
    site.faults.add("status_429", body="native")
    assert site.ask("/Property").json()["D"]["Code"] == 1550


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("html_200", 200, "text/html"),
        ("html_502", 502, "text/html"),
        ("status_502", 502, "text/plain"),
    ],
)
def test_a_gateway_or_a_login_page_answers_without_json(
    site: Site, name: str, status: int, kind: str
):
    site.faults.add(name)
    answer = site.ask("/Property")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith(kind)


def test_a_redirect_points_where_it_is_told(site: Site):
    site.faults.add("redirect", url="http://127.0.0.1:9/elsewhere")
    answer = site.ask("/Property")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "http://127.0.0.1:9/elsewhere"


def test_a_dropped_connection_brings_not_a_byte(site: Site):
    site.faults.add("drop_connection")
    with pytest.raises(requests.ConnectionError):
        site.ask("/Property")
    assert site.ask("/Property").status_code == 200


# -- pages


def test_an_empty_page_ends_the_chain(site: Site):
    site.market.add_listings(5)
    site.faults.add("empty_page", after=1)
    pages = list(site.walk("/Property?$top=2&$count=true"))
    assert [len(page["value"]) for page in pages] == [2, 0]
    assert pages[-1]["@odata.count"] == 5


def test_a_chain_can_end_early(site: Site):
    site.market.add_listings(5)
    site.faults.add("page_without_link", after=1)
    assert [len(page["value"]) for page in site.walk("/Property?$top=2")] == [2, 2]


def test_a_page_can_link_to_itself(site: Site):
    site.market.add_listings(5)
    link = site.read("/Property?$top=2")["@odata.nextLink"]
    site.faults.add("link_loop", times=0)
    assert site.read(link)["@odata.nextLink"] == link


def test_a_page_can_link_to_another_host(site: Site):
    site.faults.add("link_elsewhere", url="https://evil.invalid/Reso/OData/Property")
    page = site.read("/Property")
    assert page["@odata.nextLink"] == "https://evil.invalid/Reso/OData/Property"
    site.faults.add("link_elsewhere")
    assert not site.read("/Property")["@odata.nextLink"].startswith(site.origin)


@pytest.mark.parametrize("path", ["/Property?$top=2", "/Property?$top=2&$orderby=ListingKey"])
def test_a_page_can_come_twice_under_two_addresses(site: Site, path: str):
    site.market.add_listings(5)
    for after in (0, 1):
        site.faults.add("duplicate_page", after=after)
        keys = [[each["ListingKey"] for each in page["value"]] for page in site.walk(path)]
        assert len(keys) == 4
        assert keys[after] == keys[after + 1]
        assert {key for page in keys for key in page} == set(site.market.records["Property"])


def test_records_can_come_with_a_broken_key(site: Site):
    for number in (1, 2):
        site.market.add("Property", key_number(number), ListPrice=1.5)
    site.faults.add("missing_key")
    assert "ListingKey" not in site.read("/Property")["value"][0]
    site.faults.add("null_key", index=1)
    first, second = site.read("/Property")["value"]
    assert (first["ListingKey"], second["ListingKey"]) == (key_number(1), None)
    site.faults.add("numeric_key")
    assert site.read("/Property")["value"][0]["ListingKey"] == int(key_number(1))
    assert site.keys("/Property") == [key_number(1), key_number(2)]


def test_a_count_can_be_off(site: Site):
    site.market.add_listings(5)
    for by in (1, -2):
        site.faults.add("count_off", by=by)
        assert site.read("/Property?$count=true")["@odata.count"] == 5 + by
    site.faults.add("count_off")
    assert "@odata.count" not in site.read("/Property")


def test_a_count_can_be_missing_or_a_text(site: Site):
    site.market.add_listings(5)
    site.faults.add("count_missing")
    assert "@odata.count" not in site.read("/Property?$count=true")
    site.faults.add("count_text")
    assert site.read("/Property?$count=true")["@odata.count"] == "5"


@pytest.mark.parametrize(("count", "told"), [("", 5), ("page", 2), ("missing", None)])
def test_top_can_limit_the_whole_answer(site: Site, count: str, told: int | None):
    site.market.add_listings(5)
    site.faults.add("top_limits_all", count=count)
    answer = site.read("/Property?$top=2&$count=true")
    assert len(answer["value"]) == 2
    assert "@odata.nextLink" not in answer
    assert answer.get("@odata.count") == told


def test_the_order_can_be_broken_without_losing_a_record(site: Site):
    keys = site.market.add_listings(4)
    site.faults.add("order_broken")
    pages = [
        [each["ListingKey"] for each in page["value"]] for page in site.walk("/Property?$top=2")
    ]
    assert pages == [[keys[1], keys[0]], [keys[2], keys[3]]]


def test_an_odd_value_stands_to_the_letter_in_every_record(site: Site):
    site.market.add_listings(2)
    site.faults.add("odd_value", field="Latitude", text="33.448400000000003")
    text = site.ask("/Property?$top=2").text
    assert text.count('"Latitude":33.448400000000003') == 2


def test_a_number_can_be_none(site: Site):
    site.market.add("Property", "1", ListPrice=2.5)
    site.faults.add("nan_value")
    text = site.ask("/Property").text
    assert '"ListPrice":NaN' in text
    with pytest.raises(ValueError, match="NaN"):
        json.loads(text, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


def test_faults_of_pages_leave_other_answers_alone(site: Site):
    site.market.add("Property", "1")
    site.faults.add("empty_page")
    assert site.read("/Property('1')")["ListingKey"] == "1"
    assert site.read("")["value"]
    assert site.read("/Property")["value"] == []


# -- bytes


def test_a_truncated_body_is_noticed_only_by_who_reads_the_json(site: Site):
    site.market.add_listings(10)
    site.faults.add("truncated_body")
    answer = site.ask("/Property")
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_body_that_breaks_off_is_noticed_by_the_transport(site: Site, encoding: str):
    site.market.add_listings(10)
    site.faults.add("truncated_body", promise="whole")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        site.ask("/Property", headers={"Accept-Encoding": encoding})


def test_truncated_gzip_is_noticed_only_by_who_unpacks_to_the_end(site: Site):
    site.market.add_listings(10)
    site.faults.add("truncated_gzip")
    answer = site.ask("/Property", stream=True)
    packed = answer.raw.read(decode_content=False)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(packed)
    with pytest.raises(EOFError):
        gzip.decompress(packed)
    unpacker = zlib.decompressobj(wbits=31)
    assert unpacker.decompress(packed).startswith(b'{"@odata.context"')
    assert not unpacker.eof


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_slow_drip_comes_in_small_pieces_and_is_complete(site: Site, encoding: str):
    site.market.add_listings(10)
    site.faults.add("slow_drip", seconds=0, bytes=16)
    answer = site.ask("/Property", headers={"Accept-Encoding": encoding}, stream=True)
    with answer:
        pieces = list(answer.raw.stream(1 << 20, decode_content=False))
        assert all(pieces)
        assert int(answer.headers["Content-Length"]) == sum(map(len, pieces))
        body = b"".join(pieces)
    text = gzip.decompress(body) if encoding == "gzip" else body
    assert len(json.loads(text)["value"]) == 10


def test_every_fault_that_the_market_knows_can_be_applied(site: Site):
    site.market.add_listings(3)
    for name in SPARK_FAULTS:
        site.faults.add(name, seconds=0)
        try:
            answer = site.ask("/Property?$count=true")
        except requests.RequestException:
            assert name == "drop_connection"
        else:
            assert answer.status_code != 500 or name.startswith("status_"), name
        assert site.faults.active() == [], name
