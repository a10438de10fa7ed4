"""Static files: `StaticFiles` serves the files of a folder."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Final

from aiohttp import web

from actionhero_web.files.file_response import FileResponse, StaticFile, read_file
from actionhero_web.files.file_types import content_type_of
from actionhero_web.files.preconditions import evaluate
from actionhero_web.responses.compression import (
    Encoding,
    compress,
    negotiate_encoding,
    should_compress,
)
from actionhero_web.routes.percent_encoding import percent_decode

#: Files up to this size are compressed, and the compressed content is cached.
COMPRESS_BYTES: Final = 1024 * 1024

#: The size of the cache of compressed content, for each folder.
CACHE_BYTES: Final = 16 * 1024 * 1024


class StaticFiles:
    """A folder whose files are served.

    Names that start with a dot, directory listings, and files outside the folder, also by a
    symbolic link, are not served: the response is 404.

    Args:
        folder: The folder of the files.
        route: The URL path of the folder; `/` for all paths.
        max_age_seconds: How long a client may cache a file without revalidation.
    """

    def __init__(
        self, folder: str | os.PathLike[str], route: str = "/", *, max_age_seconds: int = 3600
    ) -> None:
        self.folder = Path(folder)
        self.route = "/" + route.strip("/")
        self.cache_control = f"public, max-age={max_age_seconds}"
        self._prefix = "" if self.route == "/" else self.route
        self._compressed = _BodyCache(CACHE_BYTES)

    async def find(self, encoded_path: str) -> StaticFile | None:
        """Return the file of a path, or the `index.html` of the folder of a path.

        Args:
            encoded_path: The undecoded path of the request, without the query.
        """
        names = self._path_names(encoded_path)
        if names is None:
            return None
        # In a thread, as a disk or network file system may block.
        return await asyncio.to_thread(self._look_up, names, is_folder=encoded_path.endswith("/"))

    async def respond(self, request: web.BaseRequest, file: StaticFile) -> web.StreamResponse:
        """Return the response to a `GET` or `HEAD` request for a file.

        It supports `If-None-Match`, `If-Modified-Since`, `If-Match`, `If-Unmodified-Since`, `Range`
        with one range, `If-Range` and `Accept-Encoding`. It must not be compressed again. It is not
        prepared yet, so headers can still be added.
        """
        encoding = None
        has_encodings = file.size_bytes <= COMPRESS_BYTES and should_compress(
            file.content_type, file.size_bytes
        )
        if has_encodings:
            encoding = negotiate_encoding(request.headers.get("Accept-Encoding", ""))
        headers = request.headers
        reply = evaluate(
            request.method,
            headers,
            size_bytes=file.size_bytes,
            modified_ns=file.modified_ns,
            # A client that resumes a compressed download must not get a range of the plain file.
            ranges=encoding is None or "If-Range" not in headers,
        )
        response_headers = {"Content-Type": file.content_type, **reply.headers}
        if has_encodings:
            response_headers["Vary"] = "Accept-Encoding"
        if reply.status in {200, 206}:
            response_headers["Cache-Control"] = self.cache_control
        if reply.status == 200 and encoding is not None:
            body = await self._compress(file, encoding)
            if body is not None:
                response_headers["Content-Encoding"] = encoding
                del response_headers["Accept-Ranges"]
                return web.Response(body=body, headers=response_headers)
        if reply.status in {200, 206}:
            return FileResponse(file, reply, response_headers)
        return web.Response(status=reply.status, headers=response_headers)

    def _path_names(self, encoded_path: str) -> list[str] | None:
        """Return the decoded names of a path below the folder; `None` if one is not public."""
        if not encoded_path.startswith(self._prefix + "/") and encoded_path != self._prefix:
            return None
        parts = encoded_path[len(self._prefix) + 1 :].removesuffix("/").split("/")
        if parts == [""]:
            return []
        try:
            names = [percent_decode(part) for part in parts]
        except ValueError:
            return None
        return names if all(_is_public(name) for name in names) else None

    def _look_up(self, names: list[str], *, is_folder: bool) -> StaticFile | None:
        name = names[-1] if names else ""
        try:
            root = os.path.realpath(self.folder)
            path = os.path.realpath(os.path.join(root, *names))
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                name = "index.html"
                path = os.path.realpath(os.path.join(path, name))
                status = os.stat(path)
            elif is_folder:
                return None
        except (OSError, ValueError):
            return None  # missing, not readable, a name too long, or circular links
        if not stat.S_ISREG(status.st_mode) or not _is_inside(path, root):
            return None
        return StaticFile(path, status.st_size, status.st_mtime_ns, content_type_of(name))

    async def _compress(self, file: StaticFile, encoding: Encoding) -> bytes | None:
        """Return the compressed content; `None` if the file has changed since its lookup."""
        key = (file.path, file.modified_ns, file.size_bytes, encoding)
        body = self._compressed.get(key)
        if body is None:
            body = await asyncio.to_thread(_read_and_compress, file, encoding)
            if body is not None:
                self._compressed.put(key, body)
        return body


class _BodyCache:
    """A cache of compressed contents with a size limit, which evicts the least recently used."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._bodies: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> bytes | None:
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    def put(self, key: tuple[object, ...], body: bytes) -> None:
        self._size_bytes += len(body) - len(self._bodies.pop(key, b""))
        self._bodies[key] = body
        while self._size_bytes > self._limit_bytes:
            _, evicted = self._bodies.popitem(last=False)
            self._size_bytes -= len(evicted)


def _is_public(name: str) -> bool:
    if not name or name[0] == ".":
        return False
    # On Windows, a colon refers to another drive or stream.
    return not any(separator in name for separator in ("/", "\\", "\0")) and (
        os.name != "nt" or ":" not in name
    )


def _is_inside(path: str, root: str) -> bool:
    """Return whether a resolved path is inside the folder, and not hidden there."""
    try:
        if os.path.commonpath((path, root)) != root:
            return False
    except ValueError:
        return False  # on another drive
    return not any(name.startswith(".") for name in os.path.relpath(path, root).split(os.sep))


def _read_and_compress(file: StaticFile, encoding: Encoding) -> bytes | None:
    content = read_file(file)
    return None if content is None else compress(content, encoding)
