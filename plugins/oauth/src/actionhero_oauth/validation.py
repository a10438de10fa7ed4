"""Validation of the settings that concern other parts of the application, at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_oauth.authorization_server import is_active
from actionhero_oauth.redirects import redirect_problem
from actionhero_oauth.resources import ProtectedResource
from actionhero_oauth.settings import OAuthSettings

if TYPE_CHECKING:
    from actionhero import Application


def validate(app: Application) -> list[str]:
    """Return the errors in the settings that concern other parts of the application."""
    settings, problems = app.get(OAuthSettings), []
    if not is_active(app):
        if "sign_in" in settings.model_fields_set:
            problems.append(
                f"oauth.sign_in is {settings.sign_in!r}, which is no action; set it to the action "
                "that signs users in, or set oauth.sign_in_url to the path of your sign-in page"
            )
        return problems
    if settings.sign_up is not None:
        if settings.sign_up not in app.actions:
            problems.append(
                f"oauth.sign_up is {settings.sign_up!r}, which is no action; set it to the action "
                "that creates accounts, or remove it"
            )
        elif settings.sign_in_url is not None:
            problems.append(
                "oauth.sign_up has no effect along with oauth.sign_in_url, whose page replaces the "
                "forms; remove one of them, and link to the sign-up there"
            )
    if app.environment == "production" and settings.issuer is None:
        problems.append(
            "oauth.issuer is required in production; set ACTIONHERO_OAUTH__ISSUER to the public "
            "URL of the application, such as https://example.com"
        )
    for _, resource in app.plugins.collect(
        "actionhero_oauth_resources", ProtectedResource, app=app
    ):
        problems += [
            f"{place} requires the scope {scope!r}, which is not in oauth.scopes; add it, or users "
            "cannot grant it"
            for scope, place in resource.scopes.items()
            if scope not in settings.scopes
        ]
    # Not by the settings themselves, whose errors do not show parts of a value with secrets.
    problems += [
        f"oauth.clients: the redirect URI {uri!r} of the client {client.id!r} {problem}"
        for client in settings.clients
        for uri in client.redirect_uris
        if (problem := redirect_problem(uri))
    ]
    return problems
