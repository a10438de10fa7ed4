"""Tools that run as tasks, by the job queue."""

from __future__ import annotations

import asyncio
from typing import Any

from actionhero import Action, Call, Inputs, Middleware, TypedError
from actionhero_mcp import Tool
from actionhero_tasks import Task
from agents.questions import Name


class SlowInputs(Inputs):
    """The inputs of `slow_compute`."""

    seconds: float = 0
    label: str = ""


class SlowCompute(Action):
    """Sleep, and return a result."""

    name = "slow_compute"
    task = Task()
    mcp = Tool(task=True)

    async def run(self, inputs: SlowInputs) -> dict[str, object]:
        await asyncio.sleep(inputs.seconds)
        return {"label": inputs.label, "seconds": inputs.seconds}


class FailingJob(Action):
    """Fail after a moment."""

    name = "failing_job"
    task = Task(retries=0)
    mcp = Tool(task="required")

    async def run(self) -> None:
        await asyncio.sleep(0.1)
        raise TypedError("This job intentionally fails")


class ProtocolErrorJob(Action):
    """Fail unexpectedly."""

    name = "protocol_error_job"
    task = Task(retries=0)
    mcp = Tool(task=True)

    async def run(self) -> None:
        raise RuntimeError("panic")


class Confirm(Inputs):
    """A form with a confirmation."""

    confirm: bool


class DeleteInputs(Inputs):
    """The inputs of `confirm_delete`."""

    filename: str = ""


class ConfirmDelete(Action):
    """Delete a file after a question."""

    name = "confirm_delete"
    task = Task(retries=0)
    mcp = Tool(task=True)

    async def run(self, inputs: DeleteInputs, call: Call) -> str:
        answer = await call.ask(f"Delete {inputs.filename}?", Confirm)
        return f"{inputs.filename}: {answer.action}"


class MultiInput(Action):
    """Ask two questions at once."""

    name = "multi_input"
    task = Task(retries=0)
    mcp = Tool(task=True)

    async def run(self, call: Call) -> str:
        name, confirm = await asyncio.gather(
            call.ask("Name?", Name, key="name"), call.ask("Sure?", Confirm, key="sure")
        )
        return f"{name.action} {confirm.action}"


class GreetInputs(Inputs):
    """The inputs of `test_tool_with_task`."""

    user_name: str = ""


class UserName(Inputs):
    """The name of a user."""

    name: str


class ToolWithTask(Action):
    """Ask for a name, and then greet as a task."""

    name = "test_tool_with_task"
    task = Task()
    mcp = Tool(task="required")

    async def run(self, inputs: GreetInputs) -> str:
        return f"Hello, {inputs.user_name}"


class AskFirst(Middleware):
    """Middleware around `test_tool_with_task`, which asks before the job is enqueued."""

    def for_action(self, action: Any) -> Middleware | None:
        """Return this middleware for the tool."""
        return self if action.name == ToolWithTask.name else None

    async def before(self, call: Call) -> None:
        """Ask for the name."""
        if call.connection.transport == "mcp":
            answer = await call.ask("Your name?", UserName)
            call.inputs.user_name = answer.value.name if answer.value else answer.action
