"""Answers that are compressed, and those that are not."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from plugins.web.tests.wire.conftest import Door, Serve

LARGE = {"text": "compress me " * 1000}


def unbrotli(body: bytes) -> bytes:
    brotli: Any = pytest.importorskip("brotli")
    unpacked: bytes = brotli.decompress(body)
    return unpacked


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"), ("GZIP", "gzip"), ("gzip, deflate", "gzip"), ("br", "br"), ("*", "br"),
        ("gzip, br", "br"), ("br;q=0.5, gzip;q=0.8", "gzip"), ("gzip;q=0", None), ("deflate", None),
        ("br;q=0, gzip", "gzip"), ("*;q=0", None), ("identity", None), ("", None),
        ("gzip;q=x", None), ("x-gzip", "gzip"), ("gzip;q=0.001", "gzip"), ("*;q=0, gzip", "gzip"),
    ],
)  # fmt: skip
def test_the_encoding_is_what_the_client_likes_best(
    door: Door, accepted: str, encoding: str | None
) -> None:
    """With q-values; brotli where both are as good, and its library is there."""
    if encoding == "br":
        pytest.importorskip("brotli")

    answer = door.get("/api/give/large", Accept_Encoding=accepted)

    unpack = {"gzip": gzip.decompress, "br": unbrotli, None: bytes}[encoding]
    assert answer.header("Content-Encoding") == encoding
    assert json.loads(unpack(answer.body)) == LARGE
    assert answer.header("Vary") == "Accept-Encoding"
    assert answer.header("Content-Length") == str(len(answer.body))


def test_a_body_of_1024_bytes_is_compressed_and_a_smaller_one_is_not(standard: Door) -> None:
    """It would fit a packet or two as it is."""
    smaller = standard.get("/api/give/almost-kilobyte", Accept_Encoding="gzip")
    larger = standard.get("/api/give/kilobyte", Accept_Encoding="gzip")

    assert len(smaller.body) == 1023
    assert smaller.header("Content-Encoding") is None
    assert smaller.header("Vary") is None
    assert larger.header("Content-Encoding") == "gzip"
    assert len(gzip.decompress(larger.body)) == 1024


def test_errors_are_compressed_like_values(door: Door) -> None:
    """A long list of problems, or a stack."""
    headers = {"Accept-Encoding": "gzip"}
    tags = {"tags": ["x"] * 200}

    answer = door.send("PUT", "/api/account", None, headers, json=tags)

    assert answer.header("Content-Encoding") == "gzip"
    assert b"CONNECTION_ACTION_PARAM_REQUIRED" in gzip.decompress(answer.body)


def test_raw_answers_are_compressed_unless_they_are_so_already(door: Door) -> None:
    """Text of an action, but no image, no stream of events, and no `HEAD` without its headers."""
    text = door.get("/api/raw/large", Accept_Encoding="gzip")
    image = door.get("/api/raw/image", Accept_Encoding="gzip")
    plain = door.get("/api/raw/large")

    assert text.header("Content-Encoding") == "gzip"
    assert gzip.decompress(text.body) == plain.body == b"compress me " * 1000
    assert "Accept-Encoding" in text.all("Vary")
    assert "Accept-Encoding" in plain.all("Vary")
    assert image.header("Content-Encoding") is None


def test_compression_can_be_switched_off(serve: Serve) -> None:
    """`web.compress`, where a proxy does it."""
    door = serve(web__compress="false")

    for target in ("/api/give/large", "/api/raw/large"):
        answer = door.get(target, Accept_Encoding="gzip, br")

        assert answer.header("Content-Encoding") is None
        assert answer.header("Vary") is None


def test_a_client_of_http_1_0_may_have_it_compressed_too(standard: Door) -> None:
    """It said that it accepts it."""
    received = standard.raw(b"GET /api/give/large HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n")

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(body)) == LARGE
