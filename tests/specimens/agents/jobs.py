"""Tools that run as tasks, by the job queue."""

from __future__ import annotations

import asyncio

from actionhero import Action, Call, Inputs, TypedError
from actionhero_mcp import Tool
from actionhero_tasks import Task
from agents.questions import Confirm, Name


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


class DeleteInputs(Inputs):
    """The inputs of `confirm_delete`."""

    filename: str = ""


class ConfirmDelete(Action):
    """Delete a file after a question; jobs cannot ask, so it is no task."""

    name = "confirm_delete"
    mcp = True

    async def run(self, inputs: DeleteInputs, call: Call) -> str:
        answer = await call.ask(f"Delete {inputs.filename}?", Confirm)
        return f"{inputs.filename}: {answer.action}"


class MultiInput(Action):
    """Ask two questions at once."""

    name = "multi_input"
    mcp = True

    async def run(self, call: Call) -> str:
        name, confirm = await asyncio.gather(
            call.ask("Name?", Name, key="name"), call.ask("Sure?", Confirm, key="sure")
        )
        return f"{name.action} {confirm.action}"
