"""Uploaded files, read in chunks from memory or disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

CHUNK_BYTES = 64 * 1024


class File:
    """An uploaded file, as an input of an action: `picture: File`.

    Args:
        name: The name from the client. Never use it as a path.
        content_type: The media type from the client.
        size: The size, in bytes.
        stream: The bytes. The transport owns the stream and closes it after the call.
    """

    __slots__ = ("_stream", "content_type", "name", "size")

    def __init__(self, name: str, content_type: str, size: int, stream: BinaryIO) -> None:
        self.name = name
        self.content_type = content_type
        self.size = size
        self._stream = stream

    async def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes; the rest if negative; empty bytes at the end."""
        # The bytes may be on a slow disk.
        return await asyncio.to_thread(self._stream.read, size)

    async def chunks(self, size: int = CHUNK_BYTES) -> AsyncIterator[bytes]:
        """Yield the whole file from the start, `size` bytes at a time."""
        await asyncio.to_thread(self._stream.seek, 0)
        while chunk := await self.read(size):
            yield chunk

    def content(self) -> bytes:
        """Return the whole file from the start. It blocks: for small files in memory."""
        self._stream.seek(0)
        return self._stream.read()

    def close(self) -> None:
        """Close the stream. The transport does this after the call."""
        self._stream.close()

    def __repr__(self) -> str:
        return f"<File {self.name!r} {self.content_type} of {self.size} bytes>"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import PydanticCustomError, core_schema  # noqa: PLC0415 - import rule

        def check(value: Any) -> File:
            if isinstance(value, File):
                return value
            raise PydanticCustomError("file_required", "File is required")

        return core_schema.no_info_plain_validator_function(
            check,
            metadata={"is_file": True},
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda file: {"name": file.name, "type": file.content_type, "size": file.size}
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "format": "binary"}
