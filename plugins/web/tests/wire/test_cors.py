"""Cross-origin resource sharing, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve

LISTED = "https://app.example.com"
OTHER = "https://evil.example.com"
PREFIX = "Access-Control-"
HEADERS = "Content-Type, Authorization, Idempotency-Key, Last-Event-ID, traceparent, tracestate"
EXPOSED = "Access-Control-Expose-Headers"


def cors(response: Response) -> dict[str, str]:
    """Return the CORS headers, except for the exposed headers, which have a test of their own."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in response.headers
        if name.startswith(PREFIX) and name != EXPOSED
    }


def get(client: HttpClient, origin: str | None, target: str = "/api/user/me") -> Response:
    return client.send("GET", target, None, {} if origin is None else {"Origin": origin})


def preflight(
    client: HttpClient, origin: str | None = LISTED, method: str = "PUT", **headers: str
) -> Response:
    request_headers = {"Access-Control-Request-Method": method, **headers}
    if origin is not None:
        request_headers["Origin"] = origin
    return client.send("OPTIONS", "/api/user", None, request_headers)


@pytest.fixture
def with_listed_origins(serve: Serve) -> HttpClient:
    return serve(web__allowed_origins=f" {LISTED} , http://localhost:3000")


@pytest.fixture
def with_any_origin(serve: Serve) -> HttpClient:
    return serve(web__allowed_origins="*")


@pytest.mark.parametrize("origin", [None, LISTED, "null"])
def test_by_default_no_origin_is_allowed(standard: HttpClient, origin: str | None) -> None:
    """There are no headers, and the request is executed."""
    response = get(standard, origin)

    assert response.status == 200
    assert cors(response) == {}
    assert response.header("Vary") is None
    assert cors(preflight(standard, origin)) == {}


def test_the_wildcard_is_sent_without_credentials(with_any_origin: HttpClient) -> None:
    """With and without `Origin`, the response is the same."""
    for origin in (None, OTHER, "null"):
        response = get(with_any_origin, origin)

        assert cors(response) == {"Allow-Origin": "*"}
        assert response.header("Vary") is None


def test_a_listed_origin_is_allowed_with_vary_and_credentials(
    with_listed_origins: HttpClient,
) -> None:
    """In success and error responses."""
    for origin in (LISTED, "http://localhost:3000"):
        for target in (
            "/api/user/me",
            "/api/nowhere",
            "/api/crash",
            "/api/value/large",
            "/nowhere",
        ):
            response = get(with_listed_origins, origin, target)

            assert cors(response) == {"Allow-Origin": origin, "Allow-Credentials": "true"}
            assert "Origin" in response.all("Vary")


@pytest.mark.parametrize(
    "origin",
    [OTHER, "https://app.example.com.evil.com", "http://app.example.com", "null", "*",
     "https://app.example.com:444", "https://APP.example.com", f"{LISTED}/", ""],
)  # fmt: skip
def test_an_unlisted_origin_gets_a_response_without_cors_headers(
    with_listed_origins: HttpClient, origin: str
) -> None:
    """Origins are compared exactly; the browser hides the response from the page."""
    response = get(with_listed_origins, origin)

    assert response.status == 200
    assert cors(response) == {}
    # A cache must not send this response to a listed origin.
    assert response.header("Vary") == "Origin"


def test_a_request_without_an_origin_gets_no_cors_headers(with_listed_origins: HttpClient) -> None:
    """It does not come from a page of another origin."""
    assert cors(get(with_listed_origins, None)) == {}


def test_a_preflight_of_a_listed_origin_gets_the_allowed_methods_and_headers(
    with_listed_origins: HttpClient,
) -> None:
    """With status 204 and a maximum age."""
    response = preflight(with_listed_origins)

    assert (response.status, response.body) == (204, b"")
    assert cors(response) == {
        "Allow-Origin": LISTED,
        "Allow-Credentials": "true",
        "Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        "Allow-Headers": HEADERS,
        "Max-Age": "7200",
    }
    assert response.header("Vary") == "Origin"


def test_a_preflight_with_the_wildcard_is_allowed_without_credentials(
    with_any_origin: HttpClient,
) -> None:
    """The response contains the wildcard."""
    response = preflight(with_any_origin, OTHER)

    assert response.status == 204
    assert cors(response)["Allow-Origin"] == "*"
    assert cors(response)["Max-Age"] == "7200"
    assert "Allow-Credentials" not in cors(response)


def test_a_preflight_of_an_unlisted_origin_gets_no_cors_headers(
    with_listed_origins: HttpClient,
) -> None:
    """The browser then does not send the request."""
    response = preflight(with_listed_origins, OTHER)

    assert response.status == 204
    assert cors(response) == {}


def test_methods_headers_and_max_age_are_configurable(serve: Serve) -> None:
    """By their settings."""
    client = serve(
        web__allowed_origins=LISTED, web__allowed_methods="GET,PUT",
        web__allowed_headers="X-One,X-Two", web__preflight_max_age="60",
    )  # fmt: skip

    response = cors(preflight(client))

    assert response["Allow-Methods"] == "GET, PUT"
    assert response["Allow-Headers"] == "X-One, X-Two"
    assert response["Max-Age"] == "60"


def test_the_format_actionhero_has_methods_and_headers_in_every_response(
    original: HttpClient,
) -> None:
    """Like the original ActionHero, for every origin."""
    for target in ("/api/user/me", "/api/nowhere", "/api/crash", "/api/value/large"):
        assert cors(get(original, OTHER, target)) == {
            "Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            "Allow-Headers": "Content-Type",
        }


def test_options_in_the_format_actionhero_has_the_cors_headers(serve: Serve) -> None:
    """Status 200, with the headers of every response."""
    client = serve(web__allowed_origins=LISTED, web__error_format="actionhero")

    listed, other = preflight(client), preflight(client, OTHER)

    assert (listed.status, listed.body) == (200, b"{}\r\n")
    assert cors(listed)["Allow-Origin"] == LISTED
    assert cors(listed)["Allow-Credentials"] == "true"
    assert "Max-Age" not in cors(listed)
    assert "Allow-Origin" not in cors(other)
    assert "Allow-Methods" in cors(other)


def test_native_responses_have_cors_headers(with_listed_origins: HttpClient) -> None:
    """Returned files and redirects have them too."""
    for target in ("/api/native/text", "/api/native/file", "/api/native/redirect", "/endpoint"):
        response = get(with_listed_origins, LISTED, target)

        assert cors(response) == {"Allow-Origin": LISTED, "Allow-Credentials": "true"}
        assert "Origin" in response.all("Vary")


@pytest.mark.parametrize("target", ["/page", "/livez", "/readyz", "/nowhere", "/api/nowhere"])
def test_pages_probes_and_errors_have_cors_headers(
    with_listed_origins: HttpClient, target: str
) -> None:
    """The settings apply to every response."""
    response = get(with_listed_origins, LISTED, target)

    assert cors(response) == {"Allow-Origin": LISTED, "Allow-Credentials": "true"}
    assert response.all("Vary").count("Origin") == 1


@pytest.mark.parametrize("target", ["/api/user/me", "/api/nowhere", "/page"])
def test_pages_may_read_the_exposed_headers(
    serve: Serve, with_listed_origins: HttpClient, with_any_origin: HttpClient, target: str
) -> None:
    """Those of `web.exposed_headers`, for allowed origins."""
    configured = serve(web__allowed_origins="*", web__exposed_headers="X-One, X-Two")
    default = "X-Request-Id, Retry-After, Content-Disposition, RateLimit, RateLimit-Policy"

    assert get(with_listed_origins, LISTED, target).all(EXPOSED) == [default]
    assert get(with_any_origin, OTHER, target).all(EXPOSED) == [default]
    assert get(configured, OTHER, target).all(EXPOSED) == ["X-One, X-Two"]
    assert get(with_listed_origins, OTHER, target).all(EXPOSED) == []


def test_an_unparsable_request_is_answered_with_cors_headers(with_any_origin: HttpClient) -> None:
    """As far as they do not depend on the origin, which was not read."""
    received = with_any_origin.send_bytes(b"invalid\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in received


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /%% HTTP/1.1\r\nOrigin: ORIGIN\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\norigin:ORIGIN \r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: ORIGIN\r\nX: %b" % (b"a" * 9000), 431),
        (b"FOO / HTTP/1.1\r\nHost: localhost\r\nOrigin: ORIGIN\r\n\r\n", 501),
    ],
    ids=["host missing", "host", "size", "method"],
)
def test_a_rejected_request_is_answered_with_cors_headers(
    serve: Serve, head: bytes, status: int
) -> None:
    """Those of its origin, if that was received."""
    client = serve(web__allowed_origins=LISTED, web__allowed_hosts="localhost")

    listed = client.send_bytes(head.replace(b"ORIGIN", LISTED.encode()))
    other = client.send_bytes(head.replace(b"ORIGIN", OTHER.encode()))

    assert listed.startswith(b"HTTP/1.1 %d " % status)
    assert f"\r\nAccess-Control-Allow-Origin: {LISTED}\r\n".encode() in listed
    assert b"Access-Control-Allow-Origin" not in other
    assert other.count(b"\r\nVary: Origin\r\n") == 1


@pytest.mark.parametrize("target", ["/hello.txt", "/page"])
def test_files_and_native_routes_have_a_preflight_response(
    serve: Serve, tmp_path_factory: pytest.TempPathFactory, target: str
) -> None:
    """Status 204 with `Allow`, as for actions; an unknown path has none."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "hello.txt").write_text("hello")
    client = serve(web__allowed_origins=LISTED, web__static_folder=str(folder))
    headers = {"Origin": LISTED, "Access-Control-Request-Method": "GET"}

    response = client.send("OPTIONS", target, None, headers)

    assert (response.status, response.body) == (204, b"")
    assert response.all("Allow") == ["GET, HEAD, OPTIONS"]
    assert cors(response)["Allow-Origin"] == LISTED
    assert cors(response)["Max-Age"] == "7200"
    assert response.all("Vary") == ["Origin"]
    assert client.send("OPTIONS", "/nowhere", None, headers).status == 404
