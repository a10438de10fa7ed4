"""Send a file."""

from __future__ import annotations

from typing import Annotated, TypedDict

from actionhero import Action, Field, File, Inputs
from actionhero_chat.fields import Text
from actionhero_openapi import Operation
from actionhero_web import Route


class UploadedFile(TypedDict):
    """What arrived of a file."""

    #: As the client has it, with its folders. Never a path of ours.
    name: str
    type: str
    #: In bytes.
    size: int


class Upload(TypedDict):
    """What arrived of a form."""

    stringParam: str
    file: UploadedFile


class Uploaded(TypedDict):
    """What arrived."""

    params: Upload


class FileUploadInputs(Inputs):
    """A form with a file."""

    file: File = Field(description="Any file.")
    stringParam: Annotated[  # noqa: N815 - clients know it by this name
        str, Text(1, too_short="String parameter is required")
    ] = Field(description="Any text.")


class FileUpload(Action):
    """Send a file, and hear what has arrived of it."""

    name = "fileUpload"
    web = Route.post("/file")
    openapi = Operation(errors=[])

    async def run(self, inputs: FileUploadInputs) -> Uploaded:
        file = inputs.file
        return {
            "params": {
                "stringParam": inputs.stringParam,
                "file": {"name": file.name, "type": file.content_type, "size": file.size},
            }
        }
