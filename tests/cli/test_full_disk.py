"""Commands whose output cannot be written."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Place

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")

ACTIONS = """
from __future__ import annotations

from collections.abc import AsyncIterator

from actionhero import Action


class Work(Action):
    name = "work"

    async def run(self) -> int:
        return 1


class Count(Action):
    name = "count"

    async def run(self) -> AsyncIterator[int]:
        for number in range(3):
            yield number
"""


@pytest.fixture
def working(place: Place) -> Place:
    """A folder with an application, and no space for the output of its commands."""
    place.write("working/__init__.py", "")
    place.write("working/actions.py", ACTIONS)
    place.write("actionhero.toml", 'app.package = "working"\n')
    place.enabled = ["tasks"]
    place.program = ("sh", "-c", f'{sys.executable} -m actionhero "$@" > {FULL}', "sh")
    return place


@pytest.mark.parametrize(
    "arguments",
    [
        "--version",
        "--help",
        "actions",
        "config",
        "call work",
        "call count",
        "call --format table work",
        "tasks --format json",
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_of_one_line(
    working: Place, arguments: str
) -> None:
    command = working.run(*arguments.split())

    assert command.code == 74, command
    assert command.stderr == (
        "Error: the output could not be written: No space left on device\n"
    ), command


def test_the_id_of_an_enqueued_job_is_on_stderr_if_it_cannot_be_written(working: Place) -> None:
    command = working.run("enqueue", "work")

    assert command.code == 74, command
    first, _, id = command.stderr.rstrip("\n").rpartition(" ")
    assert first == (
        "Error: the output could not be written: No space left on device; "
        "the job was enqueued, and its id is"
    )
    working.program = (sys.executable, "-m", "actionhero")
    assert working.run("job", "status", id).code == 0
