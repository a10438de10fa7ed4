"""The media types of files by name extension, the same on every machine."""

from __future__ import annotations

import mimetypes
import os
from typing import Final

# A new instance has the table of Python, without the additions of the operating system.
_PYTHON_TYPES: Final = mimetypes.MimeTypes().types_map[1]

#: The types that Python's table lacks or has differently in one of its versions.
_OWN_TYPES: Final = {
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
_TYPES: Final = {**_PYTHON_TYPES, **_OWN_TYPES}


def content_type_of(name: str) -> str:
    """Return the `Content-Type` of a file, `application/octet-stream` if it is unknown."""
    media_type = _TYPES.get(os.path.splitext(name)[1].lower(), "application/octet-stream")
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
