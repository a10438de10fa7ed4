"""The check of `actionhero doctor`: whether users can grant what actions require."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actionhero import Requirement
from actionhero.transport import Diagnosis, Finding
from actionhero_oauth.authorization_server import is_active
from actionhero_oauth.settings import OAuthSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero.transport import RegisteredAction

CHECK: Final = "oauth"
#: The attributes of actions that clients with a token can call.
_REACHABLE: Final = ("web", "websocket", "mcp")


def diagnose(app: Application) -> list[Diagnosis]:
    """Return the results of the check."""
    if app.has_invalid_settings or not is_active(app):
        return []
    scopes = app.get(OAuthSettings).scopes
    warnings = [
        Diagnosis(
            CHECK,
            Finding.WARNING,
            f"action {action.name!r} ({action.source}, {action.owner}) requires the scope "
            f"{scope!r}, which is not in oauth.scopes: no access token has it; add it there if "
            "clients of users may call the action",
        )
        for action in app.actions
        if any(action.attribute(name) for name in _REACHABLE)
        for scope in _missing_scopes(action, frozenset(scopes))
    ]
    return warnings or [Diagnosis(CHECK, Finding.OK, f"users can grant {len(scopes)} scopes")]


def _missing_scopes(action: RegisteredAction, known: frozenset[str]) -> Iterator[str]:
    """Yield the scopes without which the requirements of an action cannot be met."""
    for item in action.requires:
        if isinstance(item, Requirement):
            missing = [scopes - known for scopes in item.alternatives()]
            if all(missing):
                yield from sorted(sorted(missing, key=len)[0])
