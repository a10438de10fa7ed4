"""The readers of bodies: reads that are cancelled, and bodies that are expensive to decode."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from tests.clock import Clock

from actionhero import MalformedRequest, RequestTooLarge, Timeout
from actionhero_web.bodies.body import BodyReader
from actionhero_web.bodies.body_stream import BodyStream
from actionhero_web.bodies.content_coding import MAX_MEMBERS
from actionhero_web.bodies.multipart import read_form
from actionhero_web.bodies.multipart_parser import MultipartParser
from actionhero_web.settings import WebSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

KIB = 1024


def content(*chunks: bytes, is_complete: bool = True) -> StreamReader:
    """Return a stream with received chunks."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.connection_made(asyncio.Transport())
    stream = StreamReader(protocol, 2**20, loop=loop)
    for chunk in chunks:
        stream.feed_data(chunk)
    if is_complete:
        stream.feed_eof()
    return stream


def guarded_request(
    stream: StreamReader, headers: Mapping[str, str] | None = None, **settings: Any
) -> web.Request:
    """Return a request of a native route, whose body is read within the limits."""
    request = make_mocked_request("POST", "/", headers or {}, payload=stream)
    BodyReader(WebSettings(**settings)).guard(request, None)
    assert isinstance(request.content, BodyStream)
    return request


async def test_a_cancelled_read_can_be_repeated() -> None:
    """The next one returns the rest of the body, and not its end."""
    received = content(b"first ", is_complete=False)
    request = guarded_request(received)
    first = await request.content.readany()

    read = asyncio.create_task(request.content.readany())
    await asyncio.sleep(0)
    read.cancel()
    with pytest.raises(asyncio.CancelledError):
        await read
    received.feed_data(b"rest")
    received.feed_eof()

    assert (first, await request.content.read()) == (b"first ", b"rest")


class Parts:
    """A stream that returns each part separately."""

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = iter(parts)

    async def readany(self) -> bytes:
        return next(self._parts, b"")


def test_the_time_of_cancelled_reads_counts() -> None:
    """Otherwise a handler with a timeout of its own would let a client send at any rate."""
    clock = Clock()

    async def read_twice() -> None:
        request = guarded_request(content(is_complete=False))
        first = asyncio.create_task(request.content.readany())
        await asyncio.sleep(0)
        clock.elapsed_seconds += 15
        first.cancel()
        await asyncio.wait([first])
        second = asyncio.create_task(request.content.readany())
        await asyncio.sleep(0)
        clock.elapsed_seconds += 10
        await second

    with (
        asyncio.Runner(loop_factory=lambda: clock) as runner,
        pytest.raises(Timeout, match="at less than 500 bytes per second"),
    ):
        runner.run(read_twice())


async def test_empty_members_of_a_gzip_body_do_not_block_the_event_loop() -> None:
    """Each has a decompressor of its own, although nothing is decompressed."""
    members = content(gzip.compress(b"") * 3000)
    request = guarded_request(members, {"Content-Encoding": "gzip"})
    read = asyncio.create_task(request.content.read())

    iterations = 0
    while not read.done():
        iterations += 1
        await asyncio.sleep(0)

    assert await read == b""
    assert iterations > 20


async def test_a_gzip_body_has_a_limited_number_of_members() -> None:
    """An empty one takes a thousand times the CPU time of its 20 bytes."""
    members = content(gzip.compress(b"") * (MAX_MEMBERS + 1))
    request = guarded_request(members, {"Content-Encoding": "gzip"})

    with pytest.raises(MalformedRequest, match="more than 5000 members"):
        await request.content.read()


async def test_false_boundaries_are_content() -> None:
    """They are not pieces of their own, and may be split anywhere."""
    boundaries = b"\r\n--a!" * 10_000
    form = b"--a\r\nContent-Type: text/plain\r\n\r\n" + boundaries + b"\r\n--a--\r\n"
    for size in (len(form), 64 * KIB, 7):
        parts = [form[start : start + size] for start in range(0, len(form), size)]
        parser = MultipartParser(Parts(parts), b"a")  # type: ignore[arg-type]

        assert await parser.next_headers() == {"content-type": "text/plain"}
        chunks = [chunk async for chunk in parser.chunks()]
        assert b"".join(chunks) == boundaries
        assert len(chunks) <= 2 * len(parts)
        assert await parser.next_headers() is None


async def test_small_chunks_of_a_file_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each write to the disk takes place in a thread."""
    writes = 0
    to_thread = asyncio.to_thread

    async def counted(*arguments: Any) -> Any:
        nonlocal writes
        writes += 1
        return await to_thread(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", counted)
    data = bytes(range(256)) * 1000
    head = b'--a\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    stream = content(is_complete=False)
    form = asyncio.create_task(
        read_form(
            stream,
            "multipart/form-data; boundary=a",
            memory_bytes=1000,
            fields_limit_bytes=0,
            is_parsed=lambda name: False,
        )
    )
    body = head + data + b"\r\n--a--\r\n"
    for start in range(0, len(body), 256):
        stream.feed_data(body[start : start + 256])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    stream.feed_eof()

    fields = (await form).fields
    [file] = fields["file"]
    assert (file.size, file.content()) == (len(data), data)
    assert 1 < writes < 10
    file.close()


async def test_files_in_the_place_of_texts_have_the_limit_of_texts() -> None:
    """A file name does not exempt the value of a field from the limit of parsed parts."""

    async def read(name: str) -> Any:
        head = f'--a\r\nContent-Disposition: form-data; name="{name}"; filename="f"\r\n\r\n'
        stream = content(is_complete=False)
        stream.feed_data(head.encode() + bytes(2000) + b"\r\n--a--\r\n")
        stream.feed_eof()
        form = await read_form(
            stream,
            "multipart/form-data; boundary=a",
            memory_bytes=10_000,
            fields_limit_bytes=1000,
            is_parsed=lambda name: name == "numbers",
        )
        form.close()
        return form.fields

    assert "upload" in await read("upload")
    with pytest.raises(RequestTooLarge):
        await read("numbers")
