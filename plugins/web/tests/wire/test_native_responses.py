"""Authors' responses of aiohttp's own classes: raised, returned twice, and invalid ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Response, Serve


def assert_internal_error(client: HttpClient, response: Response, logged: str) -> None:
    """Check that the client gets our error document, and the developer the reason."""
    assert response.status == 500
    assert response.error["request_id"] == response.header("X-Request-Id")
    assert response.error["message"] == "Internal error"
    text = client.new_log_text()
    assert re.search(logged, text), text


def test_a_raised_redirect_is_sent(client: HttpClient) -> None:
    """To raise a response of aiohttp is the same as to return it; it is no failure."""
    client.new_log_text()

    response = client.get("/api/raised")

    assert response.status == 302
    assert response.header("Location") == "/elsewhere"
    assert response.header("X-Request-Id")
    assert client.new_log_text() == ""


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/native/shared", 200),
        ("/api/native/shared-redirect", 302),
        ("/api/native/shared-stream", 200),
        ("/native/shared", 200),
        ("/native/shared-redirect", 302),
    ],
)
def test_a_response_is_sent_once(client: HttpClient, target: str, status: int) -> None:
    """A further client gets an error instead of waiting for ever."""
    first = client.get(target)
    client.new_log_text()

    second = client.get(target)

    # Another test may have requested it before.
    assert first.status in {status, 500}
    assert_internal_error(client, second, "was returned for another request already")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("status-99", "the invalid status 99"),
        ("status-199", "the invalid status 199"),
        ("status-600", "the invalid status 600"),
        ("status-1000", "the invalid status 1000"),
        ("crlf", "the header 'X-Name' of the response contains a control character"),
        ("nul", "the header 'X-Name' of the response contains a control character"),
        ("surrogate", "the header 'X-Name' of the response contains .* half of a surrogate pair"),
        ("space", "the name of the header 'X Name' of the response is invalid"),
        ("empty-name", "the name of the header '' of the response is invalid"),
        ("redirect-header", "the header 'X-Name' of the response contains a control character"),
        ("length", "the header 'Content-Length' of the response is 'many'"),
        ("longer-length", "is 50, but its body has 5 bytes; remove the header"),
        ("zero-length", "is 0, but its body has 3 bytes; remove the header"),
        ("two-lengths", "has several headers 'Content-Length'; remove them"),
        ("chunked", "the header 'Transfer-Encoding', which the server sets; remove it"),
        ("cookie", "the cookie 'name' of the response contains a control character"),
        ("reason", "the reason of the response contains a control character"),
    ],
)
def test_an_invalid_response_is_an_internal_error(
    client: HttpClient, name: str, reason: str
) -> None:
    """It is checked before it is sent, and logged with the reason."""
    client.new_log_text()

    response = client.get(f"/api/native/{name}")

    assert_internal_error(client, response, f"action 'native'.*{reason}")
    assert response.header("X-Injected") is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none", "the handler has returned None instead of a response"),
        ("str", "the handler has returned 'not a response' instead of a response"),
        ("crlf", "the header 'X-Name' of the response contains a control character"),
    ],
)
def test_an_invalid_response_of_a_native_handler_is_an_internal_error(
    client: HttpClient, name: str, reason: str
) -> None:
    """The client gets our error document."""
    client.new_log_text()

    response = client.get(f"/native/{name}")

    assert_internal_error(client, response, f"GET /native/{name} failed: {reason}")


@pytest.mark.parametrize(
    ("name", "text"),
    [("404", "no such book"), ("405", "only at night"), ("413", "too many books")],
)
def test_an_error_of_a_native_handler_has_its_text(
    client: HttpClient, name: str, text: str
) -> None:
    """It is the response of the author; without a text it is our error document."""
    own = client.get(f"/native/own-error?name={name}")
    default = client.get(f"/native/own-error?name={name}-default")

    assert (own.status, own.body.decode()) == (int(name), text)
    assert default.error["message"] != text
    assert default.header("Content-Type") == "application/json"


def test_an_error_of_a_native_handler_may_be_json(client: HttpClient) -> None:
    """Its body and media type are those of the author."""
    response = client.get("/native/own-error?name=404-json")

    assert (response.status, response.json) == (404, {})


@pytest.mark.parametrize("name", ["prepared", "written", "complete"])
def test_an_action_may_write_its_response(client: HttpClient, name: str) -> None:
    """A response that was begun for this request is not one of another request."""
    response = client.get(f"/api/written/{name}")

    assert response.status == 200
    assert response.body == (b"" if name == "prepared" else b"written")


def test_the_response_of_a_failed_action_is_truncated(client: HttpClient) -> None:
    """An error document within the body that the action has begun would be read as its content."""
    client.new_log_text()

    response = client.send_bytes(b"GET /api/written/failed HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert response.endswith(b"\r\n\r\n7\r\nwritten\r\n")
    assert "action 'written' failed: in the middle" in client.new_log_text()


@pytest.mark.parametrize("name", ["nothing", "value", "response"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_action_that_has_written_a_response_sends_no_other(
    client: HttpClient, method: str, name: str
) -> None:
    """A client would take it for the response to its next request."""
    client.new_log_text()
    target = f"/api/written-and-forgotten/{name}"

    received = client.send_bytes(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    assert received.count(b"HTTP/1.1 ") == 1
    assert received.endswith(b"7\r\nwritten\r\n" if method == "GET" else b"\r\n\r\n")
    assert "run has written a response itself, and returned another value" in client.new_log_text()


@pytest.mark.parametrize("kind", ["value", "response", "stream"])
@pytest.mark.parametrize(
    ("header", "value", "reason"),
    [
        ("X-Name", "a\r\nX-Injected: b", "'X-Name' of the response contains a control character"),
        ("X-Name", "a\nb", "'X-Name' of the response contains a control character"),
        ("X Name", "a", "the name of the header 'X Name' of the response is invalid"),
        ("Content-Length", "99", "'Content-Length' of the response is set by"),
        ("transfer-encoding", "chunked", "'transfer-encoding' of the response is set by"),
        ("Content-Type", "text/html", "'Content-Type' of the response is set by"),
    ],
)
def test_an_invalid_header_that_an_action_adds_is_an_internal_error(
    client: HttpClient, kind: str, header: str, value: str, reason: str
) -> None:
    """A part of an input in its value would be a header, or a second response."""
    client.new_log_text()

    query = urlencode({"header": header, "value": value})
    response = client.get(f"/api/added-header/{kind}?{query}")

    assert_internal_error(client, response, f"action 'added-header' failed: .*{reason}")
    assert response.header("X-Injected") is None


@pytest.mark.parametrize("kind", ["value", "response", "stream"])
def test_a_header_that_an_action_adds_is_sent(client: HttpClient, kind: str) -> None:
    query = urlencode({"header": "X-Name", "value": "ä, \tb"})

    response = client.get(f"/api/added-header/{kind}?{query}")

    assert response.status == 200
    assert (response.header("X-Name") or "").encode("latin-1").decode() == "ä, \tb"


def test_a_written_response_has_the_headers_of_its_call(serve: Serve) -> None:
    """Those of the route, of CORS, and the identifier of the request, which the log has too."""
    origin = "https://app.example.com"
    client = serve(web__allowed_origins=origin)
    client.new_log_text()

    response = client.get("/api/written/written", origin=origin, authorization="Bearer a")

    assert response.all("X-Route") == ["written"]
    assert response.header("Access-Control-Allow-Origin") == origin
    assert response.all("Cache-Control") == ["no-store"]
    assert response.all("Vary") == ["Origin", "Cookie"]
    request_id = response.header("X-Request-Id")
    assert request_id
    assert f"writes for {request_id}" in client.new_log_text()


@pytest.mark.parametrize("middleware", [{}, {"WIRE_MIDDLEWARE": "1"}])
@pytest.mark.parametrize(
    "request_line",
    [
        "HEAD /api/written/written",
        "HEAD /api/written/complete",
        "HEAD /api/written/compressed",
        "HEAD /native/written",
        "GET /api/written/no-content",
        "HEAD /api/written/no-content",
    ],
)
def test_a_written_response_has_no_body_where_http_has_none(
    serve: Serve, request_line: str, middleware: dict[str, str]
) -> None:
    """A client would take the body for the next response on the connection."""
    client = serve(**middleware)
    first = f"{request_line} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"
    last = "GET /page HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    received = client.send_bytes((first + last).encode())

    head, _, rest = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 20")
    assert b"\r\nServer: actionhero\r\n" in head + b"\r\n"
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b"a page")


@pytest.mark.parametrize(
    "target",
    [
        "/api/native/missing-file",
        "/api/native/folder-file",
        "/api/native/long-file",
        "/native/missing-file",
    ],
)
def test_a_response_with_a_missing_file_is_not_found(client: HttpClient, target: str) -> None:
    """The client gets our error document, which caches do not store, and the developer the path."""
    client.new_log_text()

    response = client.get(target)

    assert response.status == 404
    assert response.error["message"] == "File not found"
    assert response.header("Cache-Control") is None
    assert f"GET {target} responds with a file that does not exist" in client.new_log_text()


def test_a_header_outside_of_ascii_is_sent_as_utf_8(standard: HttpClient) -> None:
    """As aiohttp does; in HTTP, such bytes have no defined meaning (RFC 9110 §5.5)."""
    value = standard.get("/api/native/utf-8").header("X-Name")

    assert value is not None
    assert value.encode("latin-1").decode() == "\u20ac"


@pytest.mark.parametrize(
    "path", ["/api/written/short", "/api/written/short-complete", "/api/native/short"]
)
def test_a_response_shorter_than_its_length_closes_the_connection(
    standard: HttpClient, path: str
) -> None:
    """The client would wait for the rest, or take the next response for it."""
    standard.new_log_text()

    received = standard.send_bytes(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    assert received.endswith(b"\r\n\r\nwritten")
    assert "has 43 bytes less than its Content-Length" in standard.new_log_text()
    assert standard.send("HEAD", path).status == 200
