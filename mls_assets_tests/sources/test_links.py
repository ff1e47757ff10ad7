"""Where a token may go: origins, links, and what messages show of an address."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mls_assets.errors import ConfigurationError, SourceRefused
from mls_assets.sources.transport.links import (
    Origin,
    resolve_link,
    sendable,
    shown_address,
    shown_text,
    target_of,
)

ROOT = "https://replication.example.com/Reso/OData"
ASKED = f"{ROOT}/Property?$top=2"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/Reso/OData/Property",
        "https://replication.example.com:8443/Reso/OData/Property",
        "http://replication.example.com/Reso/OData/Property",
        "https://replication.example.com@evil.example.com/",
        "https://user:pass@replication.example.com/Reso",
        "https://replication.example.com./Reso",
        "https://replication.example.com.evil.com/Reso",
        "https://replication.ex\u0430mple.com/Reso",
        "https://repli\u212aation.example.com/Reso",
        "https://203.0.113.9/Reso",
        "https://[::1]/Reso",
        "https://replication.example.com\\@evil.example.com/",
        "https://evil.example.com\\@replication.example.com/",
        "https://replication.example.com\t.evil.com/",
        " https://replication.example.com/",
        "https://replication.example.com/a b",
        "https://replication.example.com:0/",
        "https://replication.example.com:99999/",
        "https://replication.example.com:x/",
        "https://[broken/",
        "https:///Reso",
        "ftp://replication.example.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "",
    ],
)
def test_only_the_configured_origin_is_permitted(url: str):
    with pytest.raises(SourceRefused) as refused:
        Origin.of(ROOT).permit(url)
    assert "pass@" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        f"{ROOT}/Property?%24skiptoken=20240713010236818714000000",
        "https://replication.example.com:443/Reso/OData/Property",
        "https://REPLICATION.example.com/Other/Root",
    ],
)
def test_the_same_origin_is_permitted_however_it_is_written(url: str):
    assert Origin.of(ROOT).permit(url) == url


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (
            f"{ROOT}/Property?%24filter=A+eq+%27b%27&%24skiptoken=!x'",
            f"{ROOT}/Property?%24filter=A+eq+%27b%27&%24skiptoken=!x'",
        ),
        ("Property?$skiptoken=9", f"{ROOT}/Property?$skiptoken=9"),
        ("/Reso/OData/Property?$skip=2", f"{ROOT}/Property?$skip=2"),
        ("?$skiptoken=a", f"{ROOT}/Property?$skiptoken=a"),
        (
            "Property?next=https://evil.example.com/",
            f"{ROOT}/Property?next=https://evil.example.com/",
        ),
    ],
)
def test_a_link_is_resolved_against_the_request(link: str, expected: str):
    assert resolve_link(link, ASKED, Origin.of(ROOT)) == expected


#: A link's query as sent by a source, and as it is asked for.
FORMS = [
    ("%24skiptoken=ab%2fcd%3D&x=%e9", "%24skiptoken=ab%2fcd%3D&x=%e9"),
    ("since=2024-05-29T08:48:29+01:00", "since=2024-05-29T08:48:29+01:00"),
    ("$filter=in('a','b');c=1&d=/?@!*~", "$filter=in('a','b');c=1&d=/?@!*~"),
    ("%24top=5&state=50%off&x=%zz", "%24top=5&state=50%25off&x=%25zz"),
    ("state=100%", "state=100%25"),
    ("$skiptoken=UNIT#00012", "$skiptoken=UNIT%2300012"),
    ("x=a b", "x=a%20b"),
    ("state=S\u00fcd\U0001f600", "state=S%C3%BCd%F0%9F%98%80"),
    ('t="<a>\\b^c`{d|e}[f]', "t=%22%3Ca%3E%5Cb%5Ec%60%7Bd%7Ce%7D%5Bf%5D"),
]


@pytest.mark.parametrize(("sent", "asked"), FORMS)
def test_a_link_keeps_every_byte_that_can_be_sent(sent: str, asked: str):
    for link in (f"{ROOT}/Property?{sent}", f"Property?{sent}", f"?{sent}"):
        assert resolve_link(link, ASKED, Origin.of(ROOT)) == f"{ROOT}/Property?{asked}"
    assert sendable(asked) == asked


def test_an_absolute_link_keeps_its_path():
    for path in ("/a/../b?t=1", "/a/./b//c?t=1", "/a%2Fb?t=1", "//b?t=1"):
        url = f"https://replication.example.com{path}"
        assert resolve_link(url, ASKED, Origin.of(ROOT)) == url
        assert target_of(url) == path


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_what_is_sendable_means_what_was_written(query: str):
    asked = sendable(f"{ROOT}/Property?{query}")
    assert sendable(asked) == asked
    assert Origin.of(ROOT).permit(asked) == asked
    assert asked.isascii()
    assert unquote(asked.partition("?")[2]) == unquote(query)


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("Property?x=a\nb", "a control character"),
        ("Property?x=\x7f", "a control character"),
        ("Prop\terty?x=1", "a control character"),
        ("\\\\evil.example.com/Reso", "a backslash"),
        ("https://replication.example.com\\@evil.example.com/", "a backslash"),
        ("https://replication.example.com .evil.com/", "a space"),
    ],
)
def test_a_link_that_readers_disagree_about_is_refused_for_the_true_reason(link: str, why: str):
    with pytest.raises(SourceRefused, match=f"holds {why} where none may be; it was not followed"):
        resolve_link(link, ASKED, Origin.of(ROOT))


@pytest.mark.parametrize(
    "link",
    [
        "https://replication.example.com#@evil.example.com/",
        "https://replication.example.com?@evil.example.com/",
    ],
)
def test_a_host_ends_where_the_path_query_or_fragment_begins(link: str):
    found = resolve_link(link, ASKED, Origin.of(ROOT))
    assert Origin.of(ROOT).permit(found) == found
    assert target_of(found).startswith("/")


@pytest.mark.parametrize("link", ["//evil.example.com/Reso", "https://evil.example.com/?a=b"])
def test_a_link_to_elsewhere_is_refused_by_name_and_without_its_query(link: str):
    with pytest.raises(SourceRefused, match=r"leads to https://evil\.example\.com; it was not"):
        resolve_link(link, ASKED, Origin.of(ROOT))


@pytest.mark.parametrize(
    "address",
    [
        "http://replication.example.com/Reso/OData",
        "https://user:hunter2@example.com/",
        "https://example.com/?token=hunter2",
        "example.com/Reso",
        "https://ex\u00e4mple.com/",
        "",
    ],
)
def test_an_unusable_configured_address_is_a_configuration_error(address: str):
    with pytest.raises(ConfigurationError) as error:
        Origin.of(address)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8400/x", "http://localhost/x", "http://[::1]:80/x"]
)
def test_plain_http_is_for_loopback(address: str):
    assert Origin.of(address).scheme == "http"


def test_an_origin_is_shown_without_its_standard_port():
    assert str(Origin.of("https://a.example:443/x")) == "https://a.example"
    assert str(Origin.of("http://[::1]:8400/x")) == "http://[::1]:8400"


def test_messages_show_host_and_path_only():
    assert shown_address("https://u:p@a.example:8443/Reso/Property?$filter=x") == (
        "a.example:8443/Reso/Property"
    )


def test_foreign_text_is_shown_on_one_line_without_controls_queries_or_length():
    text = "see\nhttps://a.example/x?token=1 \x1b[31m\u202ered " + "y" * 300
    assert shown_text(text).startswith("see https://a.example/x?... \\u001b[31m\\u202ered yyy")
    assert len(shown_text(text)) < 230
