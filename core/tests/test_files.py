"""Uploaded files as inputs of an action."""

from __future__ import annotations

import io

import pytest
from pydantic import TypeAdapter

from actionhero import Action, Call, File, Inputs, InvalidInput, json
from actionhero.inputs.schema import InputSchema
from actionhero.testing import running_app


def file(content: bytes = b"0123456789", name: str = "../etc/passwd") -> File:
    return File(name, "text/plain", len(content), io.BytesIO(content))


async def test_read_returns_the_next_bytes() -> None:
    """The requested size, then the rest, then nothing."""
    upload = file()

    assert await upload.read(4) == b"0123"
    assert await upload.read() == b"456789"
    assert await upload.read() == b""


async def test_chunks_start_at_the_beginning() -> None:
    """Earlier reads do not matter."""
    upload = file()
    await upload.read(4)

    assert [chunk async for chunk in upload.chunks(4)] == [b"0123", b"4567", b"89"]
    assert [chunk async for chunk in upload.chunks()] == [b"0123456789"]


async def test_an_empty_file_has_no_chunks() -> None:
    """Its size is zero."""
    upload = file(b"")

    assert upload.size == 0
    assert [chunk async for chunk in upload.chunks()] == []


def test_a_file_has_the_name_and_type_from_the_client() -> None:
    """The name is not a path on the server."""
    upload = file()

    assert (upload.name, upload.content_type, upload.size) == ("../etc/passwd", "text/plain", 10)
    assert repr(upload) == "<File '../etc/passwd' text/plain of 10 bytes>"


async def test_a_closed_file_cannot_be_read() -> None:
    """The transport closes it."""
    upload = file()

    upload.close()

    with pytest.raises(ValueError, match="closed file"):
        await upload.read()


class Upload(Inputs):
    picture: File
    title: str = ""


class Measure(Action):
    name = "measure"

    async def run(self, inputs: Upload, call: Call) -> int:
        return sum([len(chunk) async for chunk in inputs.picture.chunks()])


async def test_an_action_gets_the_file_itself() -> None:
    """It is neither copied nor read before."""
    async with running_app(Measure) as app:
        assert await app.call("measure", picture=file(b"x" * 200_000)) == 200_000


@pytest.mark.parametrize("value", ["a.png", b"bytes", {"name": "a.png"}, None])
async def test_other_values_than_files_are_refused(value: object) -> None:
    """The message names the expected type."""
    async with running_app(Measure) as app:
        with pytest.raises(InvalidInput, match="File is required") as raised:
            await app.call("measure", picture=value)

    assert raised.value.key == "picture"


def test_the_schema_of_a_file_is_binary() -> None:
    """OpenAPI calls it a string of format binary."""
    schema = InputSchema(Upload).json_schema()

    assert schema["properties"]["picture"] == {
        "format": "binary",
        "title": "Picture",
        "type": "string",
    }


def test_serialized_files_have_no_content() -> None:
    """Listings and responses show name, type and size."""
    serialized = TypeAdapter(File).dump_python(file(), mode="json")

    assert serialized == {"name": "../etc/passwd", "type": "text/plain", "size": 10}
    assert InputSchema(Upload).redact(Upload(picture=file())) == {
        "picture": "<file of 10 bytes>",
        "title": "",
    }
    assert json.loads(Upload(picture=file()).model_dump_json().encode())["picture"]["size"] == 10
