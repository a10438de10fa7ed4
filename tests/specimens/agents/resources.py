"""Resources and prompts."""

from __future__ import annotations

from typing import Literal

from actionhero import Action, Field, Inputs
from actionhero_channels import Channel
from actionhero_mcp import Content, Prompt, PromptMessage, Resource
from agents.tools import PNG


class StaticText(Action):
    """A static text resource."""

    name = "static:text"
    mcp = Resource("test://static-text", mime_type="text/plain")

    async def run(self) -> str:
        return "This is the content of the static text resource."


class StaticBinary(Action):
    """A static image."""

    name = "static:binary"
    mcp = Resource("test://static-binary", mime_type="image/png")

    async def run(self) -> bytes:
        return PNG


class TemplateInputs(Inputs):
    """The inputs of the template."""

    id: str


class Template(Action):
    """A resource for each id."""

    name = "template"
    mcp = Resource("test://template/{id}/data", mime_type="application/json")

    async def run(self, inputs: TemplateInputs) -> dict[str, object]:
        return {"id": inputs.id, "templateTest": True, "data": f"Data for ID: {inputs.id}"}


class Watched(Action):
    """A resource that clients can watch."""

    name = "watched"
    mcp = Resource("test://watched-resource", mime_type="text/plain", updates="watched")

    async def run(self) -> str:
        return "Watched resource content"


class WatchedChannel(Channel):
    """Announces changes of the watched resource."""

    name = "watched"


class SimplePrompt(Action):
    """A simple prompt."""

    name = "test_simple_prompt"
    mcp = Prompt()

    async def run(self) -> str:
        return "This is a simple prompt for testing."


class ArgumentsInputs(Inputs):
    """The arguments of a prompt."""

    arg1: str = Field(description="First test argument")
    arg2: str = Field(description="Second test argument")
    mood: Literal["calm", "cheerful", "curious"] = "calm"


class PromptWithArguments(Action):
    """A prompt with arguments."""

    name = "test_prompt_with_arguments"
    mcp = Prompt(completions={"arg1": "complete"})

    async def run(self, inputs: ArgumentsInputs) -> str:
        return f"Prompt with arguments: arg1='{inputs.arg1}', arg2='{inputs.arg2}'"


class CompleteInputs(Inputs):
    """The beginning of a value."""

    value: str = ""


class Complete(Action):
    """Complete the argument of a prompt."""

    name = "complete"

    async def run(self, inputs: CompleteInputs) -> list[str]:
        return ["paris", "party", "test", "testValue1", "testValue2"]


class EmbeddedInputs(Inputs):
    """The arguments of a prompt with a resource."""

    resource_uri: str = Field(alias="resourceUri", description="URI of the resource to embed")


class PromptWithResource(Action):
    """A prompt with a resource."""

    name = "test_prompt_with_embedded_resource"
    mcp = Prompt()

    async def run(self, inputs: EmbeddedInputs) -> list[PromptMessage]:
        text = "Embedded resource content for testing."
        return [
            PromptMessage.user(Content.resource(inputs.resource_uri, text, "text/plain")),
            PromptMessage.user("Please process the embedded resource above."),
        ]


class PromptWithImage(Action):
    """A prompt with an image."""

    name = "test_prompt_with_image"
    mcp = Prompt()

    async def run(self) -> list[PromptMessage]:
        return [
            PromptMessage.user(Content.image(PNG, "image/png")),
            PromptMessage.user("Please analyze the image above."),
        ]
