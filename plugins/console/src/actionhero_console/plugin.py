"""The plugin `console`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    import click
    from aiohttp import web

    from actionhero import Application, Initializer, Link, Observer, Settings
    from actionhero_console.panels import Panel


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_console import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_console.settings import ConsoleSettings

    return [ConsoleSettings]


@hookimpl
def actionhero_component_types() -> list[type]:
    from actionhero_console.provider import PanelProvider

    return [PanelProvider]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_console.initializer import ConsoleInitializer

    return [ConsoleInitializer()]


@hookimpl
def actionhero_observers(app: Application) -> list[Observer]:
    from actionhero_console.observers import observers_for

    return observers_for(app)


@hookimpl
def actionhero_console_panels(app: Application) -> list[Panel]:
    from actionhero_console.builtin import panels_for

    return panels_for(app)


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_console.validation import validate

    return validate(app)


@hookimpl
def actionhero_web_routes(app: Application) -> list[web.AbstractRouteDef]:
    from actionhero_console.routes import routes_for

    return routes_for(app)


@hookimpl
def actionhero_web_links(app: Application, origin: str) -> list[Link]:
    from actionhero_console.routes import links_for

    return links_for(app, origin)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "console",
            "actionhero_console.commands:console",
            "Hash passwords of operators, and read their audit log.",
            topic="Access",
        )
    )
