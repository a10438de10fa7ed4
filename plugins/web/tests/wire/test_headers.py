"""Headers that are on every answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Answer, Door, Serve

SECURITY = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self' "
    "'unsafe-inline'; font-src 'self' data:; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src blob:",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-SERVER-NAME": "wireapp",
}

#: A request of every kind, by what answers it.
REQUESTS = {
    "action": ("GET", "/api/user/me"),
    "large": ("GET", "/api/give/large"),
    "invalid": ("GET", "/api/account"),
    "crash": ("GET", "/api/crash"),
    "unknown route": ("GET", "/api/nowhere"),
    "unknown path": ("GET", "/nowhere"),
    "wrong method": ("POST", "/api/status"),
    "malformed path": ("GET", "/api/user/%"),
    "options": ("OPTIONS", "/api/status"),
    "head": ("HEAD", "/api/status"),
    "no content": ("DELETE", "/api/created"),
    "raw": ("GET", "/api/raw/text"),
    "redirect": ("GET", "/api/raw/redirect"),
    "file": ("GET", "/api/raw/file"),
    "livez": ("GET", "/livez"),
    "readyz": ("GET", "/readyz"),
    "page": ("GET", "/page"),
    "broken page": ("GET", "/broken"),
    "static": ("GET", "/hello.txt"),
    "static, not changed": ("GET", "/hello.txt?again"),
    "status": ("GET", "/api/status"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("static")
    (folder / "hello.txt").write_text("hello")
    return str(folder)


@pytest.fixture
def with_files(serve: Serve, door: Door, folder: str) -> Door:
    return serve(web__static_folder=folder, web__error_format=door.profile)


def assert_headers(answer: Answer) -> None:
    for name, value in SECURITY.items():
        assert answer.all(name) == [value], name
    assert len(answer.all("X-Request-Id")) == 1
    assert len(answer.all("Date")) == 1
    assert answer.all("Server") == ["actionhero"]


@pytest.mark.parametrize("kind", REQUESTS)
def test_security_headers_are_on_every_answer(with_files: Door, kind: str) -> None:
    """Successes, failures, files, pages and probes alike, each header once."""
    method, target = REQUESTS[kind]

    assert_headers(with_files.send(method, target))


@pytest.mark.parametrize("kind", ["action", "large", "invalid", "options", "head", "no content"])
def test_a_native_middleware_sees_every_answer_of_an_action(
    serve: Serve, door: Door, kind: str
) -> None:
    """And what it adds is added; all else is the same."""
    method, target = REQUESTS[kind]
    watched = serve(web__error_format=door.profile, WIRE_MIDDLEWARE="yes")

    plain, seen = door.send(method, target), watched.send(method, target)

    assert_headers(seen)
    assert seen.header("X-Seen") == str(seen.status)
    assert seen.status == plain.status
    assert {name for name, _ in seen.headers} == {name for name, _ in plain.headers} | {"X-Seen"}
    if kind in {"action", "large"}:
        assert seen.body == plain.body


def test_security_headers_are_on_a_304(with_files: Door) -> None:
    """An answer without a body is an answer."""
    tag = with_files.get("/hello.txt").header("ETag") or ""

    answer = with_files.send("GET", "/hello.txt", None, {"If-None-Match": tag})

    assert answer.status == 304
    assert_headers(answer)


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n", b"GET / HTCPCP/1.0\r\n\r\n",
        b"GET /api/status HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET /api/status HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /api/" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/status HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /api/echo HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /api/status HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    ],
    ids=["nonsense", "version", "colon", "long header", "long path", "two lengths", "length",
         "length and chunks", "space", "tls", "many headers"],
)  # fmt: skip
def test_what_cannot_be_parsed_is_answered_in_our_envelope(parser: Door, sent: bytes) -> None:
    """Not in aiohttp's words, with all headers, and never with what was sent."""
    received = parser.raw(sent)

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.split()[1] == b"400", received[:200]
    assert body.startswith(b'{"error":{"message":"the request cannot be parsed: ')
    assert b'"type":"CONNECTION_REQUEST_MALFORMED"' in body
    for name in SECURITY:
        assert f"\r\n{name}: ".lower().encode() in head.lower()
    assert b"\r\nX-Request-Id: " in head
    assert b"Traceback" not in received
    assert len(body) < 1000
    assert parser.is_alive


def test_parser_errors_have_the_name_of_the_profile(original: Door) -> None:
    """And its form."""
    received = original.raw(b"nonsense\r\n\r\n")

    assert b'"type": "CONNECTION_ACTION_RUN"' in received
    assert received.endswith(b"}\r\n")


def test_json_answers_have_a_content_type_without_a_charset(door: Door) -> None:
    """Exactly `application/json`, for values and for errors."""
    for target in ("/api/user/me", "/api/give/large", "/api/nowhere", "/nowhere", "/livez"):
        assert door.get(target).header("Content-Type") == "application/json"


def test_a_security_header_can_be_changed_and_an_empty_one_is_left_out(serve: Serve) -> None:
    """By its setting."""
    door = serve(
        web__content_security_policy="", web__frame_options="SAMEORIGIN",
        web__strict_transport_security="", web__referrer_policy="", app__name="guestbook",
    )  # fmt: skip

    for target in ("/api/user/me", "/page", "/api/nowhere"):
        answer = door.get(target)

        assert answer.header("X-Frame-Options") == "SAMEORIGIN"
        assert answer.header("X-SERVER-NAME") == "guestbook"
        assert answer.header("X-Content-Type-Options") == "nosniff"
        for name in (
            "Content-Security-Policy", "Strict-Transport-Security", "Referrer-Policy",
        ):  # fmt: skip
            assert answer.header(name) is None


def test_a_name_of_the_application_cannot_break_the_head(serve: Serve) -> None:
    """What cannot stand in a header is replaced."""
    assert serve(app__name="häl\tlo 😀").get("/api/user/me").header("X-SERVER-NAME") == "h?l?lo ?"


def test_no_cookie_is_set_where_there_is_no_session(standard: Door) -> None:
    """Nothing is remembered of a visitor who did nothing."""
    assert standard.get("/api/user/me").header("Set-Cookie") is None
    assert standard.get("/api/nowhere").header("Set-Cookie") is None


def test_headers_of_the_limit_are_taken(door: Door) -> None:
    """8 KiB in a line, and a hundred lines."""
    long = door.send("GET", "/api/user/me", None, {"X-Long": "x" * 8000})
    many = door.send("GET", "/api/user/me", None, [(f"X-{i}", "x") for i in range(100)])

    assert (long.status, many.status) == (200, 200)


def test_odd_headers_do_no_harm(parser: Door) -> None:
    """Bytes that are no text, empty ones, and ones that are there twice."""
    for header in (
        b"X-Odd: \xff\xfe", b"X-Empty:", b"Accept: \xff", b"Accept-Encoding: \xff;q=x",
        b"Origin: \xff", b"Accept: application/json\r\nAccept: \xe4", b"Content-Type: \xff",
        b"Cookie: =;;=\xff", b"X-Forwarded-For: \xff", b"If-None-Match: \xff", b"Range: \xff",
    ):  # fmt: skip
        received = parser.raw(
            b"GET /api/user/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b"\r\n\r\n"
        )

        assert received.startswith(b"HTTP/1.1 200 ") or received.split()[1] == b"400", header
