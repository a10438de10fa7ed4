"""Server-sent events, as a client parses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from actionhero_remote.event_stream import ReceivedEvent, parse_events

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
