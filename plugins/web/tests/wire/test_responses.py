"""The responses to actions: values, statuses, and aiohttp's own responses."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient

VALUES: dict[str, Any] = {
    "none": {},
    "text": 'häll😀 "quoted"',
    "empty": {},
    "list": [1, "two", None, 3.5, True],
    "int": 42,
    "zero": 0,
    "false": False,
    "float": 0.1,
    "nan": [None, None],
    "big": 2**70,
    "model": {"name": "Ada", "born": "1815-12-10", "homeTown": "London"},
    "models": {"people": [{"name": "Ada", "born": "1815-12-10", "homeTown": "London"}]},
    "dataclass": {"x": 1, "y": 2},
    "datetime": "2024-05-06T07:08:09Z",
    "special": {
        "uuid": "00000000-0000-0000-0000-000000000007", "decimal": "1.50", "enum": "small",
        "day": "2024-01-02", "tuple": [1, 2], "set": [3],
    },
    "surrogate": {"text": "a�b"},
    "surrogate-model": {"name": "a�b", "born": "1815-12-10", "homeTown": "London"},
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_supported_by_pydantic_are_encoded_as_json(client: HttpClient, name: str) -> None:
    """Without a wrapper; `None` is an empty object."""
    response = client.get(f"/api/value/{name}")

    assert response.status == 200
    assert response.json == VALUES[name]
    assert type(response.json) is type(VALUES[name])


def test_values_are_compact_or_indented_in_the_format_actionhero(
    standard: HttpClient, original: HttpClient
) -> None:
    """Indented by two spaces, with CRLF at the end."""
    assert standard.get("/api/value/dataclass").body == b'{"x":1,"y":2}'
    assert original.get("/api/value/dataclass").body == b'{\n  "x": 1,\n  "y": 2\n}\r\n'
    assert original.get("/api/value/none").body == b"{}\r\n"
    assert standard.get("/api/value/text").body == '"häll😀 \\"quoted\\""'.encode()


@pytest.mark.parametrize("name", ["opaque", "nested-opaque", "circular"])
def test_values_that_cannot_be_encoded_are_an_internal_error(client: HttpClient, name: str) -> None:
    """Only the log contains the reason."""
    response = client.get(f"/api/value/{name}")

    assert response.status == 500
    assert response.error["type"] == "CONNECTION_ACTION_RUN"
    assert response.error["message"] == "Internal error"
    assert "cannot be written as JSON" in response.error["stack"]
    assert client.get("/api/user/me").status == 200


def test_a_stream_is_sent_as_events(client: HttpClient) -> None:
    """A list needs an action that returns one."""
    response = client.get("/api/stream")

    assert response.header("Content-Type") == "text/event-stream"
    assert response.body == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_the_status_of_a_success_is_200_or_that_of_the_route(client: HttpClient) -> None:
    """`Route.put("/created", status=201)`; any status that HTTP allows."""
    created = client.send("PUT", "/api/created")
    unusual = client.send("PATCH", "/api/created")

    assert (created.status, created.json) == (201, {"created": True})
    assert (unusual.status, unusual.json) == (299, {"created": True})


@pytest.mark.parametrize(("method", "status"), [("DELETE", 204), ("POST", 205)])
def test_a_status_without_a_body_has_no_body(client: HttpClient, method: str, status: int) -> None:
    """The next response on the connection is correct."""
    first = f"{method} /api/created HTTP/1.1\r\nHost: localhost\r\n\r\n"
    second = "GET /api/user/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    received = client.send_bytes((first + second).encode())

    head, rest = received.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nContent-Type: " not in head
    assert b"X-Request-Id" in head
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_route_may_compute_the_status_from_the_value(
    standard: HttpClient, original: HttpClient
) -> None:
    """In the format `actionhero` it is always 200."""
    assert standard.get("/api/computed-status/202").status == 202
    assert standard.get("/api/computed-status/503").status == 503
    assert standard.get("/api/computed-status/204").body == b""
    assert original.get("/api/computed-status/503").status == 200


@pytest.mark.parametrize("name", ["99", "600", "100", "invalid", "-1"])
def test_an_invalid_computed_status_is_an_internal_error(standard: HttpClient, name: str) -> None:
    """It is an error of the author."""
    response = standard.get(f"/api/computed-status/{name}")

    assert response.status == 500
    assert response.error["message"] == "Internal error"
    assert "is invalid" in response.error["stack"]


def test_a_native_response_is_sent_unchanged(client: HttpClient) -> None:
    """With its own status, media type and body."""
    text, teapot = client.get("/api/native/text"), client.get("/api/native/teapot")

    assert (text.status, text.body) == (200, b"plain <b>text</b>")
    assert text.header("Content-Type") == "text/plain; charset=utf-8"
    assert (teapot.status, teapot.body) == (418, b"\x00\xff")


def test_our_headers_are_added_to_native_responses(client: HttpClient) -> None:
    """Their own headers take precedence."""
    response = client.get("/api/native/headers")

    assert response.all("X-Frame-Options") == ["SAMEORIGIN"]
    assert response.all("X-Custom") == ["yes"]
    assert response.all("X-Request-Id") == ["custom"]
    assert response.all("X-Content-Type-Options") == ["nosniff"]
    assert response.all("Server") == ["actionhero"]


def test_a_returned_redirect_is_sent(client: HttpClient) -> None:
    """With our headers."""
    response = client.get("/api/native/redirect")

    assert (response.status, response.header("Location")) == (302, "/elsewhere")
    assert response.header("X-Content-Type-Options") == "nosniff"


def test_a_file_response_of_aiohttp_is_sent(client: HttpClient) -> None:
    """With range requests and conditional requests."""
    source = (Path(__file__).parent / "wireapp" / "responses.py").read_bytes()
    complete = client.get("/api/native/file")
    part = client.send("GET", "/api/native/file", None, {"Range": "bytes=0-9"})
    tag = complete.header("ETag") or ""
    known = client.send("GET", "/api/native/file", None, {"If-None-Match": tag})

    assert complete.body == source
    assert (part.status, part.body) == (206, source[:10])
    assert (known.status, known.body) == (304, b"")
    for response in (complete, part, known):
        assert response.header("X-Frame-Options") == "DENY"
        assert response.header("X-Request-Id")


def test_a_stream_response_of_aiohttp_is_sent(client: HttpClient) -> None:
    """With our headers."""
    response = client.get("/api/native/stream")

    assert response.status == 200
    assert response.header("Content-Type") == "text/event-stream"
    assert response.header("X-Frame-Options") == "DENY"


def test_a_native_response_preserves_the_connection(client: HttpClient) -> None:
    """Also after an unread body."""
    post = (
        b"POST /api/native/text HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
        b"Content-Type: application/json\r\n\r\n{}"
    )
    get = b"GET /api/user/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    received = client.send_bytes(post + get)

    assert received.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert received.rstrip().endswith(b'"me"')


# -- call.connection.raw --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b' { "text" : "h\xc3\xa4" } \n'),
        ("application/x-www-form-urlencoded", b"text=a+b&number=%37"),
        ("application/json", b"{}" + b" " * 100_000),
    ],
)
def test_the_request_has_the_unparsed_body(
    client: HttpClient, content_type: str, body: bytes
) -> None:
    """For the signature of a webhook; it can be read repeatedly."""
    headers = {"Content-Type": content_type}

    with_length = client.send("POST", "/api/webhook", body, headers)
    chunked = client.send("POST", "/api/webhook?flag=1", [body[:5], body[5:]], headers)

    for response in (with_length, chunked):
        assert bytes.fromhex(response.json["body"]) == body
        assert response.json["again"] == response.json["body"]


def test_the_request_has_the_body_of_a_get(client: HttpClient) -> None:
    """It is ignored for inputs, but available."""
    assert bytes.fromhex(client.send("GET", "/api/webhook", b"body").json["body"]) == b"body"


def test_a_request_without_a_body_has_an_empty_body(client: HttpClient) -> None:
    """Reading it does not wait."""
    assert client.send("POST", "/api/webhook").json == {"body": "", "again": ""}


def test_a_webhook_signature_can_be_verified(standard: HttpClient) -> None:
    """With the exact bytes of the sender."""
    body = json.dumps({"text": "paid", "unknown": [1, 2]}, indent=3).encode()

    response = standard.send("POST", "/api/webhook", body, {"Content-Type": "application/json"})

    received = bytes.fromhex(response.json["body"])
    assert hashlib.sha256(received).digest() == hashlib.sha256(body).digest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("If-None-Match", "*"),
        ("If-Match", '"other"'),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),
        ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ],
)
def test_a_file_in_response_to_post_has_no_conditions(
    standard: HttpClient, name: str, value: str
) -> None:
    """They are for the resource of the URL, and the action has run already."""
    response = standard.send("POST", "/api/native/file", b"", {name: value})

    assert response.status == 200
