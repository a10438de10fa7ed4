"""Authors' responses of aiohttp's own classes: compression, lengths, files, and HTTP/1.0."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient

#: The file of the file responses.
FILE = Path(__file__).parent / "wireapp/responses.py"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_compressed_response_may_be_unchanged(standard: HttpClient, method: str) -> None:
    """There is no body to compress any more."""
    headers = {"If-None-Match": "*", "Accept-Encoding": "gzip"}

    response = standard.send(method, "/api/cached-native/compressed", headers=headers)

    assert (response.status, response.body) == (304, b"")
    assert response.header("Vary") == "Accept-Encoding"
    assert response.header("ETag") == 'W/"mine"'


def test_304_of_an_author_has_the_headers_for_caches(standard: HttpClient) -> None:
    """The client refreshes the response that it has stored (RFC 9111 §4.3.4)."""
    response = standard.get("/api/cached-native/not-modified")

    assert (response.status, response.header("Cache-Control")) == (304, "private, max-age=60")


def test_a_response_without_a_body_may_be_compressed(standard: HttpClient) -> None:
    """It stays empty."""
    response = standard.get("/api/native/compressed-empty", accept_encoding="gzip")

    assert (response.status, response.body) == (200, b"")
    assert response.header("Content-Encoding") is None


@pytest.mark.parametrize("path", ["native", "cached-native"])
def test_a_response_that_an_author_compresses_varies_by_encoding(
    standard: HttpClient, path: str
) -> None:
    """Its tag is weak, as both encodings have it."""
    compressed = standard.get(f"/api/{path}/compressed", accept_encoding="gzip")
    plain = standard.get(f"/api/{path}/compressed")

    assert gzip.decompress(compressed.body) == plain.body == b"z" * 5000
    for response in (compressed, plain):
        assert response.header("Vary") == "Accept-Encoding"
        assert response.header("ETag") == 'W/"mine"'


def test_a_range_of_a_compressed_file_is_uncompressed(standard: HttpClient) -> None:
    """Its positions are those in the file, which keeps its strong tag."""
    path, content = "/api/native/compressed-file", FILE.read_bytes()
    compressed = standard.get(path, accept_encoding="gzip")
    plain = standard.get(path)
    part = standard.get(path, accept_encoding="gzip", range="bytes=0-2")

    assert gzip.decompress(compressed.body) == plain.body == content
    assert (part.status, part.body) == (206, content[:3])
    assert part.header("Content-Range") == f"bytes 0-2/{len(content)}"
    assert part.header("Content-Encoding") is None
    assert part.header("ETag") == plain.header("ETag")
    assert compressed.header("ETag") == f"W/{plain.header('ETag')}"
    for response in (compressed, plain, part):
        assert response.header("Vary") == "Accept-Encoding"


@pytest.mark.parametrize("name", ["created-file", "not-found-file"])
def test_conditions_and_ranges_are_for_successes(standard: HttpClient, name: str) -> None:
    """A response with another status than 200 has all of its content."""
    path = f"/api/native/{name}"
    usual = standard.get(path)

    for headers in ({"Range": "bytes=0-2"}, {"If-None-Match": "*"}, {"If-Match": '"other"'}):
        response = standard.send("GET", path, headers=headers)
        assert response.status == usual.status == {"c": 201, "n": 404}[name[0]]
        assert response.body == usual.body == FILE.read_bytes()
        assert response.header("Content-Range") is None


def test_the_tag_of_an_author_is_that_of_the_file(standard: HttpClient) -> None:
    """It is sent and compared instead of the one that aiohttp computes."""
    path, content = "/api/native/tagged-file", FILE.read_bytes()

    for headers, status, body in (
        ({}, 200, content),
        ({"If-None-Match": '"mine"'}, 304, b""),
        ({"If-None-Match": 'W/"mine"'}, 304, b""),
        ({"If-None-Match": '"other"'}, 200, content),
        ({"If-Match": '"mine"'}, 200, content),
        ({"Range": "bytes=0-2"}, 206, content[:3]),
        ({"Range": "bytes=0-2", "If-Range": '"mine"'}, 206, content[:3]),
        ({"Range": "bytes=0-2", "If-Range": '"other"'}, 200, content),
    ):
        response = standard.send("GET", path, headers=headers)
        assert (response.status, response.body) == (status, body), headers
        assert response.header("ETag") == '"mine"'
    assert standard.send("GET", path, headers={"If-Match": '"other"'}).status == 412
    assert standard.send("HEAD", path).header("ETag") == '"mine"'


def test_a_weak_tag_of_an_author_matches_no_range(standard: HttpClient) -> None:
    """Parts of two versions must not be joined (RFC 9110 §13.1.5)."""
    path = "/api/native/weakly-tagged-file"
    headers = {"Range": "bytes=0-2", "If-Range": 'W/"mine"'}

    assert standard.send("GET", path, headers=headers).status == 200
    assert standard.send("GET", path, headers={"If-Match": 'W/"mine"'}).status == 412
    response = standard.send("GET", path, headers={"If-None-Match": '"mine"'})
    assert (response.status, response.header("ETag")) == (304, 'W/"mine"')


@pytest.mark.parametrize("name", ["reset", "reset-iterated"])
def test_205_has_no_content(parser: HttpClient, name: str) -> None:
    """The client resets its form, and waits for no more (RFC 9110 §15.3.6)."""
    request = f"GET /api/native/{name} HTTP/1.1\r\nHost: localhost\r\n"

    received = parser.send_bytes(f"{request}\r\n{request}Connection: close\r\n\r\n".encode())

    assert received.count(b"HTTP/1.1 205 Reset Content") == 2
    for response in received.split(b"HTTP/1.1 ")[1:]:
        head, _, content = response.partition(b"\r\n\r\n")
        is_chunked = b"Transfer-Encoding: chunked" in head
        assert content == (b"0\r\n\r\n" if is_chunked else b"")
        assert is_chunked or b"Content-Length: 0" in head


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/stream", b"data: 0\n\ndata: 1\n\ndata: 2\n\n"),
        ("/api/added-header/stream?header=X-A&value=b", b"chunk"),
        ("/api/native/iterated", b"one\ntwo\n"),
        ("/api/written/complete", b"written"),
        ("/native/written", b"written"),
    ],
)
def test_the_end_of_the_connection_ends_a_body_in_http_1_0(
    parser: HttpClient, path: str, content: bytes
) -> None:
    """Also of a client that asks to keep it open: the body has no length."""
    received = parser.send_bytes(
        f"GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n".encode()
    )

    head, _, body = received.partition(b"\r\n\r\n")
    assert body == content
    assert b"\r\nConnection: close" in head
    assert b"Transfer-Encoding" not in head


def test_a_body_with_a_length_keeps_the_connection_in_http_1_0(parser: HttpClient) -> None:
    """If the client asks for it."""
    request = b"GET /api/native/text HTTP/1.0\r\nHost: localhost\r\n"

    received = parser.send_bytes(request + b"Connection: keep-alive\r\n\r\n" + request + b"\r\n")

    assert received.count(b"plain <b>text</b>") == 2


def test_a_chunked_response_of_an_author_is_not_chunked_in_http_1_0(parser: HttpClient) -> None:
    """That version has no chunks."""
    path = "/api/native/author-chunked"
    received = parser.send_bytes(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())

    head, _, body = received.partition(b"\r\n\r\n")
    assert (body, b"Content-Length: 3" in head) == (b"abc", True)
    assert parser.get(path).header("Transfer-Encoding") == "chunked"


@pytest.mark.parametrize("path", ["added-header", "cached-added-header"])
@pytest.mark.parametrize("kind", ["value", "response", "stream"])
@pytest.mark.parametrize(
    "header", ["X-Request-Id", "x-frame-options", "Content-Security-Policy", "Server"]
)
def test_a_header_that_an_action_adds_replaces_the_one_of_the_server(
    standard: HttpClient, path: str, kind: str, header: str
) -> None:
    """Whichever way the response is written."""
    response = standard.get(f"/api/{path}/{kind}?header={header}&value=own")

    values = [value for name, value in response.headers if name.lower() == header.lower()]
    assert values == ["own"]
