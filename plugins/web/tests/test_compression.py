"""The compression of responses."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_web.responses import compression
from actionhero_web.responses.compression import (
    compress,
    compress_async,
    negotiate_encoding,
    should_compress,
)


@pytest.mark.parametrize(
    ("accept_encoding", "expected"),
    [
        ("", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("br", "br"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("gzip;q=0", None),
        ("gzip; q=0", None),
        ("gzip;Q=0.000", None),
        ("br;q=0, gzip", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("*, br;q=0", "gzip"),
        ("gzip;q=0.1, *;q=0", "gzip"),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("deflate, zstd", None),
        ("gzip;q=nonsense", None),
        ("gzip;q=2", None),
        ("gzip;q=nan", None),
        ("gzip;level=1;q=0.5", "gzip"),
        (",,,", None),
        ("gzipped", None),
    ],
)
def test_accept_encoding_is_negotiated(accept_encoding: str, expected: str | None) -> None:
    """With quality values, by RFC 9110."""
    assert negotiate_encoding(accept_encoding, ("br", "gzip")) == expected


def test_only_available_encodings_are_negotiated() -> None:
    """Brotli needs its library."""
    assert negotiate_encoding("br, gzip;q=0.1", ("gzip",)) == "gzip"
    assert negotiate_encoding("br", ("gzip",)) is None
    assert "gzip" in compression.AVAILABLE


@settings(deadline=None)
@given(st.text())
def test_arbitrary_headers_are_handled(accept_encoding: str) -> None:
    """The result is an available encoding or none."""
    assert negotiate_encoding(accept_encoding, ("br", "gzip")) in {"br", "gzip", None}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", True),
        ("text/html; charset=utf-8", True),
        ("image/svg+xml", True),
        ("application/problem+json", True),
        ("application/octet-stream", True),
        ("image/png", False),
        ("IMAGE/PNG", False),
        ("image/jpeg; x=1", False),
        ("video/mp4", False),
        ("audio/ogg", False),
        ("application/zip", False),
        ("application/wasm", False),
        ("font/woff2", False),
        ("text/event-stream", False),
    ],
)
def test_compressed_media_types_are_not_compressed_again(content_type: str, expected: bool) -> None:
    """Event streams are not compressed either, as they must not be buffered."""
    assert should_compress(content_type, 5000) is expected


def test_a_small_body_is_not_compressed() -> None:
    """The minimum is 1 KiB."""
    assert not should_compress("application/json", 1023)
    assert should_compress("application/json", 1024)


@pytest.mark.parametrize("size_bytes", [0, 1, 5000, 1_000_000])
async def test_gzip_round_trips(size_bytes: int) -> None:
    """With the standard library."""
    body = (b'{"name": "Ada"}' * (size_bytes // 15 + 1))[:size_bytes]

    assert gzip.decompress(compress(body, "gzip")) == body
    assert gzip.decompress(await compress_async(body, "gzip")) == body


async def test_brotli_round_trips() -> None:
    """If its library is installed."""
    brotli = pytest.importorskip("brotli")
    body = b'{"name": "Ada"}' * 100_000

    assert compression.AVAILABLE == ("br", "gzip")
    assert brotli.decompress(compress(body, "br")) == body
    assert brotli.decompress(await compress_async(body, "br")) == body


def test_an_unknown_encoding_is_an_error() -> None:
    """The error lists the available encodings."""
    with pytest.raises(ValueError, match=r"the encoding 'zip' is not available \(available: "):
        compress(b"", "zip")  # type: ignore[arg-type]


async def test_a_large_body_is_compressed_in_a_thread() -> None:
    """A small body is compressed directly."""
    small = asyncio.create_task(compress_async(b"x" * compression.THREAD_BYTES, "gzip"))
    large = asyncio.create_task(compress_async(b"x" * (compression.THREAD_BYTES + 1), "gzip"))

    # After one iteration of the event loop, only the direct compression has finished.
    await asyncio.sleep(0)

    assert (small.done(), large.done()) == (True, False)
    assert gzip.decompress(await large) == b"x" * (compression.THREAD_BYTES + 1)
