"""Files that somebody sent, as inputs of an action."""

from __future__ import annotations

import io

import pytest
from pydantic import TypeAdapter

from actionhero import Action, Call, File, Inputs, InvalidInput, json
from actionhero.inputs.schema import InputSchema
from actionhero.testing import running_app


def file(content: bytes = b"0123456789", name: str = "../etc/passwd") -> File:
    return File(name, "text/plain", len(content), io.BytesIO(content))


async def test_a_file_is_read_in_pieces() -> None:
    """So much as is asked for, then the rest, then nothing."""
    given = file()

    assert await given.read(4) == b"0123"
    assert await given.read() == b"456789"
    assert await given.read() == b""


async def test_a_file_is_read_from_its_beginning_piece_by_piece() -> None:
    """Whoever has looked at it before does not matter."""
    given = file()
    await given.read(4)

    assert [chunk async for chunk in given.chunks(4)] == [b"0123", b"4567", b"89"]
    assert [chunk async for chunk in given.chunks()] == [b"0123456789"]


async def test_an_empty_file_has_no_pieces() -> None:
    """Zero bytes are a file too."""
    given = file(b"")

    assert given.size == 0
    assert [chunk async for chunk in given.chunks()] == []


def test_a_file_tells_what_the_client_says_of_it() -> None:
    """Its name is theirs, and never a path of ours."""
    given = file()

    assert (given.name, given.content_type, given.size) == ("../etc/passwd", "text/plain", 10)
    assert repr(given) == "<File '../etc/passwd' text/plain of 10 bytes>"


async def test_whoever_made_a_file_closes_it() -> None:
    """After that there is nothing to read."""
    given = file()

    given.close()

    with pytest.raises(ValueError, match="closed file"):
        await given.read()


class Upload(Inputs):
    picture: File
    title: str = ""


class Measure(Action):
    name = "measure"

    async def run(self, inputs: Upload, call: Call) -> int:
        return sum([len(chunk) async for chunk in inputs.picture.chunks()])


async def test_an_action_gets_the_file_itself() -> None:
    """It is not copied and not read before the action asks."""
    async with running_app(Measure) as app:
        assert await app.call("measure", picture=file(b"x" * 200_000)) == 200_000


@pytest.mark.parametrize("given", ["a.png", b"bytes", {"name": "a.png"}, None])
async def test_anything_else_than_a_file_is_refused(given: object) -> None:
    """The message says what is wanted."""
    async with running_app(Measure) as app:
        with pytest.raises(InvalidInput, match="File is required") as raised:
            await app.call("measure", picture=given)

    assert raised.value.key == "picture"


def test_in_documents_a_file_is_binary() -> None:
    """OpenAPI calls it a string of format binary."""
    schema = InputSchema(Upload).json_schema()

    assert schema["properties"]["picture"] == {
        "format": "binary",
        "title": "Picture",
        "type": "string",
    }


def test_where_a_file_is_written_down_its_bytes_are_not() -> None:
    """A list of jobs, or an answer that mentions a file, tells what it is."""
    told = TypeAdapter(File).dump_python(file(), mode="json")

    assert told == {"name": "../etc/passwd", "type": "text/plain", "size": 10}
    assert InputSchema(Upload).shown(Upload(picture=file())) == {
        "picture": "<file of 10 bytes>",
        "title": "",
    }
    assert json.loads(Upload(picture=file()).model_dump_json().encode())["picture"]["size"] == 10
