"""The plugin `auth`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import hookimpl

if TYPE_CHECKING:
    import click

    from actionhero import Application, Authenticator, Initializer, PermissionSource, Settings


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_auth import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_auth.settings import AuthSettings

    return [AuthSettings]


@hookimpl
def actionhero_initializers() -> list[Initializer]:
    from actionhero_auth.initializer import AuthInitializer

    return [AuthInitializer()]


@hookimpl
def actionhero_authenticators(app: Application) -> list[Authenticator]:
    from actionhero_auth.api_keys.authenticator import api_key_authenticators
    from actionhero_auth.tokens.authenticator import token_authenticators

    return [*api_key_authenticators(app), *token_authenticators(app)]


@hookimpl
def actionhero_permissions(app: Application) -> PermissionSource | None:
    from actionhero_auth.roles import role_permissions

    return role_permissions(app)


@hookimpl(optionalhook=True)
def actionhero_db_models(app: Application) -> list[Any]:
    from actionhero_auth.api_keys.activation import models_for

    return models_for(app)


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_auth.validation import settings_errors

    return settings_errors(app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Any]:
    from actionhero_auth.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    group.add_command(
        LazyCommand(
            "auth",
            "actionhero_auth.commands:auth",
            "Create, list and revoke API keys.",
            topic="Access",
        )
    )
