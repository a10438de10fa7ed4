"""The reader of multipart forms: text fields in memory, large files on disk."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, MultipartReader

from actionhero import File, MalformedRequest, RequestTooLarge, TypedError
from actionhero.transport import JsonText
from actionhero_web.bodies.content_disposition import parse_content_disposition
from actionhero_web.files.file_types import content_type_of

if TYPE_CHECKING:
    from aiohttp import StreamReader, web

    from actionhero_web.bodies.body import BodyReader

#: The maximum number of parts of a form.
MAX_PARTS = 1000
#: The size of each read from the request and write to a file.
CHUNK_BYTES = 64 * 1024


class Form:
    """The fields of a form, with the files to close after the call."""

    def __init__(self) -> None:
        #: All values in order, text or `File`, by name.
        self.fields: dict[str, list[Any]] = {}
        self._files: list[File] = []

    def add(self, name: str, value: str | File) -> None:
        """Add a part."""
        self.fields.setdefault(name, []).append(value)
        if isinstance(value, File):
            self._files.append(value)

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()


async def read_form(request: web.BaseRequest, body: BodyReader, memory_bytes: int) -> Form:
    """Return the multipart form in `request`.

    Args:
        request: The request.
        body: The size limit and the idle timeout of bodies.
        memory_bytes: Larger files are stored on disk.

    Raises:
        RequestTooLarge: It is larger than the limit, or has more than `MAX_PARTS` parts.
        MalformedRequest: It is not a multipart form.
        Timeout: The client paused for too long.
    """
    body.check_length(request)
    body.send_continue(request)
    form = Form()
    parts = 0
    try:
        content: Any = _LimitedContent(request.content, body)
        reader = MultipartReader(request._message.headers, content)
        while True:
            part = await _with_timeout(reader.next(), body)
            if part is None:
                # The data after the form is ignored, but counts for the size limit.
                while await _with_timeout(content.read(CHUNK_BYTES), body):
                    pass
                return form
            if not isinstance(part, BodyPartReader):
                raise MalformedRequest("a part of the form is a multipart body itself")
            parts += 1
            if parts > MAX_PARTS:
                raise RequestTooLarge(
                    f"Payload Too Large — the form has more than {MAX_PARTS} parts"
                )
            parameters = parse_content_disposition(part.headers.get("Content-Disposition", ""))
            name, file_name = parameters.get("name"), parameters.get("filename")
            if name is None:
                raise MalformedRequest("a part of the form has no name")
            if file_name is None:
                form.add(name, await _read_text(name, part, body))
            else:
                form.add(name, await _read_file(file_name, part, body, memory_bytes))
    except (TypedError, OSError, asyncio.CancelledError):
        # An `OSError` is a fault of our disk, or the loss of the connection.
        form.close()
        raise
    except Exception as error:
        # aiohttp raises various exceptions for a malformed form: AssertionError, ValueError, …
        form.close()
        raise MalformedRequest("the multipart form is malformed") from error


class _LimitedContent:
    """The content of a request, which enforces the size limit while a form is parsed.

    All of the body counts, with names, boundaries and the data around them.
    """

    def __init__(self, content: StreamReader, body: BodyReader) -> None:
        self._content = content
        self._body = body
        self._size = 0

    async def read(self, size: int = -1) -> bytes:
        return self._count(await self._content.read(size))

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        return self._count(await self._content.readline(max_line_length=max_line_length))

    def unread_data(self, data: bytes) -> None:
        self._size -= len(data)
        self._content.unread_data(data)

    def at_eof(self) -> bool:
        return self._content.at_eof()

    def _count(self, data: bytes) -> bytes:
        self._size += len(data)
        self._body.check_size(self._size)
        return data


async def _with_timeout(awaitable: Any, body: BodyReader) -> Any:
    try:
        async with asyncio.timeout(body.idle_seconds):
            return await awaitable
    except TimeoutError:
        raise body.idle_timeout() from None


async def _read_text(name: str, part: BodyPartReader, body: BodyReader) -> str:
    chunks = []
    while chunk := await _with_timeout(part.read_chunk(), body):
        chunks.append(chunk)
    data = part.decode(b"".join(chunks))
    charset = part.get_charset(default="utf-8")
    try:
        text = bytes(data).decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise MalformedRequest(f"the form field {name!r} is not {charset} text") from None
    media_type = part.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_json = media_type == "application/json" or media_type.endswith("+json")
    return JsonText(text) if is_json else text


async def _read_file(name: str, part: BodyPartReader, body: BodyReader, memory_bytes: int) -> File:
    stream = tempfile.SpooledTemporaryFile(max_size=memory_bytes, mode="w+b")  # noqa: SIM115
    size = 0
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(stream.close)
        while chunk := await _with_timeout(part.read_chunk(CHUNK_BYTES), body):
            size += len(chunk)
            if size > memory_bytes:
                # Beyond this size the file is on disk, and writing may block.
                await asyncio.to_thread(stream.write, chunk)
            else:
                stream.write(chunk)
        stream.seek(0)
        cleanup.pop_all()
    content_type = part.headers.get("Content-Type") or content_type_of(name)
    return File(name, content_type, size, stream)  # type: ignore[arg-type]
