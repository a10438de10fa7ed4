"""How one item of a stream is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from actionhero import Event
from actionhero.streams import Chunk
from actionhero_web.server_sent_events import encode_event, frame


class Reading(BaseModel):
    degrees: float


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"index": 1, "total": 5}, 'data: {"index":1,"total":5}\n\n'),
        (7, "data: 7\n\n"),
        (None, "data: {}\n\n"),
        ("", "data: \n\n"),
        (Reading(degrees=21.5), 'data: {"degrees":21.5}\n\n'),
        (Point(1), 'data: {"x":1}\n\n'),
        ("grüezi", "data: grüezi\n\n"),
        ({"text": "one\ntwo"}, 'data: {"text":"one\\ntwo"}\n\n'),
        (Event("x", event="tick"), "event: tick\ndata: x\n\n"),
        (Event("x", id="7"), "id: 7\ndata: x\n\n"),
        (Event("x", id=""), "id: \ndata: x\n\n"),
        (Event("x", retry=timedelta(seconds=1.5)), "retry: 1500\ndata: x\n\n"),
        (
            Event({"a": [1]}, event="tick", id="7", retry=timedelta(seconds=2)),
            'event: tick\nid: 7\nretry: 2000\ndata: {"a":[1]}\n\n',
        ),
    ],
)
def test_an_item_is_a_frame(item: Any, text: str) -> None:
    """Text is told as it is, all else as compact JSON; an empty line ends it."""
    assert frame(item) == text


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_each_line_of_a_text_is_a_line_of_data(end: str) -> None:
    """Whatever ends a line for a reader cannot end the event, or begin another."""
    assert frame(f"one{end}event: forged{end}") == "data: one\ndata: event: forged\ndata: \n\n"


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("text", ["a\nb", "a\rdata: forged", "a\0"])
def test_a_name_of_two_lines_is_refused(field: str, text: str) -> None:
    """Clients would read something else, so the author hears of it."""
    fields: dict[str, Any] = {field: text}

    with pytest.raises(ValueError, match=f"the {field} .* of an event has more than one line"):
        Event("x", **fields)


def test_what_is_no_json_is_no_event() -> None:
    """The message names the type that cannot be written."""
    with pytest.raises(TypeError, match="'object' cannot be written as JSON"):
        frame(object())


def test_a_part_of_any_stream_is_text_for_doors_of_text() -> None:
    """Events are their frames, chunks their text; bytes that are none are shown as such."""
    assert encode_event({"a": 1}) == 'data: {"a":1}\n\n'
    assert encode_event(Chunk("a,b\n", "text/csv")) == "a,b\n"
    assert encode_event(Chunk(b"a\xff", "text/csv")) == "a\ufffd"
