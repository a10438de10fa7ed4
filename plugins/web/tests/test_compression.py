"""Whether and how an answer is compressed."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_web import compression
from actionhero_web.compression import choose, compress, compress_async, worthwhile


@pytest.mark.parametrize(
    ("accept_encoding", "chosen"),
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
def test_the_client_says_what_it_can_read(accept_encoding: str, chosen: str | None) -> None:
    """`Accept-Encoding` with its weights, by RFC 9110."""
    assert choose(accept_encoding, ("br", "gzip")) == chosen


def test_only_what_is_there_is_chosen() -> None:
    """Brotli needs its library."""
    assert choose("br, gzip;q=0.1", ("gzip",)) == "gzip"
    assert choose("br", ("gzip",)) is None
    assert "gzip" in compression.AVAILABLE


@settings(deadline=None)
@given(st.text())
def test_no_header_breaks_the_choice(accept_encoding: str) -> None:
    """Whatever a client sends."""
    assert choose(accept_encoding, ("br", "gzip")) in {"br", "gzip", None}


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
def test_what_is_compressed_already_is_left_alone(content_type: str, expected: bool) -> None:
    """And a stream of events must not wait for a full block."""
    assert worthwhile(content_type, 5000) is expected


def test_a_small_body_is_left_alone() -> None:
    """It would gain nothing."""
    assert not worthwhile("application/json", 1023)
    assert worthwhile("application/json", 1024)


@pytest.mark.parametrize("size_bytes", [0, 1, 5000, 1_000_000])
async def test_gzip_can_be_read_back(size_bytes: int) -> None:
    """By anybody's library."""
    body = (b'{"name": "Ada"}' * (size_bytes // 15 + 1))[:size_bytes]

    assert gzip.decompress(compress(body, "gzip")) == body
    assert gzip.decompress(await compress_async(body, "gzip")) == body


async def test_brotli_can_be_read_back() -> None:
    """Where its library is installed."""
    brotli = pytest.importorskip("brotli")
    body = b'{"name": "Ada"}' * 100_000

    assert compression.AVAILABLE == ("br", "gzip")
    assert brotli.decompress(compress(body, "br")) == body
    assert brotli.decompress(await compress_async(body, "br")) == body


def test_an_unknown_encoding_is_refused() -> None:
    """It is a mistake in our own code, so it is said plainly."""
    with pytest.raises(ValueError, match="nothing here writes the encoding 'zip'; there are: "):
        compress(b"", "zip")  # type: ignore[arg-type]


async def test_a_large_body_does_not_hold_up_others() -> None:
    """It is compressed in another thread, a small one on the spot."""
    small = asyncio.create_task(compress_async(b"x" * compression.THREAD_BYTES, "gzip"))
    large = asyncio.create_task(compress_async(b"x" * (compression.THREAD_BYTES + 1), "gzip"))

    # One turn of the loop: who works on the spot is done after it, who waits for a thread is not.
    await asyncio.sleep(0)

    assert (small.done(), large.done()) == (True, False)
    assert gzip.decompress(await large) == b"x" * (compression.THREAD_BYTES + 1)
