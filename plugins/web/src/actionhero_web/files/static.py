"""Static files: `StaticFiles` serves the files of a folder."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Final, NamedTuple

from aiohttp import ETag, web

from actionhero_web.files.file_response import (
    FileResponse,
    check_preconditions,
    correct_file_response,
    entity_tag,
)
from actionhero_web.files.file_types import content_type_of
from actionhero_web.files.preconditions import is_not_modified
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

#: The folder for files that clients expect at a fixed path (RFC 8615), the only name with a dot.
_WELL_KNOWN: Final = ".well-known"


class StaticFile(NamedTuple):
    """A file, and its metadata at the lookup."""

    path: str
    status: os.stat_result
    content_type: str
    #: Whether it is the index of a folder whose path lacks the slash at the end: a browser would
    #: resolve the relative links in the file against the parent folder.
    needs_slash: bool


class StaticFiles:
    """A folder whose files are served.

    Names that start with a dot, except for `/.well-known/`, directory listings, and files outside
    the folder, also by a symbolic link, are not served: the response is 404.

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

        It supports conditional requests, `Range` with one range, `If-Range` and `Accept-Encoding`.
        It is not prepared yet, so headers can still be added.
        """
        headers = {"Content-Type": file.content_type, "Cache-Control": self.cache_control}
        if file.needs_slash:
            # Relative, as a proxy may have removed the start of the path.
            path, mark, query = request.raw_path.partition("?")
            location = f"./{path.rpartition('/')[2]}/{mark}{query}"
            return web.Response(status=301, headers={**headers, "Location": location})
        if should_compress(file.content_type, file.status.st_size):
            headers["Vary"] = "Accept-Encoding"
            response = await self._compressed_response(request, file, headers)
            if response is not None:
                return response
        file_response = FileResponse(file.path, headers=headers)
        await correct_file_response(request, file_response, file.status)
        return file_response

    async def _compressed_response(
        self,
        request: web.BaseRequest,
        file: StaticFile,
        headers: dict[str, str],
    ) -> web.Response | None:
        """Return the response with compressed content; `None` if the file itself is to be sent."""
        encoding = negotiate_encoding(request.headers.get("Accept-Encoding", ""))
        if encoding is None or file.status.st_size > COMPRESS_BYTES:
            return None
        if (
            request.method == "GET"
            and "Range" in request.headers
            and "If-Range" not in request.headers
        ):
            # A range is a part of the uncompressed file, unless it continues a compressed download.
            return None
        tag, modified = entity_tag(file.status), file.status.st_mtime
        check_preconditions(request, file.status)
        response = web.Response(headers=headers)
        if is_not_modified(request, tag, modified):
            response.set_status(304)
        else:
            body = await self._compress(file, encoding)
            if body is None:
                return None
            response.body = body
            response.headers["Content-Encoding"] = encoding
        # Weak, as the file has the strong tag: parts of both must not be joined.
        response.etag = ETag(tag, is_weak=True)
        response.last_modified = modified
        return response

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
        return names if _are_public(names) else None

    def _look_up(self, names: list[str], *, is_folder: bool) -> StaticFile | None:
        name = names[-1] if names else ""
        needs_slash = False
        try:
            root = os.path.realpath(self.folder)
            path = os.path.realpath(os.path.join(root, *names))
            status = os.stat(path)
            if stat.S_ISDIR(status.st_mode):
                name = "index.html"
                needs_slash = not is_folder
                path = os.path.realpath(os.path.join(path, name))
                status = os.stat(path)
            elif is_folder:
                return None
        except (OSError, ValueError):
            return None  # missing, not readable, a name too long, or circular links
        if not stat.S_ISREG(status.st_mode) or not _is_inside(path, root):
            return None
        return StaticFile(path, status, content_type_of(name), needs_slash)

    async def _compress(self, file: StaticFile, encoding: Encoding) -> bytes | None:
        """Return the compressed content; `None` if the file has changed since its lookup."""
        key = (file.path, file.status.st_mtime_ns, file.status.st_size, encoding)
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


def _are_public(names: list[str]) -> bool:
    """Return whether the names of a path are valid and not hidden."""
    for position, name in enumerate(names):
        if not name or (name[0] == "." and (position or name != _WELL_KNOWN)):
            return False
        # On Windows, a colon refers to another drive or stream.
        if any(separator in name for separator in ("/", "\\", "\0")) or (
            os.name == "nt" and ":" in name
        ):
            return False
    return True


def _is_inside(path: str, root: str) -> bool:
    """Return whether a resolved path is inside the folder, and not hidden there."""
    try:
        if os.path.commonpath((path, root)) != root:
            return False
    except ValueError:
        return False  # on another drive
    return _are_public(os.path.relpath(path, root).split(os.sep))


def _read_and_compress(file: StaticFile, encoding: Encoding) -> bytes | None:
    try:
        with open(file.path, "rb") as stream:
            status = os.fstat(stream.fileno())
            if (status.st_size, status.st_mtime_ns) != (
                file.status.st_size,
                file.status.st_mtime_ns,
            ):
                return None
            return compress(stream.read(file.status.st_size), encoding)
    except OSError:
        return None
