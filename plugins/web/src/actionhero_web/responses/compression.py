"""Compression of responses: brotli if its library is installed, else gzip."""

from __future__ import annotations

import asyncio
import importlib
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

Encoding: TypeAlias = Literal["br", "gzip"]


def _import_brotli() -> ModuleType | None:
    try:
        return importlib.import_module("brotli")
    except ImportError:
        return None


_brotli: Final = _import_brotli()

#: The available encodings, the best first.
AVAILABLE: Final[tuple[Encoding, ...]] = ("br", "gzip") if _brotli is not None else ("gzip",)

#: Smaller bodies are not compressed: they fit into a packet or two.
MINIMUM_BYTES: Final = 1024

#: Larger bodies are compressed in a thread: this takes about a millisecond.
THREAD_BYTES: Final = 64 * 1024

# Fast levels, as each body is compressed for one response: twice the level takes twice the time
# and saves a few percent.
_GZIP_LEVEL: Final = 4
_BROTLI_QUALITY: Final = 4
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS

_COMPRESSED_FAMILIES: Final = ("audio/", "video/")
_COMPRESSED_TYPES: Final = frozenset(
    {
        "application/gzip",
        "application/java-archive",
        "application/pdf",
        "application/vnd.rar",
        "application/wasm",
        "application/x-7z-compressed",
        "application/x-bzip2",
        "application/x-compress",
        "application/x-gzip",
        "application/x-rar-compressed",
        "application/x-xz",
        "application/zip",
        "application/zstd",
        "font/woff",
        "font/woff2",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/vnd.microsoft.icon",
        "image/webp",
        "image/x-icon",
        # Events must reach the client immediately, not when a block is full.
        "text/event-stream",
    }
)
_KNOWN_NAMES: Final[dict[str, Encoding]] = {"br": "br", "gzip": "gzip", "x-gzip": "gzip"}


def negotiate_encoding(
    accept_encoding: str, available: Sequence[Encoding] = AVAILABLE
) -> Encoding | None:
    """Return the encoding that the client prefers; `None` for no encoding.

    Args:
        accept_encoding: The `Accept-Encoding` header; empty if absent.
        available: The available encodings, the best first.
    """
    if not accept_encoding:
        return None
    return _negotiate(accept_encoding, tuple(available))


def should_compress(content_type: str, size_bytes: int) -> bool:
    """Return whether a body is worth compressing.

    Args:
        content_type: The `Content-Type` header, with or without parameters.
        size_bytes: The size of the body.
    """
    if size_bytes < MINIMUM_BYTES:
        return False
    return is_compressible(content_type)


@lru_cache(maxsize=256)
def is_compressible(content_type: str) -> bool:
    """Return whether bodies of this type get smaller: most images and archives do not."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type not in _COMPRESSED_TYPES and not media_type.startswith(_COMPRESSED_FAMILIES)


def compress(body: bytes, encoding: Encoding) -> bytes:
    """Return `body` compressed, in this thread."""
    if encoding == "br" and _brotli is not None:
        compressed: bytes = _brotli.compress(body, quality=_BROTLI_QUALITY)
        return compressed
    if encoding == "gzip":
        return zlib.compress(body, _GZIP_LEVEL, wbits=_GZIP_WINDOW)
    raise ValueError(
        f"the encoding {encoding!r} is not available (available: {', '.join(AVAILABLE)})"
    )


async def compress_async(body: bytes, encoding: Encoding) -> bytes:
    """Return `body` compressed; a large one in a thread, so that the event loop is not blocked."""
    if len(body) <= THREAD_BYTES:
        return compress(body, encoding)
    return await asyncio.to_thread(compress, body, encoding)


# There are few clients, and each always sends the same header.
@lru_cache(maxsize=256)
def _negotiate(accept_encoding: str, available: tuple[Encoding, ...]) -> Encoding | None:
    qualities: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        name, _, parameters = element.partition(";")
        qualities[_KNOWN_NAMES.get(name.strip(), name.strip())] = quality_of(parameters)
    default_quality = qualities.get("*", 0.0)
    best: Encoding | None = None
    best_quality = 0.0
    for encoding in available:
        quality = qualities.get(encoding, default_quality)
        if quality > best_quality:
            best, best_quality = encoding, quality
    # A client may prefer the uncompressed body.
    return best if best_quality >= qualities.get("identity", 0.0) else None


def quality_of(parameters: str) -> float:
    """Return the quality value (`q=0.5`); 1 if absent, 0 if invalid."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0
