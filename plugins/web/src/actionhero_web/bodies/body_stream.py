"""`BodyStream`: aiohttp's stream of a body, filled on demand from the reader with its limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from aiohttp import StreamReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

#: The size to which a reader fills the stream before it returns.
BUFFER_BYTES: Final = 64 * 1024


class _NoFlowControl:
    """The protocol of a stream that requests its data itself."""

    connected = True

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Do nothing."""


_NO_FLOW_CONTROL: Any = _NoFlowControl()


class BodyStream(StreamReader):
    """The content of a request, whose reads raise the errors of its source.

    Args:
        chunks: The source of the content.
        origin: The stream that the source reads.
    """

    def __init__(self, chunks: AsyncIterator[bytes], origin: StreamReader) -> None:
        super().__init__(_NO_FLOW_CONTROL, BUFFER_BYTES, loop=asyncio.get_running_loop())
        self._source = chunks
        self._origin = origin

    def is_eof(self) -> bool:
        """Whether the whole body is received."""
        return super().is_eof() or self._origin.is_eof()

    async def _wait(self, func_name: str) -> None:
        # aiohttp calls this in each of its methods when the buffer is empty.
        try:
            self.feed_data(await anext(self._source))
        except StopAsyncIteration:
            self.feed_eof()
        except Exception as error:
            # A later read must not take the end of the source for that of the body.
            self.set_exception(error)
            raise
