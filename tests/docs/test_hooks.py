"""Tests of all hooks, with a plugin that implements each of them."""

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
    Link,
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
    """The settings of the plugin."""

    section: ClassVar[str] = "book"

    title: str = Field(default="Guests", description="The title of the book.")


class Book:
    """The resource of the initializer."""

    def __init__(self, title: str) -> None:
        self.title = title


class BookInitializer(Initializer):
    """Provides the book."""

    name = "book"

    async def initialize(self, app: Application) -> None:
        app.provide(Book, Book(app.get(BookSettings).title))


class Channel:
    """A component type of the plugin."""


class ShowTitle(Action):
    """Return the title of the book, and the number of calls of this session."""

    name = "book:title"
    web = "GET /title"

    async def run(self, call: Call) -> dict[str, Any]:
        call.session["calls"] = call.session.get("calls", 0) + 1
        return {"title": call.get(Book).title, "calls": call.session["calls"]}


class UpperCase(Middleware):
    """Converts titles to upper case."""

    async def after(self, call: Call, outcome: Outcome) -> Outcome | None:
        return Outcome(outcome.value | {"title": outcome.value["title"].upper()})


class SharedSessionStore(SessionStore):
    """A store with one session for all connections."""

    def __init__(self) -> None:
        self.session = Session()

    async def open(self, connection: Connection) -> Session:
        return self.session

    async def save(self, connection: Connection, session: Session) -> None:
        assert session is self.session


class NullServer(Server):
    """A server without a socket."""

    name = "null"
    is_open = False

    async def start(self, app: Application) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class NullSupervisor(Supervisor):
    """A supervisor without processes."""

    def run(self) -> int:
        return 0


class Specifications:
    """The hook specifications of the plugin."""

    @staticmethod
    @pluggy.HookspecMarker("actionhero")
    def actionhero_book_pages() -> Sequence[str] | None:
        """Pages of the book."""


class CompletePlugin:
    """A plugin that implements every hook."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

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
        return SharedSessionStore()

    @hookimpl
    def actionhero_actions(self) -> list[type[Action]]:
        return [ShowTitle]

    @hookimpl
    def actionhero_middleware(self) -> list[Middleware]:
        return [UpperCase()]

    @hookimpl
    def actionhero_validate(self, app: Application) -> list[str]:
        assert "book:title" in app.actions
        return self.problems

    @hookimpl
    def actionhero_response_types(self) -> list[type]:
        return [Channel]

    @hookimpl
    def actionhero_requirement_types(self) -> list[type]:
        return [Channel]

    @hookimpl
    def actionhero_servers(self) -> list[Server]:
        return [NullServer()]

    @hookimpl
    def actionhero_supervisor(self) -> Supervisor:
        return NullSupervisor()

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
        async def add_header(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["X-Book"] = "open"

        application.on_response_prepare.append(add_header)

    @hookimpl
    def actionhero_web_static(self) -> list[StaticFiles]:
        return [StaticFiles(self.folder, "/assets")]

    @hookimpl
    def actionhero_web_links(self, origin: str) -> list[Link]:
        return [Link("Feed", f"{origin}/feed")]


def running(plugin: CompletePlugin, **options: Any) -> Any:
    """Run an application with the HTTP server and `plugin`."""
    options = {"settings": [WebSettings(port=0)], "mode": RunMode.SERVER} | options
    return running_app(web_plugin, plugin, **options)


async def fetch(app: RunningApp, path: str) -> tuple[str, str | None]:
    """Return the body of a response, and the header that the plugin adds."""
    server = app.app.servers[0]
    base = server.addresses[0].removesuffix("/api")  # type: ignore[attr-defined]
    async with aiohttp.ClientSession() as client, client.get(base + path) as response:
        return await response.text(), response.headers.get("X-Book")


async def test_contributions_of_a_plugin_are_used(tmp_path: Path) -> None:
    """Settings, initializers, actions, middleware, the session store and servers are active."""
    async with running(CompletePlugin(tmp_path)) as app:
        first = await app.call("book:title")
        second = await app.call("book:title")

        assert first == {"title": "GUESTS", "calls": 1}
        assert second == {"title": "GUESTS", "calls": 2}
        assert [server.name for server in app.app.servers] == ["web", "null"]
        assert app.app.servers[1].is_open


async def test_plugin_specifies_hooks(tmp_path: Path) -> None:
    """Plugins can implement a hook that another plugin, or they themselves, specify."""
    async with running(CompletePlugin(tmp_path)) as app:
        pages = [item for _, item in app.app.plugins.collect("actionhero_book_pages", str)]

        assert pages == ["the first page"]


async def test_components_are_discovered_in_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application does not list its components."""
    application = ModuleType("book_application")
    application.News = type(  # type: ignore[attr-defined]
        "News", (Channel,), {"__module__": application.__name__}
    )
    monkeypatch.setitem(sys.modules, application.__name__, application)
    monkeypatch.setattr(sys, "path", [*sys.path])
    environ = {"ACTIONHERO_APP__PACKAGE": application.__name__}

    async with running(CompletePlugin(tmp_path), environ=environ) as app:
        assert app.app.components(Channel) == [application.News]


async def test_validation_problems_prevent_the_start(tmp_path: Path) -> None:
    """The error contains the problem and the plugin that reported it."""
    plugin = CompletePlugin(tmp_path)
    plugin.problems = ["action 'book:title' has an invalid title"]

    with pytest.raises(Exception, match=r"invalid title \(reported by plugin 'CompletePlugin'"):
        async with running(plugin):
            pass


async def test_plugin_adds_supervisor_and_doctor_checks(tmp_path: Path) -> None:
    """The hooks return a supervisor for `start` and diagnoses for `doctor`."""
    async with running(CompletePlugin(tmp_path)) as app:
        host = app.app.plugins
        supervisor = host.first("actionhero_supervisor", Supervisor, app=app.app)
        diagnoses = host.collect("actionhero_doctor_checks", Diagnosis, app=app.app, deploy=True)

        assert isinstance(supervisor, NullSupervisor)
        assert Diagnosis("book", Finding.OK, "deploy: True") in [item for _, item in diagnoses]


def test_plugin_adds_commands(tmp_path: Path) -> None:
    """A command is listed with its short help, and imported when it runs."""
    group = CommandGroup("actionhero")

    CompletePlugin(tmp_path).actionhero_commands(group)

    assert group.commands["read"].get_short_help_str() == "Read the book."


async def test_plugin_adds_routes_files_and_signals(tmp_path: Path) -> None:
    """Routes and files are served, and signal handlers run for all responses."""
    (tmp_path / "book.css").write_text("body {}", encoding="utf-8")

    async with running(CompletePlugin(tmp_path)) as app:
        assert await fetch(app, "/feed") == ("news", "open")
        assert await fetch(app, "/assets/book.css") == ("body {}", "open")
        assert await fetch(app, "/api/title") == ('{"title":"GUESTS","calls":1}', "open")


async def test_plugin_adds_links(tmp_path: Path) -> None:
    """Their URLs are those of the server, and follow that of the page of the application."""
    (tmp_path / "index.html").write_text("<p>Book", encoding="utf-8")

    async with running(CompletePlugin(tmp_path)) as app:
        links = app.app.servers[0].links()

        origin = f"http://127.0.0.1:{app.app.servers[0].port}"
        assert links == [Link("Page", f"{origin}/assets/"), Link("Feed", f"{origin}/feed")]
