"""What a session sends and to whom, what it tells about it, and whose clock it goes by."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mls_assets.errors import AnswerBroken, ConfigurationError, SourceRefused, SourceUnreachable
from mls_assets.sources.transport.session import HttpAnswer, HttpSession
from mls_assets_tests.sources.servers import TOKEN, FakeTime, Server, drop, raw, reply

Sessions = Callable[..., HttpSession]
BODY = b'{"value":[' + b",".join(b'{"ListingKey":"%d"}' % n for n in range(500)) + b"]}"


def ask(session: HttpSession, server: Server, path: str = "/Property") -> HttpAnswer[bytes]:
    return session.get(f"{server.root}{path}", read=whole)


def whole(body: bytes) -> bytes:
    if body != BODY:
        raise AnswerBroken("it is not the whole body")
    return body


# The address -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("/a/../b?t=1", "/a/../b?t=1"),
        ("/a/./b?t=1", "/a/./b?t=1"),
        ("/a%2fB?t=%e9%2F&x=1+1", "/a%2fB?t=%e9%2F&x=1+1"),
        ("/a?%24skiptoken=50%&%24filter=x%20eq%201", "/a?%24skiptoken=50%25&%24filter=x%20eq%201"),
        ("/a?$skiptoken=UNIT#12&x=%2f", "/a?$skiptoken=UNIT%2312&x=%2f"),
        ("/a?x=a b&y=S\u00fcd", "/a?x=a%20b&y=S%C3%BCd"),
        ("?x=1", "/Reso/OData?x=1"),
    ],
)
def test_what_goes_over_the_wire_is_the_address_to_the_byte(
    server: Server, session: Sessions, sent: str, asked: str
):
    server.replies = [reply(200, BODY)] * 2
    client = session()
    for _ in range(2):  # on a new connection, and on one that is used again
        client.get(server.origin + sent if sent[0] == "/" else server.root + sent, read=whole)
    assert [each.target for each in server.asked] == [asked] * 2
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


# The token ---------------------------------------------------------------------------------


def test_the_token_goes_to_the_origin_and_gzip_is_the_only_coding_asked_for(
    server: Server, session: Sessions
):
    server.replies = [reply(200, BODY)]
    ask(session(), server)
    headers = server.asked[0].headers
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["accept-encoding"] == "gzip"


def test_a_netrc_entry_does_not_replace_the_token(
    server: Server, session: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.replies = [reply(200, BODY)]
    ask(session(), server)
    assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_proxy_from_the_environment_is_not_used_for_loopback(
    server: Server, evil: Server, session: Sessions, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HTTP_PROXY", evil.origin)
    server.replies = [reply(200, BODY)]
    assert ask(session(), server).content == BODY


def test_a_proxy_from_the_environment_carries_requests_to_other_hosts(
    server: Server, time: FakeTime, monkeypatch: pytest.MonkeyPatch
):
    server.replies = [raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")]
    server.otherwise = lambda asked: drop()
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hunter2@127.0.0.1:{server.port}")
    url = "https://a.example/Reso"
    with (
        HttpSession(url, TOKEN, sleep=time.sleep, clock=time.clock) as session,
        pytest.raises(SourceRefused, match=r"407.*HTTPS_PROXY") as refused,
    ):
        session.get(url, read=whole)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirect_is_refused_and_names_the_host(
    server: Server, evil: Server, session: Sessions, status: int, method: str
):
    server.replies = [reply(status, b"", Location=f"{evil.origin}/steal?token=x")]
    one = session()
    with pytest.raises(SourceRefused, match=rf"redirects \({status}\) to 127\.0\.0\.1") as refused:
        ask(one, server) if method == "get" else one.post(server.root, {}, read=whole)
    assert "token=x" not in str(refused.value)
    assert len(server.asked) == 1


def test_nothing_is_sent_to_another_origin(server: Server, evil: Server, session: Sessions):
    with pytest.raises(SourceRefused, match="nothing was sent"):
        session().get(f"{evil.root}/Property", read=whole)
    assert server.asked == []


def test_the_url_is_sent_as_it_is(server: Server, session: Sessions):
    server.replies = [reply(200, BODY)]
    path = "/Property?%24filter=A+eq+%27b%27&$x=a%2Db!'&%24skiptoken="
    ask(session(), server, path)
    assert server.asked[0].target == f"/Reso/OData{path}"


def test_cookies_are_not_kept(server: Server, session: Sessions):
    server.replies = [reply(200, BODY, Set_Cookie="a=b"), reply(200, BODY)]
    one = session()
    ask(one, server)
    ask(one, server)
    assert "cookie" not in server.asked[1].headers


@pytest.mark.parametrize("length", [24, 150, 1500])
def test_a_token_that_a_message_cuts_off_is_not_shown_either(
    server: Server, session: Sessions, length: int
):
    token = "eyJhbGciOi" + "aB3-" * (length // 4)
    echo = f'{{"error":{{"code":400,"message":"{"x" * 80} {token} is not valid"}}}}'
    server.otherwise = lambda asked: reply(400, echo)
    with pytest.raises(SourceRefused) as refused:
        ask(HttpSession(server.origin, token), server)
    assert "eyJhbGci" not in str(refused.value)
    assert "***" in str(refused.value)


@pytest.mark.parametrize("token", ["a", "e", "5", "tok", "not"])
def test_a_short_token_is_not_cut_out_of_words(server: Server, token: str):
    said = f'"the value {token}, it says: Bearer {token}"'
    server.otherwise = lambda asked: reply(
        500, f'{{"error":{{"code":1026,"message":{said}}}}}'.encode()
    )
    with (
        HttpSession(server.origin, token, patience=0, sleep=lambda _: None) as one,
        pytest.raises(SourceUnreachable) as failed,
    ):
        ask(one, server)
    text = str(failed.value)
    assert "500/1026: the source has a problem with these data" in text
    assert "the value ***, it says: Bearer ***" in text
    assert f"127.0.0.1:{server.port}/Reso/OData/Property gave no proper answer" in text


def test_a_token_that_the_server_sends_back_is_not_shown(server: Server, session: Sessions):
    server.otherwise = lambda asked: reply(
        400, f'{{"error":{{"code":400,"message":"bad header Bearer {TOKEN}"}}}}'
    )
    with pytest.raises(SourceRefused) as refused:
        ask(session(), server)
    assert TOKEN not in str(refused.value)
    assert "Bearer ***" in str(refused.value)


def test_no_representation_shows_the_token(server: Server, session: Sessions):
    assert TOKEN not in repr(session())


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nend", "caf\u00e9"])
def test_an_impossible_token_is_a_configuration_error(server: Server, token: str):
    with pytest.raises(ConfigurationError) as error:
        HttpSession(server.root, token)
    assert not token.strip() or token not in str(error.value)


def test_a_missing_certificate_file_is_a_configuration_error(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with pytest.raises(ConfigurationError, match="REQUESTS_CA_BUNDLE names a file"):
        HttpSession(server.root, TOKEN)


def test_an_error_text_has_neither_query_nor_payload(server: Server, session: Sessions):
    server.otherwise = lambda asked: reply(200, b'{"Secret": "remarks"')
    one = session()
    with pytest.raises(AnswerBroken) as broken:
        ask(one, server, "/Property?$filter=ListPrice%20gt%201")
    assert f"127.0.0.1:{server.port}/Reso/OData/Property answered" in str(broken.value)
    assert "ListPrice" not in str(broken.value)
    assert "Secret" not in str(broken.value)
    assert "20 bytes, application/json, sha256" in str(broken.value)


# The server's clock ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "expected", "skew"),
    [
        ("Mon, 03 Aug 2026 12:00:00 GMT", "2026-08-03T11:59:58+00:00", timedelta(hours=1)),
        ("Mon, 03 Aug 2026 14:00:00 +0200", "2026-08-03T11:59:58+00:00", timedelta(hours=1)),
        ("Mon, 03 Aug 2026 14:00:00 GMT", "2026-08-03T12:59:58+00:00", timedelta(hours=-1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "2026-08-03T12:59:58+00:00", None),
        ("Mon, 03 Aug 0099 12:00:00 GMT", "2026-08-03T12:59:58+00:00", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "2026-08-03T12:59:58+00:00", None),
        ("yesterday", "2026-08-03T12:59:58+00:00", None),
        ("", "2026-08-03T12:59:58+00:00", None),
    ],
)
def test_a_request_began_by_the_earlier_of_both_clocks_less_the_time_it_took(
    server: Server, session: Sessions, date: str, expected: str, skew: timedelta | None
):
    ticks = iter([0.0, 5.0, 7.0])
    local = datetime(2026, 8, 3, 13, tzinfo=UTC)
    server.replies = [reply(200, BODY, Date=date)]
    http = session(clock=lambda: next(ticks), now=lambda: local)
    answer = ask(http, server)
    assert answer.began_at.isoformat() == expected
    assert http.skew == skew
