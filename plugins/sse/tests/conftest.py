"""An application with channels on a free port, and a client that reads events."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import aiohttp
import pytest

from actionhero import Action, Call, ChannelRefused, Inputs, RunMode, hookimpl
from actionhero.testing import running_app
from actionhero_channels import Channel, Channels
from actionhero_channels import plugin as channels_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_redis.testing import redis_server  # noqa: F401 - a fixture
from actionhero_sessions import plugin as sessions_plugin
from actionhero_sse import plugin as sse_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from actionhero.testing import RunningApp
    from actionhero_channels import Subscription


class News(Channel):
    """Without history and presence."""

    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Room(Channel):
    """With a short history."""

    name = "room:{id}"
    history = 5

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Long(Channel):
    """With a long history."""

    name = "long"
    history = 1000

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class Club(Channel):
    """With authorization and presence."""

    name = "club"

    async def authorize(self, subscription: Subscription) -> None:
        if "userId" not in subscription.session:
            raise ChannelRefused("Authentication required to join this channel")

    async def presence_key(self, subscription: Subscription) -> str | None:
        return str(subscription.session["userId"])


class SignInInputs(Inputs):
    user: int


class SignIn(Action):
    name = "sign:in"
    web = "PUT /session"

    async def run(self, inputs: SignInInputs, call: Call) -> None:
        call.session["userId"] = inputs.user


class SignOut(Action):
    name = "sign:out"
    web = "DELETE /session"

    async def run(self, call: Call) -> None:
        await call.session.destroy()


class Application:
    """A plugin with the channels and actions."""

    @hookimpl
    def actionhero_channels(self) -> list[type[Channel]]:
        return [News, Room, Long, Club]

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [SignIn, SignOut]


class ServerEvent(NamedTuple):
    """An event as a browser parses it."""

    event: str
    data: Any
    id: str | None = None
    retry: str | None = None


class EventReader:
    """Reads the events of a response."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, event: str = "") -> ServerEvent:
        """Return the next event, of a type if one is given.

        Raises:
            EOFError: The stream has ended.
        """
        fields: dict[str, str] = {}
        while True:
            line = (await self.response.content.readline()).decode()
            if not line:
                raise EOFError
            if line != "\n":
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value
            elif "data" in fields:
                kind, data = fields.pop("event", "message"), json.loads(fields.pop("data"))
                found = ServerEvent(kind, data, fields.get("id"), fields.get("retry"))
                if event in ("", kind):
                    return found
                fields = {}
            else:
                fields = {}

    async def messages(self, count: int) -> list[Any]:
        """Return the messages of that many broadcasts."""
        return [(await self.next("message")).data["message"] for _ in range(count)]


class Site:
    """A running application and one client, with cookies."""

    def __init__(self, app: RunningApp, client: aiohttp.ClientSession) -> None:
        self.app = app
        self.client = client
        server = next(each for each in app.app.servers if isinstance(each, WebServer))
        self.origin = f"http://127.0.0.1:{server.port}"

    async def broadcast(self, channel: str, *messages: Any) -> list[str]:
        """Send broadcasts, and return their identifiers."""
        return [await self.app.get(Channels).broadcast(channel, each) for each in messages]

    @contextlib.asynccontextmanager
    async def events(self, channel: str, **options: Any) -> AsyncIterator[EventReader]:
        """Open the stream of a channel, and close its connection afterwards."""
        url = f"{self.origin}/api/channels/{channel}/events"
        async with self.client.get(url, **options) as response:
            yield EventReader(response)

    async def request(self, method: str, path: str, **options: Any) -> aiohttp.ClientResponse:
        """Return the complete response to a request."""
        async with self.client.request(method, f"{self.origin}/api{path}", **options) as response:
            await response.read()
            return response


class Serve(Protocol):
    """Runs the application with environment variables."""

    def __call__(
        self, *plugins: Any, **environ: str
    ) -> contextlib.AbstractAsyncContextManager[Site]: ...


@contextlib.asynccontextmanager
async def _serve(*plugins: Any, **environ: str) -> AsyncIterator[Site]:
    variables = {
        "ACTIONHERO_WEB__PORT": "0",
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_ERRORS__SHOW_TRACEBACKS": "false",
        **environ,
    }
    if "REDIS_URL" in environ:
        del variables["ACTIONHERO_REDIS__MODE"]
    all_plugins = (web_plugin, redis_plugin, sessions_plugin, channels_plugin, sse_plugin)
    async with (
        running_app(
            *all_plugins, Application(), *plugins, environ=variables, mode=RunMode.SERVER
        ) as app,
        # The session cookie of an IP address.
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
    ):
        yield Site(app, client)


@pytest.fixture
def serve() -> Serve:
    return _serve


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Yield the application with its default settings."""
    async with _serve() as site:
        yield site
