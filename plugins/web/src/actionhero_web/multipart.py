"""Reading multipart forms: text fields in memory, files to disk when they grow."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, MultipartReader

from actionhero import File
from actionhero.errors import MalformedRequest, RequestTooLarge, TypedError

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero_web.body import BodyReader

#: As many parts as a form may have.
MAX_PARTS = 1000


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
    form = Form()
    left = _Allowance(body)
    try:
        reader = MultipartReader(request._message.headers, request.content)
        while True:
            part = await _in_time(reader.next(), body)
            if part is None:
                return form
            if not isinstance(part, BodyPartReader):
                raise MalformedRequest("a part of the form is itself a multipart body")
            left.spend_part()
            if part.name is None:
                raise MalformedRequest("a part of the form has no name")
            if part.filename is None:
                form.add(part.name, await _read_text(part, left))
            else:
                form.add(part.name, await _read_file(part, left, memory_bytes))
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


class _Allowance:
    """How much may still be read."""

    def __init__(self, body: BodyReader) -> None:
        self.body = body
        self._bytes = body.limit_bytes
        self._parts = MAX_PARTS

    def spend(self, size: int) -> None:
        if self.body.limit_bytes:
            self._bytes -= size
            if self._bytes < 0:
                raise RequestTooLarge(
                    f"Payload Too Large — body exceeds the {self.body.limit_bytes} byte limit"
                )

    def spend_part(self) -> None:
        self._parts -= 1
        if self._parts < 0:
            raise RequestTooLarge(f"Payload Too Large — the form has more than {MAX_PARTS} parts")


async def _in_time(reading: Any, body: BodyReader) -> Any:
    try:
        async with asyncio.timeout(body.idle_seconds):
            return await reading
    except TimeoutError:
        raise body.paused() from None


async def _read_text(part: BodyPartReader, left: _Allowance) -> str:
    pieces = []
    while chunk := await _in_time(part.read_chunk(), left.body):
        left.spend(len(chunk))
        pieces.append(chunk)
    data = part.decode(b"".join(pieces))
    charset = part.get_charset(default="utf-8")
    try:
        return bytes(data).decode(charset)
    except (UnicodeDecodeError, LookupError):
        raise MalformedRequest(f"the form field {part.name!r} is not {charset} text") from None


async def _read_file(part: BodyPartReader, left: _Allowance, memory_bytes: int) -> File:
    stream = tempfile.SpooledTemporaryFile(max_size=memory_bytes, mode="w+b")  # noqa: SIM115
    size = 0
    with contextlib.ExitStack() as undo:
        undo.callback(stream.close)
        while chunk := await _in_time(part.read_chunk(), left.body):
            left.spend(len(chunk))
            size += len(chunk)
            if size > memory_bytes:
                # From here on it is a disk that is written to, and a disk may be slow.
                await asyncio.to_thread(stream.write, chunk)
            else:
                stream.write(chunk)
        stream.seek(0)
        undo.pop_all()
    kind = part.headers.get("Content-Type", "application/octet-stream")
    return File(part.filename or "", kind, size, stream)  # type: ignore[arg-type]
