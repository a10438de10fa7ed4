"""The text format of server-sent events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from actionhero import Event
from actionhero.streams import Chunk
from actionhero_web.responses.server_sent_events import encode_event, format_event


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
def test_an_item_is_formatted_as_an_event(item: Any, text: str) -> None:
    """Text is unchanged, other data is compact JSON, and an empty line terminates the event."""
    assert format_event(item) == text


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_each_line_of_a_text_is_a_data_field(end: str) -> None:
    """No line end in a text can terminate the event or start another one."""
    assert (
        format_event(f"one{end}event: forged{end}") == "data: one\ndata: event: forged\ndata: \n\n"
    )


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("text", ["a\nb", "a\rdata: forged", "a\0"])
def test_a_field_with_a_line_end_is_an_error(field: str, text: str) -> None:
    """It would inject fields into the event."""
    fields: dict[str, Any] = {field: text}

    with pytest.raises(ValueError, match=f"the {field} .* of an event has a line break or a NUL"):
        Event("x", **fields)


def test_data_that_is_not_json_is_an_error() -> None:
    """The message contains the type of the data."""
    with pytest.raises(TypeError, match="'object' cannot be written as JSON"):
        format_event(object())


def test_an_item_of_any_stream_is_encoded_as_text() -> None:
    """For transports with text messages; invalid UTF-8 in bytes is replaced."""
    assert encode_event({"a": 1}) == 'data: {"a":1}\n\n'
    assert encode_event(Chunk("a,b\n", "text/csv")) == "a,b\n"
    assert encode_event(Chunk(b"a\xff", "text/csv")) == "a\ufffd"
