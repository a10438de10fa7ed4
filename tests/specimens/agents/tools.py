"""Tools with each kind of result."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from pydantic import ConfigDict

from actionhero import Action, Call, Field, Inputs, TypedError
from actionhero_mcp import Content, Tool

if TYPE_CHECKING:
    from actionhero_mcp import McpConnection

#: An image of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
#: Audio without a sample.
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")


class SimpleText(Action):
    """Return text."""

    name = "test_simple_text"
    mcp = True

    async def run(self) -> str:
        return "This is a simple text response for testing."


class ImageContent(Action):
    """Return an image."""

    name = "test_image_content"
    mcp = True

    async def run(self) -> Content:
        return Content.image(PNG, "image/png")


class AudioContent(Action):
    """Return audio."""

    name = "test_audio_content"
    mcp = True

    async def run(self) -> Content:
        return Content.audio(WAV, "audio/wav")


class EmbeddedResource(Action):
    """Return a resource."""

    name = "test_embedded_resource"
    mcp = True

    async def run(self) -> Content:
        text = "This is an embedded resource content."
        return Content.resource("test://embedded-resource", text, "text/plain")


class MultipleContentTypes(Action):
    """Return several blocks."""

    name = "test_multiple_content_types"
    mcp = True

    async def run(self) -> list[Content]:
        return [
            Content.text("Multiple content types test:"),
            Content.image(PNG, "image/png"),
            Content.resource(
                "test://mixed-content-resource",
                '{"test":"data","value":123}',
                "application/json",
            ),
        ]


class Logging(Action):
    """Send log messages during the call."""

    name = "test_tool_with_logging"
    mcp = True

    async def run(self, call: Call) -> str:
        connection: McpConnection = call.connection  # type: ignore[assignment]
        for text in ("started", "processing data", "completed"):
            connection.log("info", f"Tool execution {text}")
            await asyncio.sleep(0.01)
        return "Tool with logging executed successfully"


class QuietLogging(Action):
    """Send a log message, which clients get only if they want it."""

    name = "test_logging_tool"
    mcp = True

    async def run(self, call: Call) -> str:
        connection: McpConnection = call.connection  # type: ignore[assignment]
        connection.log("info", "Diagnostic trace logging activated")
        return "Logging evaluated"


class Progress(Action):
    """Report the progress of the call."""

    name = "test_tool_with_progress"
    mcp = True

    async def run(self, call: Call) -> str:
        for done in (0, 50, 100):
            call.progress(done, 100, f"Completed step {done} of 100")
            await asyncio.sleep(0.01)
        return "Tool with progress executed successfully"


class Failing(Action):
    """Fail."""

    name = "test_error_handling"
    mcp = True

    async def run(self) -> None:
        raise TypedError("This tool intentionally returns an error for testing")


class Reconnection(Action):
    """Take a moment, in which a client may lose its stream."""

    name = "test_reconnection"
    mcp = True

    async def run(self) -> str:
        await asyncio.sleep(0.1)
        return "Reconnection test completed successfully."


class GreetInputs(Inputs):
    """The inputs of `greet`."""

    name: str = Field(description="The name.")


class Greet(Action):
    """Greet someone by name."""

    name = "greet"
    mcp = True

    async def run(self, inputs: GreetInputs) -> str:
        return f"Hello, {inputs.name}!"


class AddInputs(Inputs):
    """The inputs of `add`."""

    a: int
    b: int


class Add(Action):
    """Add two numbers."""

    name = "add"
    web = "POST /add"
    mcp = True

    async def run(self, inputs: AddInputs) -> dict[str, int]:
        return {"sum": inputs.a + inputs.b}


class RegionInputs(Inputs):
    """The inputs of `test_x_mcp_header`."""

    region: str = Field(description="The region.")
    shard: int | None = Field(default=None, description="The number of the shard.")
    query: str = Field(default="", description="The query.")


class HeaderTool(Action):
    """Run a query in a region, which proxies read in a header."""

    name = "test_x_mcp_header"
    mcp = Tool(header={"region": "Region"})

    async def run(self, inputs: RegionInputs) -> str:
        return f"{inputs.region}: {inputs.query}"


class address(Inputs):  # noqa: N801 - the suite expects this name
    """An address, which keeps its place in the schema because of its anchor."""

    model_config = ConfigDict(json_schema_extra={"$anchor": "addressDef"})

    street: str = ""
    city: str = ""


class SchemaInputs(Inputs):
    """The inputs of `json_schema_2020_12_tool`, whose schema has all kinds of keywords."""

    model_config = ConfigDict(
        json_schema_extra={
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
            "if": {
                "properties": {"contactMethod": {"const": "phone"}},
                "required": ["contactMethod"],
            },
            "then": {"required": ["phone"]},
            "else": {"required": ["email"]},
            "additionalProperties": False,
        }
    )

    name: str = ""
    where: address = Field(default=address(), alias="address")
    contact_method: str = Field(
        default="email", alias="contactMethod", json_schema_extra={"enum": ["phone", "email"]}
    )
    phone: str = ""
    email: str = ""


class JsonSchema(Action):
    """Tool with JSON Schema 2020-12 features."""

    name = "json_schema_2020_12_tool"
    mcp = True

    async def run(self, inputs: SchemaInputs) -> str:
        return f"JSON Schema 2020-12 tool called with: {inputs.model_dump_json()}"
