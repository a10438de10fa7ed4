"""The media types of files, by their names; the same on every machine."""

from __future__ import annotations

import mimetypes
import os
from typing import Final

# A table of its own holds what Python knows, without what this machine's system adds.
_PYTHONS: Final = mimetypes.MimeTypes().types_map[1]

#: What Python's table lacks or has otherwise, in one version or another.
_OURS: Final = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".bz2": "application/x-bzip2",
    ".gz": "application/gzip",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".opus": "audio/ogg",
    ".otf": "font/otf",
    ".rtf": "application/rtf",
    ".tgz": "application/gzip",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".xz": "application/x-xz",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_TYPES: Final = {**_PYTHONS, **_OURS}


def content_type_of(name: str) -> str:
    """Return the `Content-Type` of a file, `application/octet-stream` if nothing is known."""
    media_type = _TYPES.get(os.path.splitext(name)[1].lower(), "application/octet-stream")
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
