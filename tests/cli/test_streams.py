"""`actionhero call` of actions that answer in pieces."""

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
            print("all there", file=sys.stderr, flush=True)
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


SELF = f"{sys.executable} -m actionhero"
SAY = 'echo "got $l" >&2'


@pytest.fixture
def counting(place: Place) -> Place:
    """Give a folder with an application whose actions stream."""
    place.write("counting/__init__.py", "")
    place.write("counting/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "counting"\n')
    return place


def test_each_item_is_a_line_of_json(counting: Place) -> None:
    """Names and identifiers are for who follows along over a network."""
    ended = counting.run("call", "streaming:counter", "--count", "3")

    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == "".join(f'{{"index":{i},"total":3}}\n' for i in (1, 2, 3))


def test_nothing_is_told_as_nothing(counting: Place) -> None:
    """Not as an empty list."""
    ended = counting.run("call", "streaming:counter", "--count", "0")

    assert (ended.code, ended.stdout) == (0, "")


def test_a_table_has_a_row_for_each_item(counting: Place) -> None:
    """It is there when the stream has ended."""
    ended = counting.run("call", "--format", "table", "streaming:counter", "--count", "2")

    lines = [line.split() for line in ended.stdout.splitlines()]
    assert (lines[0], lines[2:]) == (["index", "total"], [["1", "2"], ["2", "2"]])


def test_a_failure_stands_on_stderr_after_what_came_before(counting: Place) -> None:
    """With the exit code of a call that failed."""
    ended = counting.run("call", "fails", "--count", "2")

    assert (ended.code, ended.stdout) == (1, "0\n1\n")
    assert json.loads(ended.stderr)["error"]["message"] == "no more"


def test_inputs_that_are_wrong_write_nothing_to_stdout(counting: Place) -> None:
    """As for any other action."""
    ended = counting.run("call", "streaming:counter", "--count", "many")

    assert (ended.code, ended.stdout) == (65, "")


def test_chunks_are_written_as_they_are(counting: Place) -> None:
    """So that they may be sent to a file."""
    ended = counting.run("call", "export")

    assert (ended.code, ended.stdout) == (0, "grün,\0\ufffd")


def test_an_interrupt_ends_the_stream(counting: Place) -> None:
    """What was there is written already; the generator is closed."""
    command = counting.start("call", "open", "--count", "2")
    command.wait_for("all there")

    ended = command.stop(signal.SIGINT)

    assert (ended.code, ended.stdout) == (130, "0\n1\n")
    assert "closed" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_reader_has_an_item_as_soon_as_it_is_there(counting: Place) -> None:
    """Also through a pipe, while the stream goes on."""
    counting.program = ("bash", "-c", f"{SELF} call open --count 1 | while read l; do {SAY}; done")

    counting.start().wait_for("got 0")


def test_a_reader_that_goes_away_ends_the_stream(counting: Place) -> None:
    """Without a word of complaint."""
    counting.program = ("bash", "-c", f"set -o pipefail; {SELF} call endless | head -n 1")

    ended = counting.run()

    assert ended.code == 1
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == "closed\n"
