"""The same on the low-level server of the official SDK, which is ASGI, inside aiohttp."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import mcp_types as types
import uvloop
from aiohttp import web
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from tests.benchmarks.peers.agents_work import ADD_INPUTS, SUM, TOOLS

from actionhero.transport import dumps

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ADD = types.Tool(
    name="add", description="Add two numbers.", input_schema=ADD_INPUTS, output_schema=SUM
)
OTHERS = [types.Tool(name=name, input_schema={"type": "object"}) for name in TOOLS]


async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
    """Return the tools."""
    return types.ListToolsResult(tools=[ADD, *OTHERS])


def schema_of(name: str) -> dict[str, Any] | None:
    """Return the schema of a tool; without this function, each call lists all tools."""
    return ADD_INPUTS if name == ADD.name else None


async def call_tool(context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    """Add two numbers."""
    arguments = params.arguments or {}
    value = {"sum": arguments["number"] + arguments.get("other", 1)}
    text = types.TextContent(text=dumps(value).decode())
    return types.CallToolResult(content=[text], structured_content=value)


manager = StreamableHTTPSessionManager(
    Server(
        "bench",
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        get_tool_input_schema=schema_of,
    ),
    json_response=True,
    stateless=True,
)


async def handle(request: web.Request) -> web.StreamResponse:
    """Translate between aiohttp and ASGI."""
    body = await request.read()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.rel_url.raw_path.encode(),
        "query_string": request.query_string.encode(),
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "state": {},
    }
    messages: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    status, headers, parts = 500, [], []

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], message["headers"]
        else:
            parts.append(message.get("body", b""))

    await manager.handle_request(scope, receive, send)  # type: ignore[arg-type]
    response = web.Response(status=status, body=b"".join(parts))
    for name, value in headers:
        if name.lower() not in {b"content-length"}:
            response.headers[name.decode()] = value.decode()
    return response


def make() -> web.Application:
    """Return the application."""

    @asynccontextmanager
    async def run(_: web.Application) -> AsyncIterator[None]:
        async with manager.run():
            yield

    application = web.Application()
    application.router.add_post("/mcp", handle)
    application.cleanup_ctx.append(run)
    return application


if __name__ == "__main__":
    web.run_app(
        make(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )
