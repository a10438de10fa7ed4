"""Bodies of limited size, and server-sent events as a client parses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero import UnavailableError
from actionhero_remote.response_bodies import ReceivedEvent, parse_events, read_body

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STREAMS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "data": ("data: 1\n\n", [("", "1")]),
    "without a space": ("data:1\n\ndata:  2\n\n", [("", "1"), ("", " 2")]),
    "a type": (
        "event: counter\ndata: 1\nid: 7\nretry: 3\n\ndata: 2\n\n",
        [("counter", "1"), ("", "2")],
    ),
    "several lines": ("data: a\ndata\ndata: b\n\n", [("", "a\n\nb")]),
    "empty data": ("data:\n\n", [("", "")]),
    "comments": (":\n\n: ping\ndata: 1\n\n", [("", "1")]),
    "a type without data": ("event: x\n\ndata: 1\n\n", [("", "1")]),
    "an incomplete event": ("data: 1\n\ndata: 2\n", [("", "1")]),
    "other line ends": ("data: a\r\ndata: b\rdata: c\n\r\n", [("", "a\nb\nc")]),
    "other characters": ("data: grün\u2028日\n\n", [("", "grün\u2028日")]),
}


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(("text", "events"), STREAMS.values(), ids=list(STREAMS))
async def test_events(text: str, events: list[tuple[str, str]], size: int) -> None:
    """In chunks of any size."""

    async def chunks() -> AsyncIterator[bytes]:
        content = text.encode()
        for start in range(0, len(content), size):
            yield content[start : start + size]

    parsed = [event async for event in parse_events(chunks())]

    assert parsed == [ReceivedEvent(*event) for event in events]


LARGE: dict[str, list[bytes]] = {
    "a line": [b"data: ", b"x" * 60, b"x" * 60],
    "many lines": [b"data: x\n"] * 50,
}


@pytest.mark.parametrize("chunks", LARGE.values(), ids=LARGE)
async def test_events_of_endless_size_are_refused(chunks: list[bytes]) -> None:
    with pytest.raises(UnavailableError, match="is larger than"):
        async for _ in parse_events(_yield(chunks), max_bytes=100):
            pass


async def test_bodies_of_endless_size_are_refused() -> None:
    assert await read_body(_yield([b"x" * 50] * 2), max_bytes=100) == b"x" * 100

    with pytest.raises(UnavailableError, match="is larger than"):
        await read_body(_yield([b"x" * 50] * 3), max_bytes=100)


async def _yield(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
