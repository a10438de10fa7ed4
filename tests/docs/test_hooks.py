"""Each hook does what the reference says: a plugin that implements all of them is heard by all."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp
import pluggy
import pytest
from aiohttp import web

from actionhero import (
    Action,
    Application,
    Call,
    Connection,
    Field,
    Initializer,
    Middleware,
    Outcome,
    RunMode,
    Server,
    Session,
    SessionStore,
    Settings,
    Supervisor,
    hookimpl,
)
from actionhero.cli import CommandGroup, LazyCommand
from actionhero.health import Diagnosis, Finding
from actionhero.testing import running_app
from actionhero_web import StaticFiles, WebSettings
from actionhero_web import plugin as web_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import click

    from actionhero.testing import RunningApp


class BookSettings(Settings):
    """The knobs of the plugin."""

    section: ClassVar[str] = "book"

    title: str = Field(default="Guests", description="What the book is called.")


class Book:
    """What the initializer provides."""

    def __init__(self, title: str) -> None:
        self.title = title


class BookInitializer(Initializer):
    """Provides the book."""

    name = "book"

    async def initialize(self, app: Application) -> None:
        app.provide(Book, Book(app.get(BookSettings).title))


class Channel:
    """A kind of thing that applications define."""


class ShowTitle(Action):
    """Show the title of the book, and how often this session asked."""

    name = "book:title"
    web = "GET /title"

    async def run(self, call: Call) -> dict[str, Any]:
        call.session["asked"] = call.session.get("asked", 0) + 1
        return {"title": call.get(Book).title, "asked": call.session["asked"]}


class Loud(Middleware):
    """Makes titles loud."""

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        return Outcome(outcome.value | {"title": outcome.value["title"].upper()})


class OneSession(SessionStore):
    """Takes everybody for the same guest."""

    def __init__(self) -> None:
        self.session = Session()

    async def open(self, connection: Connection) -> Session:
        return self.session

    async def save(self, connection: Connection, session: Session) -> None:
        assert session is self.session


class Bell(Server):
    """A door without a street."""

    name = "bell"
    is_open = False

    async def start(self, app: Application) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class WorkerArbiter(Supervisor):
    """Starts nobody."""

    def run(self) -> int:
        return 0


class Specifications:
    """Hooks of the plugin's own."""

    @staticmethod
    @pluggy.HookspecMarker("actionhero")
    def actionhero_book_pages() -> Sequence[str] | None:
        """Pages of the book."""


class Everything:
    """A plugin that implements every hook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults: list[str] = []

    @hookimpl
    def actionhero_hookspecs(self) -> list[object]:
        return [Specifications]

    @hookimpl
    def actionhero_book_pages(self) -> list[str]:
        return ["the first page"]

    @hookimpl
    def actionhero_settings(self) -> list[type[Settings]]:
        return [BookSettings]

    @hookimpl
    def actionhero_component_types(self) -> list[type]:
        return [Channel]

    @hookimpl
    def actionhero_initializers(self, app: Application) -> list[Initializer]:
        return [BookInitializer()]

    @hookimpl
    def actionhero_session_store(self) -> SessionStore:
        return OneSession()

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [ShowTitle]

    @hookimpl
    def actionhero_middleware(self) -> list[Middleware]:
        return [Loud()]

    @hookimpl
    def actionhero_validate(self, app: Application) -> list[str]:
        assert "book:title" in app.actions
        return self.faults

    @hookimpl
    def actionhero_servers(self) -> list[Server]:
        return [Bell()]

    @hookimpl
    def actionhero_supervisor(self) -> Supervisor:
        return WorkerArbiter()

    @hookimpl
    def actionhero_doctor_checks(self, deploy: bool) -> list[Diagnosis]:
        return [Diagnosis("book", Finding.OK, f"deploy: {deploy}")]

    @hookimpl
    def actionhero_commands(self, group: click.Group) -> None:
        group.add_command(LazyCommand("read", "book:read", "Read the book."))

    @hookimpl
    def actionhero_web_routes(self) -> list[web.AbstractRouteDef]:
        async def feed(request: web.Request) -> web.Response:
            return web.Response(text="news")

        return [web.get("/feed", feed)]

    @hookimpl
    def actionhero_web_application(self, application: web.Application) -> None:
        async def tell(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["X-Book"] = "open"

        application.on_response_prepare.append(tell)

    @hookimpl
    def actionhero_web_static(self) -> list[StaticFiles]:
        return [StaticFiles(self.folder, "/assets")]


def running(plugin: Everything, **options: Any) -> Any:
    """Run an application with the HTTP server and `plugin`."""
    options = {"settings": [WebSettings(port=0)], "mode": RunMode.SERVER} | options
    return running_app(web_plugin, plugin, **options)


async def fetch(app: RunningApp, path: str) -> tuple[str, str | None]:
    """Return what a path answers, and the header that the plugin puts on it."""
    server = app.app.servers[0]
    base = server.addresses[0].removesuffix("/api")  # type: ignore[attr-defined]
    async with aiohttp.ClientSession() as client, client.get(base + path) as answer:
        return await answer.text(), answer.headers.get("X-Book")


async def test_what_a_plugin_furnishes_is_used(tmp_path: Path) -> None:
    """Settings, initializers, actions, middleware, the session store and servers take part."""
    async with running(Everything(tmp_path)) as app:
        first = await app.call("book:title")
        again = await app.call("book:title")

        assert first == {"title": "GUESTS", "asked": 1}
        assert again == {"title": "GUESTS", "asked": 2}
        assert [server.name for server in app.app.servers] == ["web", "bell"]
        assert app.app.servers[1].is_open


async def test_a_plugin_can_have_plugins(tmp_path: Path) -> None:
    """A hook that a plugin specifies is one that plugins implement, itself among them."""
    async with running(Everything(tmp_path)) as app:
        given = [item for _, item in app.app.plugins.collect("actionhero_book_pages", str)]

        assert given == ["the first page"]


async def test_classes_of_a_kind_are_found_in_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application lists none of them."""
    application = ModuleType("book_application")
    application.News = type(  # type: ignore[attr-defined]
        "News", (Channel,), {"__module__": application.__name__}
    )
    monkeypatch.setitem(sys.modules, application.__name__, application)
    monkeypatch.setattr(sys, "path", [*sys.path])
    environ = {"ACTIONHERO_APP__PACKAGE": application.__name__}

    async with running(Everything(tmp_path), environ=environ) as app:
        assert app.app.components(Channel) == [application.News]


async def test_a_fault_that_a_plugin_finds_stops_the_start(tmp_path: Path) -> None:
    """Nothing starts while a plugin has something to say against an action."""
    plugin = Everything(tmp_path)
    plugin.faults = ["action 'book:title' has an odd title"]

    with pytest.raises(Exception, match=r"odd title \(found by plugin 'Everything'"):
        async with running(plugin):
            pass


async def test_a_plugin_has_a_say_in_start_and_doctor(tmp_path: Path) -> None:
    """It may give a parent process, and things to be looked at."""
    async with running(Everything(tmp_path)) as app:
        host = app.app.plugins
        parent = host.first("actionhero_supervisor", Supervisor, app=app.app)
        found = host.collect("actionhero_doctor_checks", Diagnosis, app=app.app, deploy=True)

        assert isinstance(parent, WorkerArbiter)
        assert Diagnosis("book", Finding.OK, "deploy: True") in [item for _, item in found]


def test_a_plugin_adds_commands(tmp_path: Path) -> None:
    """A command is listed by its name and one line, and imported when it is run."""
    group = CommandGroup("actionhero")

    Everything(tmp_path).actionhero_commands(group)

    assert group.commands["read"].get_short_help_str() == "Read the book."


async def test_a_plugin_adds_to_http(tmp_path: Path) -> None:
    """Its native routes and files are served, and its signals see every answer."""
    (tmp_path / "book.css").write_text("body {}", encoding="utf-8")

    async with running(Everything(tmp_path)) as app:
        assert await fetch(app, "/feed") == ("news", "open")
        assert await fetch(app, "/assets/book.css") == ("body {}", "open")
        assert await fetch(app, "/api/title") == ('{"title":"GUESTS","asked":1}', "open")
