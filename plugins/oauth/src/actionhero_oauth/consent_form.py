"""The parts of the forms of the consent page, as HTML."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from actionhero_oauth.clients import ClientKind
from actionhero_oauth.redirects import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero.transport import InputField
    from actionhero_oauth.authorization_requests import AuthorizationRequest
    from actionhero_oauth.clients import Client


def scope_boxes(texts: Mapping[str, str]) -> str:
    """Return a box for each scope, with its text."""
    return "".join(
        f'<label class="choice"><input type="checkbox" name="scope" checked '
        f'value="{html.escape(scope)}">'
        f"<span>{html.escape(text)}</span></label>\n"
        for scope, text in texts.items()
    )


def field_of(item: InputField, *, is_new: bool) -> str:
    """Return the field of an input of the sign-in action, or of a new account."""
    name, kind = html.escape(item.name), "password" if item.secret else "text"
    label = html.escape((item.description or item.name).rstrip("."))
    required = " required" if item.required else ""
    hint = ("new-password" if is_new else "current-password") if item.secret else "username"
    if is_new and not item.secret:
        # One of them is the user name, and browsers know better which.
        hint = "on"
    return (
        f'<p class="field"><label for="{name}">{label}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{hint}"{required}></p>\n'
    )


def warning_of(request: AuthorizationRequest, client: Client) -> str:
    """Return what a user should know of a client; empty for one that is known."""
    reasons = []
    if client.kind is ClientKind.REGISTERED:
        reasons.append("This application has named itself; nothing confirms its name.")
    if is_loopback(request.redirect_uri):
        reasons.append("It runs on this computer. Allow it only if you have just started it.")
    return f'<p class="warning">{" ".join(reasons)}</p>' if reasons else ""
