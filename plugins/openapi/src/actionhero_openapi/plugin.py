"""The plugin `openapi`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click
    from aiohttp import web

    from actionhero import Action, Application, Link, Settings


@hookimpl
def actionhero_settings() -> Sequence[type[Settings]]:
    from actionhero_openapi.settings import OpenApiSettings

    return [OpenApiSettings]


@hookimpl
def actionhero_actions(app: Application) -> Sequence[type[Action]]:
    from actionhero_openapi.actions import actions_for

    return actions_for(app)


@hookimpl
def actionhero_action_attributes() -> Sequence[str]:
    return ["openapi"]


@hookimpl
def actionhero_validate(app: Application) -> Sequence[str]:
    from actionhero_openapi.operation import operation_errors

    return operation_errors(app.actions)


@hookimpl
def actionhero_web_routes(app: Application) -> Sequence[web.AbstractRouteDef]:
    from actionhero_openapi.page import routes_for

    return routes_for(app)


@hookimpl
def actionhero_web_links(app: Application, origin: str) -> Sequence[Link]:
    from actionhero_openapi.page import links_for

    return links_for(app, origin)


@hookimpl
def actionhero_web_application(application: web.Application, app: Application) -> None:
    from actionhero_openapi.document import openapi_document

    openapi_document(app).application = application


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "openapi",
            "actionhero_openapi.commands:openapi",
            "Write the OpenAPI document, or check it for breaking changes.",
            topic="API",
        )
    )
