"""The action that accepts a file upload."""

from __future__ import annotations

from typing import Annotated, TypedDict

from actionhero import Action, Field, File, Inputs
from actionhero_chat.fields import Text
from actionhero_openapi import Operation
from actionhero_web import Route


class FileInfo(TypedDict):
    """Name, type and size of an uploaded file."""

    #: The name that the client sent, with its folders. Never a path on the server.
    name: str
    type: str
    #: In bytes.
    size: int


class UploadParams(TypedDict):
    """The fields of an uploaded form."""

    stringParam: str
    file: FileInfo


class UploadResult(TypedDict):
    """The result of `fileUpload`."""

    params: UploadParams


class FileUploadInputs(Inputs):
    """The inputs of `fileUpload`: a form with a file."""

    file: File = Field(description="Any file.")
    stringParam: Annotated[  # noqa: N815 - the wire format has this name
        str, Text(1, too_short="String parameter is required")
    ] = Field(description="Any text.")


class FileUpload(Action):
    """Upload a file, and return its name, type and size."""

    name = "fileUpload"
    web = Route.post("/file")
    openapi = Operation(errors=[])

    async def run(self, inputs: FileUploadInputs) -> UploadResult:
        file = inputs.file
        return {
            "params": {
                "stringParam": inputs.stringParam,
                "file": {"name": file.name, "type": file.content_type, "size": file.size},
            }
        }
