"""Files of a folder, served as they are: `StaticFiles`."""

from __future__ import annotations

import asyncio
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Final

from aiohttp import web

from actionhero_web import compression, percent_encoding
from actionhero_web.file_response import FileResponse, StaticFile, read_whole
from actionhero_web.file_types import content_type_of
from actionhero_web.preconditions import decide

#: Files up to this size are compressed, and the outcome is kept for the next visitor.
WHOLE_BYTES: Final = 1024 * 1024

#: How much compressed content is kept, over all files of one folder.
KEPT_BYTES: Final = 16 * 1024 * 1024


class StaticFiles:
    """A folder whose files can be fetched.

    No names that start with a dot, no lists of files, and nothing outside the folder, not by a
    symbolic link either. What is refused is as if it were not there.

    Args:
        folder: Where the files are.
        route: The path that the folder is reached by; `/` for all paths.
        max_age_seconds: How long a client may keep a file without asking.
    """

    def __init__(
        self, folder: str | os.PathLike[str], route: str = "/", *, max_age_seconds: int = 3600
    ) -> None:
        self.folder = Path(folder)
        self.route = "/" + route.strip("/")
        self.cache_control = f"public, max-age={max_age_seconds}"
        self._prefix = "" if self.route == "/" else self.route
        self._compressed = _Kept(KEPT_BYTES)

    async def find(self, raw_path: str) -> StaticFile | None:
        """Return the file that a path names, or the `index.html` of the folder that it names.

        Args:
            raw_path: The path of the request, not decoded, without the query.
        """
        names = self._names(raw_path)
        if names is None:
            return None
        # The disk may be slow, or far away. Nobody else waits for it.
        return await asyncio.to_thread(self._look_up, names, is_folder=raw_path.endswith("/"))

    async def respond(self, request: web.BaseRequest, file: StaticFile) -> web.StreamResponse:
        """Return the answer to a `GET` or `HEAD` request for a file that was found.

        It knows `If-None-Match`, `If-Modified-Since`, `If-Match`, `If-Unmodified-Since`, `Range`
        with one range, `If-Range` and `Accept-Encoding`. It is complete: nothing may compress it
        again. It is not prepared yet, so headers can still be added.
        """
        encoding = None
        can_be_encoded = file.size_bytes <= WHOLE_BYTES and compression.worthwhile(
            file.content_type, file.size_bytes
        )
        if can_be_encoded:
            encoding = compression.choose(request.headers.get("Accept-Encoding", ""))
        headers = request.headers
        reply = decide(
            request.method,
            headers,
            size_bytes=file.size_bytes,
            modified_ns=file.modified_ns,
            # Who resumes a download that was compressed must not get a part of one that is not.
            ranges=encoding is None or "If-Range" not in headers,
        )
        answer_headers = {"Content-Type": file.content_type, **reply.headers}
        if can_be_encoded:
            answer_headers["Vary"] = "Accept-Encoding"
        if reply.status in {200, 206}:
            answer_headers["Cache-Control"] = self.cache_control
        if reply.status == 200 and encoding is not None:
            body = await self._encoded(file, encoding)
            if body is not None:
                answer_headers["Content-Encoding"] = encoding
                del answer_headers["Accept-Ranges"]
                return web.Response(body=body, headers=answer_headers)
        if reply.status in {200, 206}:
            return FileResponse(file, reply, answer_headers)
        return web.Response(status=reply.status, headers=answer_headers)

    def _names(self, raw_path: str) -> list[str] | None:
        """Return the decoded names below the folder; `None` if one of them cannot be served."""
        if not raw_path.startswith(self._prefix + "/") and raw_path != self._prefix:
            return None
        parts = raw_path[len(self._prefix) + 1 :].removesuffix("/").split("/")
        if parts == [""]:
            return []
        try:
            names = [percent_encoding.decode(part) for part in parts]
        except ValueError:
            return None
        return names if all(_is_served(name) for name in names) else None

    def _look_up(self, names: list[str], *, is_folder: bool) -> StaticFile | None:
        name = names[-1] if names else ""
        try:
            root = os.path.realpath(self.folder)
            path = os.path.realpath(os.path.join(root, *names))
            facts = os.stat(path)
            if stat.S_ISDIR(facts.st_mode):
                name = "index.html"
                path = os.path.realpath(os.path.join(path, name))
                facts = os.stat(path)
            elif is_folder:
                return None
        except (OSError, ValueError):
            return None  # not there, not ours to read, a name too long, or links in a circle
        if not stat.S_ISREG(facts.st_mode) or not _is_inside(path, root):
            return None
        return StaticFile(path, facts.st_size, facts.st_mtime_ns, content_type_of(name))

    async def _encoded(self, file: StaticFile, encoding: compression.Encoding) -> bytes | None:
        """Return the compressed content; `None` if the file is no longer what was found."""
        key = (file.path, file.modified_ns, file.size_bytes, encoding)
        body = self._compressed.get(key)
        if body is None:
            body = await asyncio.to_thread(_read_and_compress, file, encoding)
            if body is not None:
                self._compressed.keep(key, body)
        return body


class _Kept:
    """Compressed contents, the least used given up first."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._bodies: OrderedDict[tuple[object, ...], bytes] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> bytes | None:
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    def keep(self, key: tuple[object, ...], body: bytes) -> None:
        self._size_bytes += len(body) - len(self._bodies.pop(key, b""))
        self._bodies[key] = body
        while self._size_bytes > self._limit_bytes:
            _, dropped = self._bodies.popitem(last=False)
            self._size_bytes -= len(dropped)


def _is_served(name: str) -> bool:
    if not name or name[0] == ".":
        return False
    # A colon leads to other drives and streams on Windows, and is a letter elsewhere.
    return not any(odd in name for odd in ("/", "\\", "\0")) and (
        os.name != "nt" or ":" not in name
    )


def _is_inside(path: str, root: str) -> bool:
    """Tell whether a resolved path lies in the folder, and is not hidden there."""
    try:
        if os.path.commonpath((path, root)) != root:
            return False
    except ValueError:
        return False  # on another drive
    return not any(name.startswith(".") for name in os.path.relpath(path, root).split(os.sep))


def _read_and_compress(file: StaticFile, encoding: compression.Encoding) -> bytes | None:
    content = read_whole(file)
    return None if content is None else compression.compress(content, encoding)
