"""The reader of multipart forms: text fields in memory, large files on disk."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from typing import TYPE_CHECKING, Any, Final

from actionhero import File, MalformedRequest, RequestTooLarge
from actionhero.transport import JsonText, is_json
from actionhero_web.bodies.body import check_size
from actionhero_web.bodies.content_disposition import parse_content_disposition
from actionhero_web.bodies.multipart_parser import MultipartParser, boundary_of
from actionhero_web.bodies.part_content import codec_of, decode_text, decoded
from actionhero_web.files.file_types import content_type_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import StreamReader

#: The maximum number of parts of a form.
MAX_PARTS: Final = 1000
#: The bytes that are collected for a write to a file on disk, which takes place in a thread.
WRITE_BYTES: Final = 64 * 1024
#: The field by which browsers report the charset of the form (RFC 7578 §4.6).
CHARSET_FIELD: Final = "_charset_"


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


async def read_form(
    content: StreamReader,
    content_type: str,
    *,
    memory_bytes: int,
    fields_limit_bytes: int,
    is_parsed: Callable[[str], bool],
) -> Form:
    """Return a multipart form.

    Args:
        content: The body, whose reads raise the errors of its limits.
        content_type: The media type with the boundary.
        memory_bytes: Larger files are stored on disk.
        fields_limit_bytes: The largest size of all names and texts together; 0 for no limit.
        is_parsed: Whether the files of a name are values of fields, whose size is limited too.

    Raises:
        RequestTooLarge: It is larger than the limit, or has more than `MAX_PARTS` parts.
        MalformedRequest: It is not a multipart form.
        UnsupportedMediaType: A part has an unsupported charset or encoding.
        OSError: A file cannot be stored.
        Timeout: The client paused for too long.
    """
    parser = MultipartParser(content, boundary_of(content_type))
    reader = _FormReader(parser, memory_bytes, fields_limit_bytes, is_parsed)
    try:
        return await reader.read()
    except BaseException:
        reader.form.close()
        raise


class _FormReader:
    def __init__(
        self,
        parser: MultipartParser,
        memory_bytes: int,
        fields_limit_bytes: int,
        is_parsed: Callable[[str], bool],
    ) -> None:
        self.form = Form()
        self._parser = parser
        self._memory_bytes = memory_bytes
        self._fields_limit_bytes = fields_limit_bytes
        self._is_parsed = is_parsed
        self._fields_bytes = 0
        self._charset = "utf-8"

    async def read(self) -> Form:
        parts = 0
        while (headers := await self._parser.next_headers()) is not None:
            parts += 1
            if parts > MAX_PARTS:
                raise RequestTooLarge(
                    f"Payload Too Large — the form has more than {MAX_PARTS} parts"
                )
            await self._read_part(headers)
        return self.form

    async def _read_part(self, headers: dict[str, str]) -> None:
        if headers.get("content-type", "").strip().lower().startswith("multipart/"):
            raise MalformedRequest("a part of the form is a multipart body itself")
        parameters = parse_content_disposition(headers.get("content-disposition", ""))
        name, file_name = parameters.get("name"), parameters.get("filename")
        if name is None:
            raise MalformedRequest("a part of the form has no name")
        if file_name is None and "filename*" in parameters:
            raise MalformedRequest("the file name of a part of the form is not UTF-8")
        if "\0" in (file_name or ""):
            raise MalformedRequest("the file name of a part of the form contains NUL")
        self._count(len(name))
        chunks = decoded(headers, self._parser.chunks())
        if file_name is not None:
            if self._is_parsed(name):
                chunks = self._counted_chunks(chunks)
            file = await self._read_file(file_name, headers, chunks)
            if file.size or file_name:
                self.form.add(name, file)
            else:
                # A browser sends this for a file field in which no file was chosen.
                file.close()
            return
        data = b"".join([chunk async for chunk in self._counted_chunks(chunks)])
        text = decode_text(name, data, headers, self._charset)
        if name == CHARSET_FIELD:
            codec_of(text)
            self._charset = text
        is_declared = is_json(headers.get("content-type", ""))
        self.form.add(name, JsonText(text) if is_declared else text)

    async def _read_file(
        self, name: str, headers: dict[str, str], chunks: AsyncIterator[bytes]
    ) -> File:
        stream = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed with the form
            # With 0, it would never be on disk.
            max_size=max(self._memory_bytes, 1),
            mode="w+b",
        )
        size = 0
        unwritten = bytearray()
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size <= self._memory_bytes:
                    stream.write(chunk)
                    continue
                unwritten += chunk
                if len(unwritten) >= WRITE_BYTES:
                    # Beyond the size in memory the file is on disk, and writing may block.
                    await asyncio.to_thread(stream.write, unwritten)
                    unwritten = bytearray()
            if unwritten:
                await asyncio.to_thread(stream.write, unwritten)
            stream.seek(0)
        except BaseException:
            with contextlib.suppress(OSError):
                # Closing writes what is buffered.
                stream.close()
            raise
        content_type = headers.get("content-type") or content_type_of(name)
        return File(name, content_type, size, stream)  # type: ignore[arg-type]

    async def _counted_chunks(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self._count(len(chunk))
            yield chunk

    def _count(self, size: int) -> None:
        """Add to the size of the parsed parts."""
        self._fields_bytes += size
        check_size(self._fields_bytes, self._fields_limit_bytes)
