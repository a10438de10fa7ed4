"""The same on `MCPServer` of the official SDK, without sessions, with JSON responses."""

from __future__ import annotations

from typing import Annotated

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel, Field
from tests.benchmarks.peers.agents_work import TOOLS


class Sum(BaseModel):
    """The sum."""

    sum: int


server = MCPServer("bench")


@server.tool()
async def add(
    number: Annotated[int, Field(description="The first number.")],
    other: Annotated[int, Field(description="The second number.")] = 1,
) -> Sum:
    """Add two numbers."""
    return Sum(sum=number + other)


async def _use(id: int, verbose: bool = False) -> None:
    """Respond to a call that is never made."""


for _name in TOOLS:
    server.add_tool(_use, name=_name)

# By default, it accepts only hosts with a port.
_HOSTS = TransportSecuritySettings(allowed_hosts=["127.0.0.1", "127.0.0.1:*"])
app = server.streamable_http_app(json_response=True, stateless_http=True, transport_security=_HOSTS)
