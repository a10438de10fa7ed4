"""Whether and how an answer is compressed: brotli where its library is installed, else gzip."""

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

#: What there is on this machine, the best first.
AVAILABLE: Final[tuple[Encoding, ...]] = ("br", "gzip") if _brotli is not None else ("gzip",)

#: Smaller bodies are left alone: they fit a packet or two as they are.
MINIMUM_BYTES: Final = 1024

#: Larger bodies are compressed in a thread: this takes about a millisecond.
THREAD_BYTES: Final = 64 * 1024

# Fast ones, for bodies that are made for one answer: twice the level costs twice the time and
# saves a few bytes in a hundred.
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
        # A stream of events is read as it comes, not when a block is full.
        "text/event-stream",
    }
)
_KNOWN: Final[dict[str, Encoding]] = {"br": "br", "gzip": "gzip", "x-gzip": "gzip"}


def choose(accept_encoding: str, available: Sequence[Encoding] = AVAILABLE) -> Encoding | None:
    """Return the encoding that suits the client best; `None`: leave the body as it is.

    Args:
        accept_encoding: The `Accept-Encoding` header; empty where there is none.
        available: What there is to choose from, the best first.
    """
    if not accept_encoding:
        return None
    return _choose(accept_encoding, tuple(available))


def worthwhile(content_type: str, size_bytes: int) -> bool:
    """Tell whether a body is worth compressing.

    Args:
        content_type: The `Content-Type` header, with or without parameters.
        size_bytes: Of the body.
    """
    if size_bytes < MINIMUM_BYTES:
        return False
    return compressible(content_type)


@lru_cache(maxsize=256)
def compressible(content_type: str) -> bool:
    """Tell whether bodies of this type get smaller: those of most images and archives do not."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type not in _COMPRESSED_TYPES and not media_type.startswith(_COMPRESSED_FAMILIES)


def compress(body: bytes, encoding: Encoding) -> bytes:
    """Return `body` in an encoding, in this thread."""
    if encoding == "br" and _brotli is not None:
        compressed: bytes = _brotli.compress(body, quality=_BROTLI_QUALITY)
        return compressed
    if encoding == "gzip":
        return zlib.compress(body, _GZIP_LEVEL, wbits=_GZIP_WINDOW)
    raise ValueError(
        f"nothing here writes the encoding {encoding!r}; there are: {', '.join(AVAILABLE)}"
    )


async def compress_async(body: bytes, encoding: Encoding) -> bytes:
    """Return `body` in an encoding, without holding up others: a large one goes to a thread."""
    if len(body) <= THREAD_BYTES:
        return compress(body, encoding)
    return await asyncio.to_thread(compress, body, encoding)


# Clients are of a few kinds, and each kind sends one header for ever.
@lru_cache(maxsize=256)
def _choose(accept_encoding: str, available: tuple[Encoding, ...]) -> Encoding | None:
    wanted: dict[str, float] = {}
    for element in accept_encoding.lower().split(","):
        name, _, parameters = element.partition(";")
        wanted[_KNOWN.get(name.strip(), name.strip())] = _quality(parameters)
    for_others = wanted.get("*", 0.0)
    best: Encoding | None = None
    best_quality = 0.0
    for encoding in available:
        quality = wanted.get(encoding, for_others)
        if quality > best_quality:
            best, best_quality = encoding, quality
    # A client may say that it would rather have the body as it is.
    return best if best_quality >= wanted.get("identity", 0.0) else None


def _quality(parameters: str) -> float:
    """Return the weight in `q=0.5`; 1 where there is none, 0 where it is no weight."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0
