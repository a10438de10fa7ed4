"""The same on fastmcp, without sessions, with JSON responses."""

from __future__ import annotations

import sys
from typing import Annotated

from fastmcp import FastMCP
from fastmcp.tools import Tool
from pydantic import BaseModel, Field
from tests.benchmarks.peers.agents_work import TOOLS


class Sum(BaseModel):
    """The sum."""

    sum: int


server: FastMCP[None] = FastMCP("bench")


@server.tool
async def add(
    number: Annotated[int, Field(description="The first number.")],
    other: Annotated[int, Field(description="The second number.")] = 1,
) -> Sum:
    """Add two numbers."""
    return Sum(sum=number + other)


async def _use(id: int, verbose: bool = False) -> None:
    """Respond to a call that is never made."""


for _name in TOOLS:
    server.add_tool(Tool.from_function(_use, name=_name))

app = server.http_app(path="/mcp", json_response=True, stateless_http=True)

if __name__ == "__main__":
    assert sys.argv[1:] == ["stdio"]
    server.run(transport="stdio", show_banner=False)
