"""Catalogue A: what the wire can do to one request, and what a session makes of it."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable

import pytest
import requests
import urllib3

from mls_assets.errors import AnswerBroken, SourceError, SourceRefused, SourceUnreachable
from mls_assets.sources.transport.deadline import Limits, network_failure
from mls_assets.sources.transport.session import HttpAnswer, HttpSession
from mls_assets_tests.sources.servers import (
    TOKEN,
    FakeTime,
    Reply,
    Server,
    drip,
    drop,
    gzipped,
    head,
    raw,
    reply,
    silence,
)

Sessions = Callable[..., HttpSession]
BODY = b'{"value":[' + b",".join(b'{"ListingKey":"%d"}' % n for n in range(500)) + b"]}"


def ask(session: HttpSession, server: Server, path: str = "/Property") -> HttpAnswer[bytes]:
    return session.get(f"{server.root}{path}", read=whole)


def whole(body: bytes) -> bytes:
    if body != BODY:
        raise AnswerBroken("it is not the whole body")
    return body


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        pytest.param(drop(), "reset", id="connection dropped before the answer"),
        pytest.param(raw(b"HTTP/1.1 2"), "reset", id="status line cut"),
        pytest.param(
            raw(head(f"Content-Length: {len(BODY)}"), BODY[:100]), "truncated", id="body cut"
        ),
        pytest.param(
            raw(head("Transfer-Encoding: chunked"), b"40\r\n" + BODY[:20]),
            "truncated",
            id="chunk cut",
        ),
        pytest.param(
            raw(head("Connection: close"), BODY[:100]), "broken", id="close-delimited cut"
        ),
        pytest.param(gzipped(BODY, cut=30), "truncated", id="gzip cut, with a matching length"),
        pytest.param(
            raw(head("Content-Encoding: gzip", "Connection: close"), gzip.compress(BODY)[:-3]),
            "truncated",
            id="gzip cut in its trailer",
        ),
        pytest.param(raw(b"HTTP/1.1 503 \r\n\r\n"), "503", id="a bare 503"),
    ],
)
def test_a_passing_fault_of_the_wire_is_tried_again(
    server: Server, session: Sessions, broken: Reply, reason: str
):
    server.replies = [broken, gzipped(BODY)]
    answer = ask(session(), server)
    assert (answer.content, answer.retried) == (BODY, (reason,))


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        pytest.param(
            raw(head("Connection: close"), BODY[:100]), "not the whole body", id="the same bytes"
        ),
        pytest.param(
            reply(200, BODY, Content_Encoding="br"), "coding 'br', which was not asked", id="brotli"
        ),
        pytest.param(
            reply(200, BODY, Content_Encoding="gzip"), "not the gzip stream", id="no gzip at all"
        ),
        pytest.param(
            reply(200, gzip.compress(BODY) + b"junk", Content_Encoding="gzip"),
            "not the gzip stream",
            id="junk after gzip",
        ),
    ],
)
def test_a_broken_answer_that_stays_so_is_given_up(
    server: Server, session: Sessions, broken: Reply, message: str
):
    server.otherwise = lambda asked: broken
    with pytest.raises(AnswerBroken, match=message):
        ask(session(), server)
    assert len(server.asked) <= 2


def test_three_broken_answers_are_enough_however_they_differ(server: Server, session: Sessions):
    server.otherwise = lambda asked: reply(200, f"<html>{len(server.asked)}</html>")
    with pytest.raises(AnswerBroken, match="no proper answer"):
        ask(session(), server)
    assert len(server.asked) == 3


def test_a_gzip_bomb_is_not_inflated(server: Server, session: Sessions):
    server.otherwise = lambda asked: gzipped(bytes(8 * 1024 * 1024))
    with pytest.raises(AnswerBroken, match="reading was broken off"):
        ask(session(), server)
    assert len(server.asked) == 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_over_the_limit_is_not_read(server: Server, session: Sessions, packed: bool):
    server.otherwise = lambda asked: gzipped(BODY) if packed else reply(200, BODY)
    with pytest.raises(AnswerBroken, match="larger than"):
        ask(session(limits=Limits(body_bytes=1000)), server)
    assert len(server.asked) == 1


def test_gzip_in_several_members_is_one_body(server: Server, session: Sessions):
    packed = gzip.compress(BODY[:50]) + gzip.compress(BODY[50:])
    server.replies = [reply(200, packed, Content_Encoding="gzip")]
    assert ask(session(), server).content == BODY


@pytest.mark.parametrize("headers", [False, True], ids=["in the body", "in the headers"])
def test_a_drip_feed_ends_with_the_total_time(server: Server, session: Sessions, headers: bool):
    server.replies = [drip(server, headers=headers), reply(200, BODY)]
    answer = ask(session(limits=Limits(total_seconds=0.2)), server)
    assert answer.retried == ("deadline",)


def test_an_answer_that_never_comes_is_given_up(server: Server, session: Sessions):
    server.otherwise = lambda asked: silence(server)
    with pytest.raises(SourceUnreachable, match=r"1 try; at last it did not answer in time"):
        ask(session(limits=Limits(read_seconds=0.1), patience=0), server)


def test_a_refused_connection_is_tried_for_as_long_as_patience_lasts(time: FakeTime):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/Reso/OData"
        with (
            HttpSession(url, TOKEN, patience=30, sleep=time.sleep, clock=time.clock) as session,
            pytest.raises(SourceUnreachable, match=r"in 30 s and .* tries; at last it refused"),
        ):
            session.get(f"{url}/Property?$filter=secret", read=whole)
    assert len(time.slept) >= 4
    assert sum(time.slept) == pytest.approx(30, abs=0.2)


def test_a_name_that_does_not_resolve_is_named(time: FakeTime, monkeypatch: pytest.MonkeyPatch):
    def unknown(*args: object, **settings: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    url = "https://nowhere.invalid/Reso"
    with (
        HttpSession(url, TOKEN, patience=0, sleep=time.sleep, clock=time.clock) as session,
        pytest.raises(SourceUnreachable, match=r"nowhere\.invalid/Reso .* not be resolved"),
    ):
        session.get(url, read=whole)


def test_https_spoken_to_a_plain_port_is_refused_at_once(server: Server, time: FakeTime):
    url = f"https://127.0.0.1:{server.port}/Reso"
    with (
        HttpSession(url, TOKEN, sleep=time.sleep, clock=time.clock) as session,
        pytest.raises(SourceRefused, match="does not speak TLS"),
    ):
        session.get(url, read=whole)
    assert time.slept == []


@pytest.mark.parametrize(
    ("error", "reason", "lasting"),
    [
        (requests.exceptions.SSLError(ssl.SSLCertVerificationError(1, "x")), "certificate", True),
        (requests.exceptions.SSLError(ssl.SSLEOFError(8, "EOF")), "reset", False),
        (requests.exceptions.ProxyError("Tunnel connection failed: 407 Auth"), "proxy", True),
        (requests.exceptions.ProxyError("Cannot connect to proxy"), "proxy", False),
        (requests.exceptions.ConnectTimeout(), "connect-timeout", False),
        (requests.exceptions.ReadTimeout(), "timeout", False),
        (urllib3.exceptions.ProtocolError("x", ConnectionResetError()), "reset", False),
    ],
)
def test_a_transport_error_is_put_into_words(error: Exception, reason: str, lasting: bool):
    failure = network_failure(error)
    assert (failure.reason, failure.lasting) == (reason, lasting)


def test_a_kept_connection_that_the_server_closed_is_opened_again(
    server: Server, session: Sessions
):
    one = session()
    server.replies = [reply(200, BODY), drop(), reply(200, BODY)]
    ask(one, server)
    assert ask(one, server).retried == ("reset",)


def test_connections_are_kept_and_each_thread_has_its_own(server: Server, session: Sessions):
    server.otherwise = lambda asked: reply(200, BODY)
    one, answers = session(), []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(one, server).content)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [BODY] * 8


def test_closing_breaks_off_what_another_thread_is_fetching(server: Server, session: Sessions):
    server.otherwise = lambda asked: silence(server)
    one, errors = session(sleep=None), []

    def fetch() -> None:
        try:
            ask(one, server)
        except SourceError as error:
            errors.append(str(error))

    thread = threading.Thread(target=fetch)
    thread.start()
    while not server.asked:
        thread.join(0.01)
    one.close()
    thread.join(5)
    assert len(errors) == 1
    assert "closed" in errors[0]


def test_a_closed_session_asks_nothing(server: Server, session: Sessions):
    one = session()
    one.close()
    with pytest.raises(SourceError, match="closed"):
        ask(one, server)
    assert server.asked == []
