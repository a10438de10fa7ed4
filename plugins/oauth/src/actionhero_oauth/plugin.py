"""The plugin `oauth`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from typing import Any

    import click
    from aiohttp import web

    from actionhero import Application, Authenticator, Initializer, Settings


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_oauth import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_oauth.settings import OAuthSettings

    return [OAuthSettings]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_oauth.validation import validate

    return validate(app)


@hookimpl
def actionhero_initializers(app: Application) -> list[Initializer]:
    from actionhero_oauth.authenticator import authenticator_for
    from actionhero_oauth.initializer import OAuthInitializer

    return [OAuthInitializer(authenticator_for(app))]


@hookimpl
def actionhero_authenticators(app: Application) -> list[Authenticator]:
    from actionhero_oauth.authenticator import authenticator_for
    from actionhero_oauth.authorization_server import is_active

    return [authenticator_for(app)] if is_active(app) else []


@hookimpl
def actionhero_web_routes(app: Application) -> list[web.AbstractRouteDef]:
    from actionhero_oauth.authorization_server import is_active
    from actionhero_oauth.routes import routes_for

    return routes_for(app) if is_active(app) else []


@hookimpl
def actionhero_web_static(app: Application) -> list[Any]:
    from actionhero_oauth.authorization_server import is_active
    from actionhero_oauth.routes import static_files

    return [static_files()] if is_active(app) else []


@hookimpl
def actionhero_doctor_checks(app: Application) -> list[Any]:
    from actionhero_oauth.doctor_checks import diagnose

    return diagnose(app)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "oauth",
            "actionhero_oauth.commands:oauth",
            "List or end the grants of users.",
            topic="Access",
        )
    )
