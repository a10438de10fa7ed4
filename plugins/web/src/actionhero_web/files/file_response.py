"""The response that sends a file: `FileResponse`. One chunk of it is in memory at a time."""

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

    from actionhero_web.files.preconditions import Reply

CHUNK_BYTES: Final = 256 * 1024

_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    # If a pipe has replaced the file in the meantime, do not wait for its writer.
    | getattr(os, "O_NONBLOCK", 0)
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file with the metadata of its lookup."""

    path: str
    size_bytes: int
    modified_ns: int
    content_type: str


class FileResponse(web.StreamResponse):
    """Sends a file, or a range of it, in chunks."""

    def __init__(self, file: StaticFile, reply: Reply, headers: Mapping[str, str]) -> None:
        super().__init__(status=reply.status, headers=headers)
        self.content_length = reply.length
        self._file = file
        self._offset = reply.offset
        self._count = reply.length

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the headers, and the body if there is one."""
        if self.prepared or self._count == 0 or request.method == "HEAD":
            return await super().prepare(request)
        reader = _FileReader(self._file)
        try:
            chunk = await asyncio.to_thread(reader.start, self._offset, self._count)
            if chunk is None:
                self._set_unavailable()
                return await super().prepare(request)
            writer = await super().prepare(request)
            await self._send(reader, chunk)
            return writer
        finally:
            if not reader.closed:
                # Shielded: the file is closed even if a disconnect cancels this task.
                await asyncio.shield(asyncio.to_thread(reader.close))

    async def _send(self, reader: _FileReader, chunk: bytes) -> None:
        remaining = self._count
        while chunk:
            await self.write(chunk)
            remaining -= len(chunk)
            if remaining <= 0:
                return
            chunk = await asyncio.to_thread(reader.read, remaining)
        # The file was truncated. The client detects the truncated body.
        raise ConnectionResetError(f"the file {self._file.path!r} was truncated while it was sent")

    def _set_unavailable(self) -> None:
        """Change to status 503: the file was replaced between its lookup and its opening."""
        self.set_status(503)
        for name in ("ETag", "Last-Modified", "Cache-Control", "Accept-Ranges", "Content-Range"):
            self.headers.pop(name, None)
        self.headers["Retry-After"] = "1"
        self.content_length = 0


class _FileReader:
    """Reads a file, in threads.

    The lock is for a task that is cancelled while its thread still opens or reads: `close` waits
    for that thread, and a thread that starts later does not open the file.
    """

    def __init__(self, file: StaticFile) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self.closed = False

    def start(self, offset: int, count: int, *, whole: bool = False) -> bytes | None:
        """Open the file and return its first chunk, or with `whole` all `count` bytes.

        Returns:
            The bytes; `None` if the file has changed since its lookup.
        """
        with self._lock:
            if self.closed:
                return None
            try:
                self._stream = stream = os.fdopen(os.open(self._file.path, _OPEN_FLAGS), "rb")
            except OSError:
                return None
            status = os.fstat(stream.fileno())
            expected = (self._file.size_bytes, self._file.modified_ns)
            if not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != expected:
                return None
            stream.seek(offset)
            size = count if whole else min(CHUNK_BYTES, count)
            chunk = stream.read(size)
            if size == count:
                self._close()
            return chunk

    def read(self, max_bytes: int) -> bytes:
        """Return the next chunk, of at most `max_bytes`; no bytes at the end of the file."""
        with self._lock:
            return b"" if self._stream is None else self._stream.read(min(CHUNK_BYTES, max_bytes))

    def close(self) -> None:
        """Close the file, if it is open. It cannot be opened again."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        self.closed = True
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def read_file(file: StaticFile) -> bytes | None:
    """Return the content of a file, in this thread; `None` if it has changed since its lookup."""
    reader = _FileReader(file)
    try:
        return reader.start(0, file.size_bytes, whole=True)
    finally:
        reader.close()
