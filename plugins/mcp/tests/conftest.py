"""An application with tools on a free port, and a client that sends any message."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiohttp
import pytest
from plugins.mcp.tests.published_schemas import check_messages

from actionhero import (
    Action,
    Authenticator,
    Call,
    Field,
    Inputs,
    NotFound,
    Principal,
    RunMode,
    Scope,
    SignedIn,
    SignInRequired,
    hookimpl,
)
from actionhero.testing import running_app
from actionhero_mcp import Prompt, Resource, Tool
from actionhero_mcp import plugin as mcp_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from actionhero import Connection, Credentials
    from actionhero.testing import RunningApp

MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class AddInputs(Inputs):
    """The inputs of `numbers:add`."""

    number: int = Field(description="The first number.")
    other: int = Field(default=1, description="The second number.")


class Add(Action):
    """Add two numbers."""

    name = "numbers:add"
    web = "GET /add"
    mcp = True

    async def run(self, inputs: AddInputs) -> dict[str, int]:
        return {"sum": inputs.number + inputs.other}


class Hidden(Action):
    """An action that is no tool."""

    name = "hidden"
    web = "GET /hidden"

    async def run(self) -> str:
        return "hidden"


class Mine(Action):
    """Return the caller."""

    name = "mine"
    mcp = True
    requires = SignedIn()

    async def run(self, call: Call) -> dict[str, Any]:
        return {"user": call.principal.user, "session": call.session.get("userId")}


class Write(Action):
    """Write a message."""

    name = "message:write"
    web = "POST /message"
    mcp = {"tool": {"scopes": ["messages:write"]}}

    async def run(self) -> str:
        return "written"


class Purge(Action):
    """Delete everything."""

    name = "purge"
    web = "DELETE /everything"
    mcp = True
    requires = Scope("admin")

    async def run(self) -> None:
        """Delete."""


class NoteInputs(Inputs):
    """The inputs of `note:view`."""

    note: int


class Note(Action):
    """View a note."""

    name = "note:view"
    mcp = [Tool(), Resource("notes://{note}")]

    async def run(self, inputs: NoteInputs) -> dict[str, int]:
        if inputs.note == 0:
            raise NotFound("Note not found")
        return {"note": inputs.note}


class SummaryInputs(Inputs):
    """The arguments of a prompt."""

    day: str = Field(description="The day.")
    length: int = 1


class Summary(Action):
    """Ask for a summary."""

    name = "summary"
    mcp = Prompt()

    async def run(self, inputs: SummaryInputs) -> str:
        return f"Summarize {inputs.day} in {inputs.length} sentences."


class Crash(Action):
    """Fail unexpectedly."""

    name = "crash"
    mcp = True

    async def run(self) -> None:
        raise RuntimeError("secret internals")


class Tokens(Authenticator):
    """Identifies the users of tokens such as `user-scope,scope`."""

    schemes = ("bearer",)
    challenge = "Bearer"

    def challenge_parameters(self, transport: str) -> Mapping[str, str]:
        return {"resource_metadata": "https://example.com/metadata"} if transport == "mcp" else {}

    async def authenticate(
        self, credentials: Credentials, connection: Connection
    ) -> Principal | None:
        user, _, scopes = credentials.token.partition("-")
        if not user.isdigit():
            raise SignInRequired("The token is not valid", challenge={"error": "invalid_token"})
        return Principal(int(user), scopes=frozenset(scopes.split(",")), credential_id=f"g{user}")


class TokensPlugin:
    """Adds the authenticator of tokens."""

    @hookimpl
    def actionhero_authenticators(self) -> list[Authenticator]:
        return [Tokens()]


ACTIONS = (Add, Hidden, Mine, Write, Purge, Note, Summary, Crash)


class Reply(NamedTuple):
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Site:
    """A running application.

    Args:
        app: The application.
        url: The URL of its endpoint.
        client: The HTTP client.
    """

    def __init__(self, app: RunningApp, url: str, client: aiohttp.ClientSession) -> None:
        self.app = app
        self.url = url
        self.client = client

    async def post(self, message: Any, **headers: str) -> Reply:
        """Send a message: bytes, or a value as JSON."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with self.client.post(self.url, data=io.BytesIO(body), headers=sent) as response:
            text = await response.text()
            is_stream = response.content_type == "text/event-stream"
            value = events(text) if is_stream else json.loads(text) if text else None
            if value is not None:
                check_messages(message, sent, value if is_stream else [value])
            return Reply(response.status, response.headers, value)

    async def old(self, method: str, params: Any = None, **headers: str) -> Reply:
        """Send a request of an older revision, without a session."""
        headers = {"MCP_Protocol_Version": "2025-11-25", **headers}
        return await self.post(request(method, params or {}), **headers)

    async def new(self, method: str, params: Any = None, **headers: str) -> Reply:
        """Send a request of the newest revision."""
        params = {"_meta": meta(), **(params or {})}
        present = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
        if method in NAMED and NAMED[method] in params:
            present["Mcp_Name"] = str(params[NAMED[method]])
        return await self.post(request(method, params), **{**present, **headers})


class Serve(Protocol):
    """Starts an application."""

    def __call__(
        self, *plugins: Any, host: str = "127.0.0.1", **environ: str
    ) -> contextlib.AbstractAsyncContextManager[Site]:
        """Start the application with the usual actions, or with other plugins."""


def meta(**capabilities: Any) -> dict[str, Any]:
    """Return the metadata of a request of the newest revision."""
    return {
        META + "protocolVersion": MODERN,
        META + "clientInfo": {"name": "tester", "version": "1"},
        META + "clientCapabilities": capabilities,
    }


def request(method: str, params: Any, id: Any = 1) -> dict[str, Any]:
    """Return a request."""
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def events(text: str) -> list[Any]:
    """Return the messages of an event stream."""
    lines = (line.removeprefix("data: ") for line in text.splitlines() if line[:5] == "data:")
    return [json.loads(line) for line in lines if line.strip()]


@pytest.fixture
def serve() -> Serve:
    """Return a function that starts an application."""

    @contextlib.asynccontextmanager
    async def start(*plugins: Any, **environ: str) -> AsyncIterator[Site]:
        variables = {"ACTIONHERO_WEB__PORT": "0", **environ}
        plugins = plugins or ACTIONS
        async with running_app(
            web_plugin, mcp_plugin, *plugins, mode=RunMode.SERVER, environ=variables
        ) as app:
            port = next(item for item in app.app.servers if isinstance(item, WebServer)).port
            async with aiohttp.ClientSession() as client:
                yield Site(app, f"http://127.0.0.1:{port}/mcp", client)

    return start


@pytest.fixture
async def site(serve: Serve) -> AsyncIterator[Site]:
    """Start the application with the usual actions."""
    async with serve() as site:
        yield site
