"""A file on its way to a client: `FileResponse`. One piece of it is in memory at a time."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

    from actionhero_web.preconditions import Reply

PIECE_BYTES: Final = 256 * 1024

_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # Should a pipe stand where a file was a moment ago: do not wait for its other end.
    | getattr(os, "O_NONBLOCK", 0)
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it was found."""

    path: str
    size_bytes: int
    modified_ns: int
    content_type: str


class FileResponse(web.StreamResponse):
    """Sends a file, or a part of it, piece by piece."""

    def __init__(self, file: StaticFile, reply: Reply, headers: Mapping[str, str]) -> None:
        super().__init__(status=reply.status, headers=headers)
        self.content_length = reply.length
        self._file = file
        self._offset = reply.offset
        self._count = reply.length

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the head, and all of the body if there is one."""
        if self.prepared or self._count == 0 or request.method == "HEAD":
            return await super().prepare(request)
        source = _Source(self._file)
        try:
            piece = await asyncio.to_thread(source.start, self._offset, self._count)
            if piece is None:
                self._become_unavailable()
                return await super().prepare(request)
            writer = await super().prepare(request)
            await self._send(source, piece)
            return writer
        finally:
            if not source.closed:
                # Shielded: a client that goes away ends this task, and the file is closed still.
                await asyncio.shield(asyncio.to_thread(source.close))

    async def _send(self, source: _Source, piece: bytes) -> None:
        left = self._count
        while piece:
            await self.write(piece)
            left -= len(piece)
            if left <= 0:
                return
            piece = await asyncio.to_thread(source.read, left)
        # It was cut short under our hands. The client sees that it did not get all.
        raise ConnectionResetError(f"the file {self._file.path!r} became shorter while it was sent")

    def _become_unavailable(self) -> None:
        """Turn into a 503: between the look at the file and its opening, it was replaced."""
        self.set_status(503)
        for name in ("ETag", "Last-Modified", "Cache-Control", "Accept-Ranges", "Content-Range"):
            self.headers.pop(name, None)
        self.headers["Retry-After"] = "1"
        self.content_length = 0


class _Source:
    """An open file, read in threads.

    The lock is there for a task that is cancelled while its thread still opens or reads: closing
    waits for that thread, and a thread that comes late opens nothing.
    """

    def __init__(self, file: StaticFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._opened: BinaryIO | None = None
        self.closed = False

    def start(self, offset: int, count: int, *, at_once: bool = False) -> bytes | None:
        """Open the file and return its first piece, or all that is asked for.

        `None`: it is no longer the file that was found.
        """
        with self._lock:
            if self.closed:
                return None
            try:
                self._opened = opened = os.fdopen(os.open(self._file.path, _OPEN_FLAGS), "rb")
            except OSError:
                return None
            facts = os.fstat(opened.fileno())
            found = (self._file.size_bytes, self._file.modified_ns)
            if not stat.S_ISREG(facts.st_mode) or (facts.st_size, facts.st_mtime_ns) != found:
                return None
            opened.seek(offset)
            size = count if at_once else min(PIECE_BYTES, count)
            piece = opened.read(size)
            if size == count:
                self._close()
            return piece

    def read(self, left: int) -> bytes:
        """Return the next piece, of at most `left` bytes; nothing at the end of the file."""
        with self._lock:
            return b"" if self._opened is None else self._opened.read(min(PIECE_BYTES, left))

    def close(self) -> None:
        """Close the file, if it was opened. It cannot be opened again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self.closed = True
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def read_whole(file: StaticFile) -> bytes | None:
    """Return all of a file, in this thread; `None` if it is no longer what was found."""
    source = _Source(file)
    try:
        return source.start(0, file.size_bytes, at_once=True)
    finally:
        source.close()
