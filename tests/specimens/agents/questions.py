"""Tools that ask the client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from actionhero import Action, Call, Field, Inputs
from actionhero_mcp import McpConnection, Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = ["option1", "option2", "option3"]


def connection_of(call: Call) -> McpConnection:
    """Return the connection of a call over MCP."""
    assert isinstance(call.connection, McpConnection)
    return call.connection


def sample(text: str, max_tokens: int = 100) -> dict[str, Any]:
    """Return the parameters of `sampling/createMessage`."""
    content = {"type": "text", "text": text}
    return {"messages": [{"role": "user", "content": content}], "maxTokens": max_tokens}


def titled(values: Mapping[str, str]) -> Any:
    """Return the choices of an enumeration with titles."""
    return [{"const": value, "title": title} for value, title in values.items()]


class SamplingInputs(Inputs):
    """The inputs of `test_sampling`."""

    prompt: str


class Sampling(Action):
    """Ask the model of the client."""

    name = "test_sampling"
    mcp = True

    async def run(self, inputs: SamplingInputs, call: Call) -> str:
        result = await connection_of(call).request("sampling/createMessage", sample(inputs.prompt))
        return f"LLM response: {result['content']['text']}"


class User(Inputs):
    """The answer to `test_elicitation`."""

    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


class ElicitationInputs(Inputs):
    """The inputs of `test_elicitation`."""

    message: str


class Elicitation(Action):
    """Ask the user of the client."""

    name = "test_elicitation"
    mcp = True

    async def run(self, inputs: ElicitationInputs, call: Call) -> str:
        answer = await call.ask(inputs.message, User)
        return f"User response: {answer.action}, {answer.value}"


class Defaults(Inputs):
    """A form with a default of each type."""

    name: str = Field(default="John Doe", description="User name")
    age: int = Field(default=30, description="User age")
    score: float = Field(default=95.5, description="User score")
    status: Literal["active", "inactive", "pending"] = Field(
        default="active", description="User status"
    )
    verified: bool = Field(default=True, description="Verification status")


class ElicitationDefaults(Action):
    """Ask with defaults."""

    name = "test_elicitation_sep1034_defaults"
    mcp = True

    async def run(self, call: Call) -> str:
        question = "Please review and update the form fields with defaults"
        answer = await call.ask(question, Defaults)
        return f"Elicitation completed: action={answer.action}, content={answer.value}"


class Enumerations(Inputs):
    """A form with each kind of enumeration."""

    untitled_single: Literal["option1", "option2", "option3"] | None = Field(
        alias="untitledSingle", default=None, description="Select one option"
    )
    titled_single: str | None = Field(
        alias="titledSingle",
        default=None,
        description="Select one option with titles",
        json_schema_extra={
            "oneOf": titled({"value1": "First Option", "value2": "Second Option",
                             "value3": "Third Option"}),
        },
    )  # fmt: skip
    legacy: Literal["opt1", "opt2", "opt3"] | None = Field(
        alias="legacyEnum",
        default=None,
        description="Select one option (legacy)",
        json_schema_extra={"enumNames": ["Option One", "Option Two", "Option Three"]},
    )
    untitled_multi: list[Literal["option1", "option2", "option3"]] | None = Field(
        alias="untitledMulti", default=None, description="Select multiple options"
    )
    titled_multi: list[str] | None = Field(
        alias="titledMulti",
        default=None,
        description="Select multiple options with titles",
        json_schema_extra={
            "items": {
                "anyOf": titled({"value1": "First Choice", "value2": "Second Choice",
                                 "value3": "Third Choice"}),
            },
        },
    )  # fmt: skip


class ElicitationEnumerations(Action):
    """Ask with enumerations."""

    name = "test_elicitation_sep1330_enums"
    mcp = True

    async def run(self, call: Call) -> str:
        answer = await call.ask("Please select options from the enum fields", Enumerations)
        return f"Elicitation completed: action={answer.action}, content={answer.value}"


class Name(Inputs):
    """A form with a name."""

    name: str


class Color(Inputs):
    """A form with a color."""

    color: str


class Confirm(Inputs):
    """A form with a confirmation."""

    ok: bool


class Context(Inputs):
    """A form with a context."""

    context: str


class AskName(Action):
    """Ask for a name."""

    name = "test_input_required_result_elicitation"
    mcp = True

    async def run(self, call: Call) -> str:
        answer = await call.ask("What is your name?", Name, key="user_name")
        return f"Hello, {answer.value.name if answer.value else 'stranger'}!"


class AskModel(Action):
    """Ask the model of the client, and have the client send the request again."""

    name = "test_input_required_result_sampling"
    mcp = True

    async def run(self, call: Call) -> str:
        params = sample("What is the capital of France?")
        result = await connection_of(call).request(
            "sampling/createMessage", params, key="capital_question"
        )
        return str(result["content"]["text"])


class AskRoots(Action):
    """Ask for the roots of the client."""

    name = "test_input_required_result_list_roots"
    mcp = True

    async def run(self, call: Call) -> str:
        result = await connection_of(call).request("roots/list", {}, key="client_roots")
        return f"{len(result['roots'])} roots"


class AskState(Action):
    """Ask for a confirmation."""

    name = "test_input_required_result_request_state"
    mcp = True

    async def run(self, call: Call) -> str:
        await call.ask("Please confirm", Confirm, key="confirm")
        return "state-ok"


class AskTampered(AskState):
    """Ask for a confirmation, with a state that clients must not change."""

    name = "test_input_required_result_tampered_state"


class AskEverything(Action):
    """Ask several things at once."""

    name = "test_input_required_result_multiple_inputs"
    mcp = True

    async def run(self, call: Call) -> str:
        connection = connection_of(call)
        await asyncio.gather(
            call.ask("What is your name?", Name, key="user_name"),
            connection.request(
                "sampling/createMessage", sample("Generate a greeting", 50), key="greeting"
            ),
            connection.request("roots/list", {}, key="client_roots"),
        )
        return "All inputs received"


class AskTwice(Action):
    """Ask one thing after the other."""

    name = "test_input_required_result_multi_round"
    mcp = True

    async def run(self, call: Call) -> str:
        name = await call.ask("Step 1: What is your name?", Name, key="step1")
        color = await call.ask("Step 2: What is your favorite color?", Color, key="step2")
        return f"{name.value} {color.value}"


class AskByCapabilities(Action):
    """Ask by the capabilities of the client."""

    name = "test_input_required_result_capabilities"
    mcp = True

    async def run(self, call: Call) -> str:
        connection = connection_of(call)
        if connection.peer.can("elicitation"):
            await call.ask("What is your name?", Name)
        await connection.request("sampling/createMessage", sample("Generate a greeting"))
        return "done"


class AskWhileStreaming(Action):
    """Report progress, and ask."""

    name = "test_streaming_elicitation"
    mcp = True

    async def run(self, call: Call) -> str:
        call.progress(50, 100)
        await call.ask("Please confirm", Confirm)
        return "Streaming complete"


class MissingCapability(Action):
    """Ask the model of a client that has declared none."""

    name = "test_missing_capability"
    mcp = True

    async def run(self, call: Call) -> str:
        await connection_of(call).request("sampling/createMessage", sample("Hello"))
        return "done"


class AskingPrompt(Action):
    """A prompt that asks for a context."""

    name = "test_input_required_result_prompt"
    mcp = Prompt()

    async def run(self, call: Call) -> str:
        answer = await call.ask("What context should the prompt use?", Context, key="user_context")
        return f"Use this context: {answer.value}"
