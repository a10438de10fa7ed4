"""Reading multipart forms: text fields in memory, files to disk when they grow."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, MultipartReader

from actionhero import File, MalformedRequest, RequestTooLarge, TypedError
from actionhero_web.content_disposition import disposition
from actionhero_web.file_types import content_type_of

if TYPE_CHECKING:
    from aiohttp import StreamReader, web

    from actionhero_web.body import BodyReader

#: As many parts as a form may have.
MAX_PARTS = 1000
#: How much of a file is read and written in one go.
PIECE_BYTES = 64 * 1024


class Form:
    """A form that was read: its fields, and the files to close when the call is over."""

    def __init__(self) -> None:
        #: By name, all values in order: text, or `File`.
        self.fields: dict[str, list[Any]] = {}
        self._files: list[File] = []

    def add(self, name: str, value: str | File) -> None:
        """Add one part."""
        self.fields.setdefault(name, []).append(value)
        if isinstance(value, File):
            self._files.append(value)

    def close(self) -> None:
        """Free what the files hold."""
        for file in self._files:
            file.close()


async def read_form(request: web.BaseRequest, body: BodyReader, memory_bytes: int) -> Form:
    """Return the multipart form in `request`.

    Args:
        request: The request.
        body: How bodies are read: the limit and the pause that is allowed.
        memory_bytes: A file that is larger goes to disk.

    Raises:
        RequestTooLarge: It is larger than the limit, or has more than `MAX_PARTS` parts.
        MalformedRequest: It is no multipart form.
        Timeout: The client paused for too long.
    """
    body.check_length(request)
    body.invite(request)
    form = Form()
    left = MAX_PARTS
    try:
        content: Any = _Counted(request.content, body)
        reader = MultipartReader(request._message.headers, content)
        while True:
            part = await _in_time(reader.next(), body)
            if part is None:
                # What stands behind the form is nobody's, and counts all the same.
                while await _in_time(content.read(PIECE_BYTES), body):
                    pass
                return form
            if not isinstance(part, BodyPartReader):
                raise MalformedRequest("a part of the form is itself a multipart body")
            left -= 1
            if left < 0:
                raise RequestTooLarge(
                    f"Payload Too Large — the form has more than {MAX_PARTS} parts"
                )
            told = disposition(part.headers.get("Content-Disposition", ""))
            name, file_name = told.get("name"), told.get("filename")
            if name is None:
                raise MalformedRequest("a part of the form has no name")
            if file_name is None:
                form.add(name, await _read_text(name, part, body))
            else:
                form.add(name, await _read_file(file_name, part, body, memory_bytes))
    except TypedError:
        form.close()
        raise
    except asyncio.CancelledError:
        form.close()
        raise
    except Exception as error:
        # Whatever a broken form makes the reader raise: AssertionError, ValueError, …
        form.close()
        raise MalformedRequest("the multipart form is broken") from error


class _Counted:
    """The content of a request, counted while a form is read out of it.

    All of it counts: names, boundaries and what stands around them too.
    """

    def __init__(self, content: StreamReader, body: BodyReader) -> None:
        self._content = content
        self._body = body
        self._size = 0

    async def read(self, size: int = -1) -> bytes:
        return self._counted(await self._content.read(size))

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        return self._counted(await self._content.readline(max_line_length=max_line_length))

    def unread_data(self, data: bytes) -> None:
        self._size -= len(data)
        self._content.unread_data(data)

    def at_eof(self) -> bool:
        return self._content.at_eof()

    def _counted(self, data: bytes) -> bytes:
        self._size += len(data)
        self._body.check_size(self._size)
        return data


async def _in_time(reading: Any, body: BodyReader) -> Any:
    try:
        async with asyncio.timeout(body.idle_seconds):
            return await reading
    except TimeoutError:
        raise body.paused() from None


async def _read_text(name: str, part: BodyPartReader, body: BodyReader) -> str:
    pieces = []
    while chunk := await _in_time(part.read_chunk(), body):
        pieces.append(chunk)
    data = part.decode(b"".join(pieces))
    charset = part.get_charset(default="utf-8")
    try:
        return bytes(data).decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise MalformedRequest(f"the form field {name!r} is not {charset} text") from None


async def _read_file(name: str, part: BodyPartReader, body: BodyReader, memory_bytes: int) -> File:
    stream = tempfile.SpooledTemporaryFile(max_size=memory_bytes, mode="w+b")  # noqa: SIM115
    size = 0
    with contextlib.ExitStack() as undo:
        undo.callback(stream.close)
        while chunk := await _in_time(part.read_chunk(PIECE_BYTES), body):
            size += len(chunk)
            if size > memory_bytes:
                # From here on it is a disk that is written to, and a disk may be slow.
                await asyncio.to_thread(stream.write, chunk)
            else:
                stream.write(chunk)
        stream.seek(0)
        undo.pop_all()
    kind = part.headers.get("Content-Type") or content_type_of(name)
    return File(name, kind, size, stream)  # type: ignore[arg-type]
