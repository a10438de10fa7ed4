"""The plugin `asyncapi`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    import click
    from aiohttp import web

    from actionhero import Application, Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_asyncapi.settings import AsyncApiSettings

    return [AsyncApiSettings]


@hookimpl
def actionhero_web_routes(app: Application) -> list[web.AbstractRouteDef]:
    from actionhero_asyncapi.routes import routes_for

    return routes_for(app)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "asyncapi",
            "actionhero_asyncapi.commands:asyncapi",
            "Write the AsyncAPI document, or check it for breaking changes.",
            topic="API",
        )
    )
