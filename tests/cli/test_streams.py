"""`actionhero call` of streaming actions."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

ACTIONS = """
from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

from actionhero import Action, Call, Conflict, Event, Inputs, Stream


class Upto(Inputs):
    count: int


class Counter(Action):
    name = "streaming:counter"

    async def run(self, inputs: Upto, call: Call) -> AsyncIterator[Event[dict[str, int]]]:
        for index in range(1, inputs.count + 1):
            yield Event({"index": index, "total": inputs.count}, event="counter", id=str(index))


class Fails(Action):
    name = "fails"

    async def run(self, inputs: Upto) -> AsyncIterator[int]:
        for number in range(inputs.count):
            yield number
        raise Conflict("no more")


class Export(Action):
    name = "export"

    async def run(self, call: Call) -> Stream:
        async def rows() -> AsyncIterator[bytes | str]:
            yield "grün,"
            yield bytes([0, 255])

        return Stream(rows(), "text/csv")


class Open(Action):
    name = "open"

    async def run(self, inputs: Upto) -> AsyncIterator[int]:
        try:
            for number in range(inputs.count):
                yield number
            print("all items", file=sys.stderr, flush=True)
            await asyncio.Event().wait()
        finally:
            print("closed", file=sys.stderr, flush=True)


class Endless(Action):
    name = "endless"

    async def run(self) -> AsyncIterator[str]:
        try:
            while True:
                yield "more " * 100
        finally:
            print("closed", file=sys.stderr, flush=True)
"""


ACTIONHERO = f"{sys.executable} -m actionhero"
ECHO = 'echo "got $l" >&2'


@pytest.fixture
def counting(place: Place) -> Place:
    """A folder with an application whose actions stream."""
    place.write("counting/__init__.py", "")
    place.write("counting/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "counting"\n')
    return place


def test_each_item_is_a_line_of_json(counting: Place) -> None:
    """Without the names and identifiers of events."""
    command = counting.run("call", "streaming:counter", "--count", "3")

    assert (command.code, command.stderr) == (0, "")
    assert command.stdout == "".join(f'{{"index":{i},"total":3}}\n' for i in (1, 2, 3))


def test_an_empty_stream_has_no_output(counting: Place) -> None:
    """Not an empty list."""
    command = counting.run("call", "streaming:counter", "--count", "0")

    assert (command.code, command.stdout) == (0, "")


def test_a_table_has_a_row_for_each_item(counting: Place) -> None:
    """It is printed at the end of the stream."""
    command = counting.run("call", "--format", "table", "streaming:counter", "--count", "2")

    lines = [line.split() for line in command.stdout.splitlines()]
    assert (lines[0], lines[2:]) == (["index", "total"], [["1", "2"], ["2", "2"]])


def test_an_error_follows_the_items_on_stderr(counting: Place) -> None:
    """With the exit code of a failed call."""
    command = counting.run("call", "fails", "--count", "2")

    assert (command.code, command.stdout) == (1, "0\n1\n")
    assert json.loads(command.stderr)["error"]["message"] == "no more"


def test_invalid_inputs_have_no_output(counting: Place) -> None:
    """As for other actions."""
    command = counting.run("call", "streaming:counter", "--count", "many")

    assert (command.code, command.stdout) == (65, "")


def test_chunks_are_written_unchanged(counting: Place) -> None:
    """They can be redirected to a file."""
    command = counting.run("call", "export")

    assert (command.code, command.stdout) == (0, "grün,\0\ufffd")


def test_an_interrupt_closes_the_stream(counting: Place) -> None:
    """The previous items have been written."""
    running = counting.start("call", "open", "--count", "2")
    running.wait_for("all items")

    command = running.stop(signal.SIGINT)

    assert (command.code, command.stdout) == (130, "0\n1\n")
    assert "closed" in command.stderr
    assert "Traceback" not in command.stderr


def test_items_are_written_immediately(counting: Place) -> None:
    """Also to a pipe."""
    counting.program = (
        "bash",
        "-c",
        f"{ACTIONHERO} call open --count 1 | while read l; do {ECHO}; done",
    )

    counting.start().wait_for("got 0")


def test_a_closed_pipe_closes_the_stream(counting: Place) -> None:
    """Without an error message."""
    counting.program = ("bash", "-c", f"set -o pipefail; {ACTIONHERO} call endless | head -n 1")

    command = counting.run()

    assert command.code == 1
    assert command.stdout.count("\n") == 1
    assert command.stderr == "closed\n"
