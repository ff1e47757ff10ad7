"""Catalogue B: what statuses and vendor codes mean, and how long a session goes on asking."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mls_assets.errors import (
    AnswerBroken,
    LinkExpired,
    MlsAssetsError,
    SourceRefused,
    SourceUnreachable,
    TokenRefused,
)
from mls_assets.sources.transport.deadline import Limits
from mls_assets.sources.transport.retry import RetryableError, RetryState
from mls_assets.sources.transport.session import HttpSession
from mls_assets.sources.transport.vendor_errors import QuestionRefused, classify, retry_after
from mls_assets_tests.sources.servers import FakeTime, Reply, Server, as_json, drop, reply

Sessions = Callable[..., HttpSession]
OK = reply(200, b"{}")


def native(code: object, status: int = 200) -> Reply:
    return as_json({"D": {"Success": False, "Code": code, "Message": "no"}}, status)


def odata(code: object, status: int = 200) -> Reply:
    return as_json({"error": {"code": code, "message": "no"}}, status)


def ask(session: HttpSession, server: Server, *, continuation: bool = False) -> tuple[str, ...]:
    url = f"{server.root}/Property?$filter=secret"
    return session.get(url, read=lambda body: body, continuation=continuation).retried


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (reply(401), TokenRefused, "401: the token is not accepted"),
        (odata(401, 401), TokenRefused, r'401: the token is not accepted \(it said: "no"\)'),
        (native(1000, 401), TokenRefused, "401/1000: the token is not valid"),
        (native(1010, 401), TokenRefused, "disabled"),
        (native("1020", 401), TokenRefused, "401/1020: the token has expired"),
        (reply(403), TokenRefused, "403"),
        (native(1015, 403), TokenRefused, "403/1015"),
        (native(1019, 403), TokenRefused, "user agents"),
        (native(1021, 403), TokenRefused, "set SPARK_BASE_URL=https://replication.sparkapi.com"),
        (native(1030, 403), TokenRefused, "https"),
        (native(1500, 403), TokenRefused, "service level"),
        (odata("1505", 403), TokenRefused, "403/1505"),
        (native(1005, 500), TokenRefused, "500/1005"),
        (reply(400), QuestionRefused, "400"),
        (native(1040, 400), QuestionRefused, "unknown field"),
        (native(1041, 400), QuestionRefused, "too long"),
        (native(1050, 400), SourceRefused, "400/1050"),
        (native(1053, 400), SourceRefused, "400/1053"),
        (native(2000, 400), SourceRefused, "400/2000"),
        (native(3000, 400), SourceRefused, "dictionary version"),
        (reply(404), SourceRefused, "check the configured address"),
        (reply(405), SourceRefused, "405"),
        (reply(407), SourceRefused, "HTTPS_PROXY"),
        (reply(409), SourceRefused, "409"),
        (reply(410), SourceRefused, "410"),
        (reply(413), QuestionRefused, "too long"),
        (reply(414), QuestionRefused, "too long"),
        (reply(418), SourceRefused, "418"),
        (reply(501), QuestionRefused, "501"),
        (reply(300), SourceRefused, "redirects"),
        (native(1020), TokenRefused, "200/1020"),
        (odata(403), TokenRefused, "403"),
        (odata("NoSuchThing"), SourceRefused, "200: the source answered with an error"),
        (as_json({"error": "no such account"}), SourceRefused, "no such account"),
        (as_json({"odata.error": {"code": "", "message": {"value": "old"}}}), SourceRefused, "old"),
        (
            reply(403, "<error><code>1021</code><message>Use the other</message></error>"),
            TokenRefused,
            r"403/1021: .*Use the other",
        ),
        (
            reply(
                400, "<html><body>long page with a secret</body></html>", Content_Type="text/html"
            ),
            SourceRefused,
            'it said: "an HTML page"',
        ),
        (as_json({"errors": [{"message": "No field Foo"}]}, 400), SourceRefused, "No field Foo"),
    ],
)
def test_an_error_that_lasts_is_raised_at_once_with_its_meaning(
    server: Server,
    session: Sessions,
    time: FakeTime,
    answer: Reply,
    error: type[MlsAssetsError],
    text: str,
):
    server.replies = [answer]
    with pytest.raises(error, match=text) as raised:
        ask(session(), server)
    assert time.slept == []
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(408), "408"),
        (reply(425), "425"),
        (reply(500), "500"),
        (native(1026, 500), "500/1026"),
        (reply(502, "<html>Bad gateway</html>", Content_Type="text/html"), "502"),
        (native(1023, 503), "503/1023"),
        (native(1024, 503), "503/1024"),
        (native(1510, 503), "503/1510"),
        (native(1515, 503), "503/1515"),
        (native(1516, 503), "503/1516"),
        (reply(504), "504"),
        (reply(520), "520"),
        (reply(530), "530"),
        (reply(429), "429"),
        (native(1550, 429), "429/1550"),
        (native(1550, 503), "503/1550"),
        (native(1550), "200/1550"),
        (odata(503), "503"),
        (odata(429, 429), "429"),
        (reply(204), "204"),
        (reply(206, b"{"), "206"),
    ],
)
def test_an_error_that_may_pass_is_tried_again(
    server: Server, session: Sessions, answer: Reply, reason: str
):
    server.replies = [answer, OK]
    assert ask(session(), server) == (reason,)


@pytest.mark.parametrize("status", [400, 409, 410])
def test_a_refused_continuation_has_expired(server: Server, session: Sessions, status: int):
    server.replies = [reply(status)]
    with pytest.raises(LinkExpired, match="has to begin again"):
        ask(session(), server, continuation=True)


def test_a_continuation_with_a_refused_token_has_not_expired(server: Server, session: Sessions):
    server.replies = [native(1020, 400)]
    with pytest.raises(TokenRefused):
        ask(session(), server, continuation=True)


def test_an_answer_without_content_is_never_an_empty_set(server: Server, session: Sessions):
    server.otherwise = lambda asked: reply(204)
    with pytest.raises(AnswerBroken, match="no whole answer"):
        ask(session(), server)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("7", 7),
        ("1.5", 1.5),
        ("0", 1),
        ("1000000000", 900),
        ("inf", 900),
        ("Sat, 03 Aug 2024 12:01:30 GMT", 90),
        ("Sat, 03 Aug 2024 11:00:00 GMT", 30),
        ("-1", 30),
        ("nan", 30),
        ("soon", 30),
        ("", 30),
    ],
)
def test_retry_after_is_honoured_in_both_forms_and_clamped(
    server: Server, session: Sessions, time: FakeTime, told: str, seconds: float
):
    server.replies = [reply(429, Retry_After=told), OK]
    ask(session(patience=5), server)
    assert time.slept == [seconds]


def test_a_pause_that_a_503_asks_for_goes_beyond_patience(
    server: Server, session: Sessions, time: FakeTime
):
    server.replies = [reply(503, Retry_After="120"), OK]
    ask(session(patience=5), server)
    assert time.slept == [120]


def test_too_many_requests_three_times_in_a_row_is_enough(
    server: Server, session: Sessions, time: FakeTime
):
    server.otherwise = lambda asked: native(1550, 429)
    with pytest.raises(SourceUnreachable, match=r"4 tries; at last it answered 429/1550: too many"):
        ask(session(), server)
    assert time.slept == [30, 60, 120]


def test_a_session_without_time_does_not_wait_for_the_rate_limit(
    server: Server, session: Sessions, time: FakeTime
):
    server.replies = [reply(429, Retry_After="600")]
    with pytest.raises(SourceUnreachable, match="1 try"):
        ask(session(limits=Limits(told_pauses=0)), server)
    assert time.slept == []


def test_errors_of_the_server_are_retried_for_as_long_as_patience_lasts(
    server: Server, session: Sessions, time: FakeTime
):
    server.otherwise = lambda asked: native(1024, 503)
    with pytest.raises(
        SourceUnreachable, match=r"in 30 s .*503/1024: the data are not yet in step"
    ):
        ask(session(patience=30), server)
    assert sum(time.slept) == pytest.approx(30, abs=0.2)
    assert time.slept[0] <= 1 < time.slept[2]


def test_a_host_that_answers_is_asked_twice_even_without_patience(
    server: Server, session: Sessions
):
    server.replies = [reply(502), OK]
    assert ask(session(patience=0), server) == ("502",)


def test_whoever_has_no_time_begins_no_further_try_once_it_is_over(
    server: Server, session: Sessions, time: FakeTime
):
    server.otherwise = lambda asked: native(1024, 503)
    with pytest.raises(SourceUnreachable):
        ask(session(patience=30, limits=Limits(effort_seconds=5)), server)
    assert 5 <= sum(time.slept) < 5 + time.slept[-1] + 0.1


def test_pauses_asked_for_without_end_are_not_followed_without_end(
    server: Server, session: Sessions, time: FakeTime
):
    server.otherwise = lambda asked: reply(503, Retry_After="100")
    with pytest.raises(SourceUnreachable):
        ask(session(patience=30), server)
    assert time.slept[:3] == [100, 100, 100]
    assert sum(time.slept[3:]) < 31


def test_mixed_failures_are_all_remembered(server: Server, session: Sessions):
    server.replies = [drop(), reply(502), native(1024, 503), OK]
    assert ask(session(), server) == ("reset", "502", "503/1024")


def test_patience_of_days_is_no_trouble(time: FakeTime):
    failure = RetryableError("503", SourceUnreachable("it answered 503"))
    retries = RetryState(1e6, Limits(), time.clock)
    pauses = [retries.pause_after(failure) for _ in range(5000)]
    assert all(pause is not None and 30 <= pause <= 60 for pause in pauses[6:])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"not json",
        b'{"value":[]}',
        b'{"error":null,"value":[]}',
        b'{"error":"","value":[]}',
        b'{"D":{"Success":true,"Results":[]}}',
        b"[]",
        b"<p>",
    ],
)
def test_what_is_no_error_is_left_to_the_reader(body: bytes):
    assert classify(200, body) is None


def test_a_message_is_cut_and_cleaned():
    body = b'{"error":{"code":"400","message":"line\\nbreak \\u202e' + b"x" * 500 + b'"}}'
    verdict = classify(400, body)
    assert verdict is not None
    assert verdict.said.startswith("line break \\u202exxx")
    assert len(verdict.said) < 220


def test_a_date_is_counted_from_the_servers_clock():
    told = {"Retry-After": "Mon, 03 Aug 2026 12:00:10 GMT"}
    assert retry_after(told, datetime(2026, 8, 3, 12, tzinfo=UTC), 900) == 10
