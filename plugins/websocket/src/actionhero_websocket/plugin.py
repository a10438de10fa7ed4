"""The plugin `websocket`: its hook implementations. Start reading here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    import click
    from aiohttp import web

    from actionhero import Application, Initializer, Instrument, Link, Server, Settings
    from actionhero_console import Panel
    from actionhero_web import StaticFiles, Upgrade


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_websocket import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_websocket.settings import WebSocketSettings

    return [WebSocketSettings]


@hookimpl
def actionhero_component_types() -> list[type]:
    from actionhero_websocket.connections.listener import ConnectionListener

    return [ConnectionListener]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_websocket.initializer import ConnectionsInitializer

    return [ConnectionsInitializer()]


@hookimpl
def actionhero_action_attributes() -> list[str]:
    return ["web", "websocket"]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_websocket.exposure import exposure_problems

    return exposure_problems(app)


@hookimpl
def actionhero_servers(app: Application) -> list[Server]:
    from actionhero_websocket.server import WebSocketServer

    return [WebSocketServer(app)]


@hookimpl
def actionhero_web_static(app: Application) -> list[StaticFiles]:
    from actionhero_web import StaticFiles
    from actionhero_websocket.settings import WebSocketSettings

    if not app.get(WebSocketSettings).serve_client:
        return []
    return [StaticFiles(Path(__file__).parent / "static", "/actionhero")]


@hookimpl
def actionhero_web_upgrades(app: Application) -> list[Upgrade]:
    from actionhero_websocket.upgrades import create_upgrades

    return create_upgrades(app)


@hookimpl
def actionhero_web_links(origin: str) -> list[Link]:
    from actionhero import Link

    return [Link("Socket", f"ws{origin.removeprefix('http')}/ws")]


@hookimpl
def actionhero_web_application(application: web.Application, app: Application) -> None:
    from actionhero_websocket.server import bind_lifecycle

    bind_lifecycle(application, app)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "connections",
            "actionhero_websocket.commands:connections",
            "List the live connections, or close them.",
            topic="Inspect",
        )
    )


@hookimpl
def actionhero_instruments(app: Application) -> list[Instrument]:
    from actionhero_websocket.instruments import instruments

    return instruments(app)


@hookimpl(optionalhook=True)
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_websocket.console_panel import connections_panel

    return [connections_panel(app)]
