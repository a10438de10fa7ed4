"""The headers of every response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

SECURITY = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self' "
    "'unsafe-inline'; font-src 'self' data:; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-SERVER-NAME": "wireapp",
}

#: Requests for every kind of response.
REQUESTS = {
    "action": ("GET", "/api/user/me"),
    "large": ("GET", "/api/value/large"),
    "invalid": ("GET", "/api/account"),
    "crash": ("GET", "/api/crash"),
    "unknown route": ("GET", "/api/nowhere"),
    "unknown path": ("GET", "/nowhere"),
    "other method": ("POST", "/api/status"),
    "malformed path": ("GET", "/api/user/%"),
    "options": ("OPTIONS", "/api/status"),
    "head": ("HEAD", "/api/status"),
    "no content": ("DELETE", "/api/created"),
    "native": ("GET", "/api/native/text"),
    "redirect": ("GET", "/api/native/redirect"),
    "file": ("GET", "/api/native/file"),
    "written": ("GET", "/api/written/written"),
    "written, without content": ("GET", "/api/written/no-content"),
    "written, native": ("GET", "/native/written"),
    "endpoint": ("GET", "/endpoint"),
    "endpoint, head": ("HEAD", "/endpoint"),
    "endpoint, large": ("POST", "/endpoint?large"),
    "endpoint, empty": ("POST", "/endpoint?empty"),
    "endpoint, written": ("POST", "/endpoint?written"),
    "endpoint, failing": ("POST", "/endpoint?conflict"),
    "endpoint, in another spelling": ("GET", "/%65ndpoint"),
    "livez": ("GET", "/livez"),
    "readyz": ("GET", "/readyz"),
    "page": ("GET", "/page"),
    "failing page": ("GET", "/failing-page"),
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
def with_files(serve: Serve, client: HttpClient, folder: str) -> HttpClient:
    return serve(web__static_folder=folder, web__error_format=client.error_format)


def assert_headers(response: Response) -> None:
    for name, value in SECURITY.items():
        assert response.all(name) == [value], name
    assert len(response.all("X-Request-Id")) == 1
    assert len(response.all("Date")) == 1
    assert response.all("Server") == ["actionhero"]


@pytest.mark.parametrize("kind", REQUESTS)
def test_every_response_has_security_headers(with_files: HttpClient, kind: str) -> None:
    """Successes, errors, files, pages and probes have each header once."""
    method, target = REQUESTS[kind]

    assert_headers(with_files.send(method, target))


@pytest.mark.parametrize(
    "kind",
    [
        "action", "large", "invalid", "options", "head", "no content",
        "endpoint", "endpoint, head", "endpoint, large", "endpoint, empty", "endpoint, failing",
    ],
)  # fmt: skip
def test_a_native_middleware_handles_every_response_of_an_action(
    serve: Serve, client: HttpClient, kind: str
) -> None:
    """Its changes are sent, and the rest of the response is the same."""
    method, target = REQUESTS[kind]
    with_middleware = serve(web__error_format=client.error_format, WIRE_MIDDLEWARE="yes")

    expected, response = client.send(method, target), with_middleware.send(method, target)

    assert_headers(response)
    assert response.header("X-Middleware") == str(response.status)
    assert response.status == expected.status
    names = {name for name, _ in expected.headers}
    assert {name for name, _ in response.headers} == names | {"X-Middleware"}
    if kind in {"action", "large", "endpoint", "endpoint, large"}:
        assert response.body == expected.body


def test_304_has_security_headers(with_files: HttpClient) -> None:
    """Responses without a body have them too."""
    tag = with_files.get("/hello.txt").header("ETag") or ""

    response = with_files.send("GET", "/hello.txt", None, {"If-None-Match": tag})

    assert response.status == 304
    assert_headers(response)


#: The beginning of a valid head.
HEAD = b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (400, b"invalid\r\n\r\n"), (400, b"GET / HTCPCP/1.0\r\n\r\n"),
        (400, b"GET /api/status HTTP/1.1\r\nno colon\r\n\r\n"),
        (431, HEAD + b"A: " + b"x" * 20_000 + b"\r\n\r\n"),
        (414, b"GET /api/" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (400, HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        (400, HEAD + b"Content-Length: x\r\n\r\n"),
        (400, HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"),
        (400, HEAD + b"Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n"),
        (400, b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        (431, HEAD + b"A: b\r\n" * 1000 + b"\r\n"),
    ],
    ids=["invalid", "version", "colon", "long header", "long path", "two lengths", "length",
         "length and chunks", "two types", "space", "tls", "many headers"],
)  # fmt: skip
def test_an_unparsable_request_gets_our_error_document(
    parser: HttpClient, status: int, sent: bytes
) -> None:
    """With all headers, and without the received data."""
    received = parser.send_bytes(sent)

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), received[:200]
    assert b"\r\nConnection: close" in head
    assert body.startswith(b'{"error":{"message":"')
    assert b'"type":"CONNECTION_REQUEST_MALFORMED"' in body
    for name in SECURITY:
        assert f"\r\n{name}: ".lower().encode() in head.lower()
    assert b"\r\nX-Request-Id: " in head
    assert b"Traceback" not in received
    assert len(body) < 1000
    assert parser.is_alive


def test_parser_errors_have_the_configured_error_format(original: HttpClient) -> None:
    """With its names and its indentation."""
    received = original.send_bytes(b"invalid\r\n\r\n")

    assert b'"type": "CONNECTION_ACTION_RUN"' in received
    assert received.endswith(b"}\r\n")


def test_json_responses_have_a_content_type_without_a_charset(client: HttpClient) -> None:
    """Exactly `application/json`, for values and errors."""
    for target in ("/api/user/me", "/api/value/large", "/api/nowhere", "/nowhere", "/livez"):
        assert client.get(target).header("Content-Type") == "application/json"


def test_security_headers_are_configurable(serve: Serve) -> None:
    """Empty ones are omitted."""
    client = serve(
        web__content_security_policy="", web__frame_options="SAMEORIGIN",
        web__strict_transport_security="", web__referrer_policy="", app__name="guestbook",
    )  # fmt: skip

    for target in ("/api/user/me", "/page", "/api/nowhere"):
        response = client.get(target)

        assert response.header("X-Frame-Options") == "SAMEORIGIN"
        assert response.header("X-SERVER-NAME") == "guestbook"
        assert response.header("X-Content-Type-Options") == "nosniff"
        for name in (
            "Content-Security-Policy", "Strict-Transport-Security", "Referrer-Policy",
        ):  # fmt: skip
            assert response.header(name) is None


def test_the_application_name_cannot_inject_headers(serve: Serve) -> None:
    """Invalid characters are replaced."""
    assert serve(app__name="häl\tlo 😀").get("/api/user/me").header("X-SERVER-NAME") == "h?l?lo ?"


def test_without_a_session_no_cookie_is_set(standard: HttpClient) -> None:
    """For successes and errors."""
    assert standard.get("/api/user/me").header("Set-Cookie") is None
    assert standard.get("/api/nowhere").header("Set-Cookie") is None


def test_large_headers_are_accepted(client: HttpClient) -> None:
    """8 KiB in one line, and a hundred lines."""
    long = client.send("GET", "/api/user/me", None, {"X-Long": "x" * 8000})
    many = client.send("GET", "/api/user/me", None, [(f"X-{i}", "x") for i in range(100)])

    assert (long.status, many.status) == (200, 200)


def test_lists_in_several_headers_are_one_list(parser: HttpClient) -> None:
    """Proxies split `Cookie` (RFC 9113 §8.2.3), and clients may split every list."""
    tag = parser.get("/api/native/file").header("ETag") or ""

    def send(target: str, name: str, *values: str) -> Response:
        return parser.send("GET", target, None, [(name, value) for value in values])

    cookies = send("/api/sources", "Cookie", "first=1", "", "second=2; third=3")
    encoded = send("/api/value/large", "Accept-Encoding", "br;q=0", "gzip")
    problem = send("/api/nowhere", "Accept", "text/html", "application/problem+json")
    current = send("/api/native/file", "if-none-match", '"other"', tag)
    stale = send("/api/native/file", "If-Match", '"other"', '"another"')
    matching = send("/api/native/file", "If-Match", '"other"', tag)

    assert cookies.json == ["", "1", "2"]
    assert encoded.header("Content-Encoding") == "gzip"
    assert problem.header("Content-Type") == "application/problem+json"
    assert [current.status, stale.status, matching.status] == [304, 412, 200]


def test_repeated_values_that_must_be_single_are_invalid(serve: Serve) -> None:
    """The first one is not believed."""
    client = serve(web__allowed_origins="https://one.example")
    origins = [("Origin", "https://one.example"), ("Origin", "https://other.example")]
    ranges = [("Range", "bytes=0-9"), ("Range", "bytes=10-19")]

    origin = client.send("GET", "/api/user/me", None, origins)
    file = client.send("GET", "/api/native/file", None, ranges)

    assert origin.header("Access-Control-Allow-Origin") is None
    assert file.status == 200


def test_a_request_with_repeated_headers_is_followed_by_others(parser: HttpClient) -> None:
    """Its body and the next requests are delimited by what was received."""
    request = (
        b"POST /api/echo HTTP/1.1\r\nHost: localhost\r\nCookie: a=1\r\nCookie: b=2\r\n"
        b'Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{"number": 7}'
    )
    last = b"GET /api/user/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    received = parser.send_bytes(request + request + last)

    assert received.count(b'{"number":7}') == 2
    assert received.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("line", "source"), [(b"X-Token: \xe4", "header 'X-Token'"), (b"Cookie: first=\xe4", "cookie")]
)
def test_an_input_from_a_header_that_is_not_utf_8_is_malformed(
    parser: HttpClient, line: bytes, source: str
) -> None:
    """The message names the header, not a character of it."""
    head = b"GET /api/sources HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

    received = parser.send_bytes(head + line + b"\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400 ")
    assert source.encode() in received


def test_unusual_headers_are_handled(parser: HttpClient) -> None:
    """Invalid UTF-8, empty and repeated headers."""
    for header in (
        b"X-Invalid: \xff\xfe", b"X-Empty:", b"Accept: \xff", b"Accept-Encoding: \xff;q=x",
        b"Origin: \xff", b"Accept: application/json\r\nAccept: \xe4", b"Content-Type: \xff",
        b"Cookie: =;;=\xff", b"X-Forwarded-For: \xff", b"If-None-Match: \xff", b"Range: \xff",
    ):  # fmt: skip
        received = parser.send_bytes(
            b"GET /api/user/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            + header
            + b"\r\n\r\n"
        )

        assert received.startswith(b"HTTP/1.1 200 ") or received.split()[1] == b"400", header


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "form-action 'self'; frame-ancestors 'none'"),
        ({"web__frame_options": "SAMEORIGIN"}, "form-action 'self'; frame-ancestors 'self'"),
        ({"web__frame_options": ""}, "form-action 'self'"),
        (
            {"web__content_security_policy": "default-src *"},
            "default-src *; frame-ancestors 'none'",
        ),
        (
            {"web__content_security_policy": "frame-ancestors https://example.com"},
            "frame-ancestors https://example.com",
        ),
    ],
)
def test_the_policy_for_frames_follows_the_frame_options(
    serve: Serve, variables: dict[str, str], expected: str
) -> None:
    """Browsers ignore `X-Frame-Options` where the policy has `frame-ancestors`."""
    policy = serve(**variables).get("/api/user/me").header("Content-Security-Policy") or ""

    assert policy.endswith(expected)


def test_a_response_with_frame_options_of_its_own_can_be_framed(standard: HttpClient) -> None:
    """The policy does not override the author's header."""
    response = standard.get("/api/native/headers")

    assert response.header("X-Frame-Options") == "SAMEORIGIN"
    assert "frame-ancestors" not in (response.header("Content-Security-Policy") or "")


@pytest.mark.parametrize("target", ["/api/fail/class/SignInRequired", "/api/native/unauthorized"])
def test_401_has_a_challenge(standard: HttpClient, target: str) -> None:
    """HTTP requires one; browsers show no dialog for this scheme."""
    response = standard.get(target)

    assert response.status == 401
    assert response.all("WWW-Authenticate") == ['Session realm="wireapp"']


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("application/problem+json", "application/problem+json"),
        ("application/json, application/problem+json", "application/problem+json"),
        ("application/problem+json;q=0.5, application/json", "application/json"),
        ("application/problem+json;q=0", "application/json"),
        ("application/problem+json, */*;q=0.1", "application/problem+json"),
        ("text/html, */*;q=0.8", "application/json"),
        ("application/x-problem+json", "application/json"),
        ('text/plain;a="application/problem+json"', "application/json"),
        ("APPLICATION/PROBLEM+JSON", "application/problem+json"),
    ],
)
def test_problem_details_are_negotiated_by_quality(
    client: HttpClient, accept: str, media_type: str
) -> None:
    """A cache can distinguish the two documents."""
    for target in ("/api/nowhere", "/nowhere", "/api/account"):
        response = client.send("GET", target, None, {"Accept": accept} if accept else {})

        assert response.header("Content-Type") == media_type
        assert response.all("Vary") == ["Accept"]
    assert client.get("/api/user/me").all("Vary") == []


def test_options_for_the_whole_server(parser: HttpClient) -> None:
    """`OPTIONS *` lists the methods of the server."""
    received = parser.send_bytes(
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )

    assert received.startswith(b"HTTP/1.1 204 ")
    assert b"\r\nAllow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" in received


def test_an_unknown_expectation_fails(parser: HttpClient) -> None:
    """In the same way for actions, native routes and unknown paths."""
    for target in ("/page", "/nowhere"):
        response = parser.send("GET", target, None, {"Expect": "something"})

        assert response.status == 417
        assert response.error["type"] == "CONNECTION_REQUEST_MALFORMED"
