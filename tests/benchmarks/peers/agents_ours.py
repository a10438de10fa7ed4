"""Forty tools as an application of ours; one adds numbers, also over HTTP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypedDict

from tests.benchmarks.peers.agents_work import TOOLS

from actionhero import Action, Field, Inputs, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable


class AddInputs(Inputs):
    """The numbers."""

    number: int = Field(description="The first number.")
    other: int = Field(default=1, description="The second number.")


class Sum(TypedDict):
    """The sum."""

    sum: int


class Add(Action):
    """Add two numbers."""

    name = "add"
    web = "POST /add"
    # The other servers keep no record of calls, which is that of tools that may change something.
    mcp = {"tool": {"read_only": True}}

    async def run(self, inputs: AddInputs) -> Sum:
        return {"sum": inputs.number + inputs.other}


class ListModules(Action):
    """List the imported modules."""

    name = "modules"
    web = "GET /modules"

    async def run(self) -> list[str]:
        return sorted(sys.modules)


def tool(name: str) -> type[Action]:
    """Return an action that is never called, with its own inputs."""

    class ToolInputs(Inputs):
        id: int = Field(description="The number of a thing.")
        verbose: bool = False

    class UseTool(Action):
        """Respond to a call that is never made."""

        mcp = True

        async def run(self, inputs: ToolInputs) -> dict[str, object]:
            return {}

    UseTool.name = name
    return UseTool


@hookimpl
def actionhero_actions() -> Iterable[type[Action]]:
    return [tool(name) for name in TOOLS]
