"""The compression of responses, over HTTP."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import HttpClient, Serve

LARGE = {"text": "compress me " * 1000}


def unbrotli(body: bytes) -> bytes:
    brotli: Any = pytest.importorskip("brotli")
    decompressed: bytes = brotli.decompress(body)
    return decompressed


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"), ("GZIP", "gzip"), ("gzip, deflate", "gzip"), ("br", "br"), ("*", "br"),
        ("gzip, br", "br"), ("br;q=0.5, gzip;q=0.8", "gzip"), ("gzip;q=0", None), ("deflate", None),
        ("br;q=0, gzip", "gzip"), ("*;q=0", None), ("identity", None), ("", None),
        ("gzip;q=x", None), ("x-gzip", "gzip"), ("gzip;q=0.001", "gzip"), ("*;q=0, gzip", "gzip"),
    ],
)  # fmt: skip
def test_the_preferred_encoding_is_used(
    client: HttpClient, accepted: str, encoding: str | None
) -> None:
    """By quality values; brotli for equal ones, if its library is installed."""
    if encoding == "br":
        pytest.importorskip("brotli")

    response = client.get("/api/value/large", Accept_Encoding=accepted)

    decompress = {"gzip": gzip.decompress, "br": unbrotli, None: bytes}[encoding]
    assert response.header("Content-Encoding") == encoding
    assert json.loads(decompress(response.body)) == LARGE
    assert response.header("Vary") == "Accept-Encoding"
    assert response.header("Content-Length") == str(len(response.body))


def test_bodies_of_1024_bytes_and_more_are_compressed(standard: HttpClient) -> None:
    """Smaller bodies fit into a packet or two."""
    smaller = standard.get("/api/value/almost-kilobyte", Accept_Encoding="gzip")
    larger = standard.get("/api/value/kilobyte", Accept_Encoding="gzip")

    assert len(smaller.body) == 1023
    assert smaller.header("Content-Encoding") is None
    assert smaller.header("Vary") is None
    assert larger.header("Content-Encoding") == "gzip"
    assert len(gzip.decompress(larger.body)) == 1024


def test_error_responses_are_compressed(client: HttpClient) -> None:
    """A list of invalid inputs or a traceback can be long."""
    headers = {"Accept-Encoding": "gzip"}
    tags = {"tags": ["x"] * 200}

    response = client.send("PUT", "/api/account", None, headers, json=tags)

    assert response.header("Content-Encoding") == "gzip"
    assert b"CONNECTION_ACTION_PARAM_REQUIRED" in gzip.decompress(response.body)


def test_native_responses_are_compressed_unless_already_compressed(client: HttpClient) -> None:
    """Text is compressed, images are not."""
    text = client.get("/api/native/large", Accept_Encoding="gzip")
    image = client.get("/api/native/image", Accept_Encoding="gzip")
    plain = client.get("/api/native/large")

    assert text.header("Content-Encoding") == "gzip"
    assert gzip.decompress(text.body) == plain.body == b"compress me " * 1000
    assert "Accept-Encoding" in text.all("Vary")
    assert "Accept-Encoding" in plain.all("Vary")
    assert image.header("Content-Encoding") is None


def test_compression_can_be_disabled(serve: Serve) -> None:
    """With `web.compress`, if a proxy compresses."""
    client = serve(web__compress="false")

    for target in ("/api/value/large", "/api/native/large"):
        response = client.get(target, Accept_Encoding="gzip, br")

        assert response.header("Content-Encoding") is None
        assert response.header("Vary") is None


def test_responses_to_http_1_0_clients_are_compressed(standard: HttpClient) -> None:
    """If they send `Accept-Encoding`."""
    received = standard.send_bytes(
        b"GET /api/value/large HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n"
    )

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(body)) == LARGE
