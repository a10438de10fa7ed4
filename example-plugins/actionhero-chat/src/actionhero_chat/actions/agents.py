"""The resource and the prompt for agents, which are reachable over HTTP too."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, TypedDict

from actionhero import Action, Application, Call, Field, Inputs
from actionhero.transport import dumps
from actionhero_openapi import Operation
from actionhero_web import Route


class ResourceText(TypedDict):
    """The content of a resource."""

    text: str
    mimeType: str


def _text_of(content: ResourceText) -> str:
    return content["text"]


class Status(Action):
    """The status of the server, as an agent reads it."""

    name = "status:resource"
    web = Route.get("/status/resource")
    mcp: ClassVar = {
        "tool": {"name": "status", "title": "Show the status of the server", "text": _text_of},
        "resource": {"uri": "keryx://status", "mime_type": "application/json"},
    }
    openapi = Operation(errors=[])

    async def run(self, call: Call) -> ResourceText:
        action: type[Action] = call.get(Application).actions.find("status").type
        inputs: dict[str, Any] = {}
        status: dict[str, Any] = await call.run(action, inputs)
        names = ("name", "pid", "version", "uptime", "consumedMemoryMB")
        shown = {name: status[name] for name in names}
        return {"text": dumps(shown).decode(), "mimeType": "application/json"}


class GreetingInputs(Inputs):
    """The inputs of `greeting:prompt`."""

    name: str = Field(default="world", description="The name to greet.")


class TextBlock(TypedDict):
    """A text in a message."""

    type: Literal["text"]
    text: str


class GreetingMessage(TypedDict):
    """A message of the prompt."""

    role: Literal["user"]
    content: TextBlock


class Greeting(TypedDict):
    """The prompt."""

    description: str
    messages: list[GreetingMessage]


class GreetingPrompt(Action):
    """A personalized greeting."""

    name = "greeting:prompt"
    web = Route.get("/greeting/prompt")
    mcp: ClassVar[dict[str, Any]] = {"prompt": {}}
    openapi = Operation(errors=[], examples={"Ada": {"name": "Ada"}})

    async def run(self, inputs: GreetingInputs) -> Greeting:
        text = f"Hello, {inputs.name}! How can I help you today?"
        return {
            "description": "A personalized greeting",
            "messages": [{"role": "user", "content": {"type": "text", "text": text}}],
        }
