"""An application with actions and channels, its document, and the application on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypedDict

import pytest

from actionhero import Action, App, Call, Event, File, Inputs, RunMode, Stream, hookimpl
from actionhero.settings.sources import read_sources
from actionhero.testing import running_app
from actionhero_asyncapi import AsyncApiDocument
from actionhero_asyncapi import plugin as asyncapi_plugin
from actionhero_channels import Channel, Channels
from actionhero_channels import plugin as channels_plugin
from actionhero_openapi import plugin as openapi_plugin
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import RequireSession
from actionhero_sessions import plugin as sessions_plugin
from actionhero_sse import plugin as sse_plugin
from actionhero_web import plugin as web_plugin
from actionhero_web.server import WebServer
from actionhero_websocket import Connections
from actionhero_websocket import plugin as websocket_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from actionhero_channels import Subscription

Document = dict[str, Any]
DocumentOf = Callable[..., Document]
PLUGINS = (
    web_plugin,
    redis_plugin,
    sessions_plugin,
    channels_plugin,
    websocket_plugin,
    openapi_plugin,
    asyncapi_plugin,
)


class Remark(TypedDict):
    """A remark in a room."""

    text: str
    stars: int


class Room(Channel):
    """The remarks in a room."""

    name = "room:{id}"
    history = 10
    message = Remark


class News(Channel):
    name = "news"

    async def presence_key(self, subscription: Subscription) -> str | None:
        return None


class RemarkInputs(Inputs):
    room: int
    text: str
    stars: int = 0


class RemarkAdd(Action):
    """Add a remark to a room.

    All subscribers receive it.
    """

    name = "remark:add"
    web = "POST /rooms/{room}"
    openapi = {"examples": {"a greeting": {"room": 7, "text": "Hello"}}}

    async def run(self, inputs: RemarkInputs, call: Call) -> Remark:
        remark: Remark = {"text": inputs.text, "stars": inputs.stars}
        await call.get(Channels).broadcast(f"room:{inputs.room}", remark, "tester")
        return remark


class RemarkList(Action):
    name = "remark:list"
    websocket = True

    async def run(self) -> list[Remark]:
        return [{"text": "Hello", "stars": 1}]


class PageInputs(Inputs):
    page: int = 0


class RemarkPage(Action):
    """A list, or something else: lists are objects in a response."""

    name = "remark:page"
    websocket = True

    async def run(self, inputs: PageInputs) -> list[Remark] | Remark | None:
        remark: Remark = {"text": "Hello", "stars": 1}
        pages: list[list[Remark] | Remark | None] = [[remark], remark, None]
        return pages[inputs.page]


class RemarkStream(Action):
    name = "remark:stream"
    websocket = True

    async def run(self) -> AsyncIterator[Event[Remark]]:
        yield Event({"text": "Hello", "stars": 1}, event="remark")


class RemarkCsv(Action):
    name = "remark:csv"
    websocket = True

    async def run(self) -> Stream:
        return Stream(_rows(), "text/csv")


async def _rows() -> AsyncIterator[str]:
    yield "Hello,1\n"


class Nothing(Action):
    name = "nothing"
    websocket = True

    async def run(self) -> None:
        return None


class Endless(Action):
    name = "endless"
    websocket = True

    async def run(self) -> AsyncIterator[int]:
        yield 1
        await asyncio.Event().wait()


class Greet(Action):
    """Send a message to the client of the call."""

    name = "greet"
    websocket = True

    async def run(self, call: Call) -> None:
        await call.get(Connections).send(call.connection.id, {"text": "Hello"})


class Private(Action):
    name = "private"
    websocket = True
    middleware = [RequireSession()]

    async def run(self) -> None:
        return None


class UploadInputs(Inputs):
    file: File


class Upload(Action):
    """Not over WebSocket: messages have no files."""

    name = "upload"
    web = "POST /upload"

    async def run(self, inputs: UploadInputs) -> None:
        return None


class Hidden(Action):
    name = "hidden"
    websocket = True
    openapi = {"hidden": True}

    async def run(self) -> None:
        return None


class Unexposed(Action):
    name = "unexposed"
    web = "GET /unexposed"
    websocket = False

    async def run(self) -> None:
        return None


ACTIONS = (
    RemarkAdd,
    RemarkList,
    RemarkPage,
    RemarkStream,
    RemarkCsv,
    Nothing,
    Endless,
    Greet,
    Private,
    Upload,
    Hidden,
    Unexposed,
)
CHANNELS = (Room, News)


class Components:
    """A plugin with actions and channels."""

    def __init__(self, *types: type) -> None:
        self._types = types

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [each for each in self._types if issubclass(each, Action)]

    @hookimpl
    def actionhero_channels(self) -> list[type[Channel]]:
        return [each for each in self._types if issubclass(each, Channel)]


@pytest.fixture
def load_app(tmp_path: Path) -> Callable[..., App]:
    """Return a function that loads an application from plugins, actions and channels."""

    def load(*parts: Any, plugins: tuple[Any, ...] = PLUGINS, **environ: str) -> App:
        types = [part for part in parts if isinstance(part, type)]
        others = [part for part in parts if not isinstance(part, type)]
        everything = [*plugins, *others, Components(*types)]
        app = App.from_plugins(everything, read_sources(tmp_path, environ=environ), RunMode.CLI)
        app.raise_for_problems()
        return app

    return load


@pytest.fixture
def document_of(load_app: Callable[..., App]) -> DocumentOf:
    """Return a function that returns the document of an application; see `load_app`."""

    def document(*parts: Any, **options: Any) -> Document:
        return AsyncApiDocument(load_app(*parts, **options)).to_dict()

    return document


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    """Run the application, and yield its origin."""
    environ = {"ACTIONHERO_WEB__PORT": "0", "ACTIONHERO_REDIS__MODE": "memory"}
    components = Components(*ACTIONS, *CHANNELS)
    async with contextlib.AsyncExitStack() as stack:
        app = await stack.enter_async_context(
            running_app(*PLUGINS, sse_plugin, components, environ=environ, mode=RunMode.SERVER)
        )
        server = next(each for each in app.app.servers if isinstance(each, WebServer))
        yield f"http://127.0.0.1:{server.port}"
