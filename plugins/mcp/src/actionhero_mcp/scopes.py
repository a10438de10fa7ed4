"""`DeclaredScopes`: the scopes of tools, resources and prompts, enforced for agents."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from actionhero import Middleware, Requirement, Scope
from actionhero_mcp.declared import parse

if TYPE_CHECKING:
    from actionhero import Application, Call


class DeclaredScopes(Middleware):
    """Middleware around all actions, entered by those whose attribute `mcp` has scopes.

    They are scopes like those of `requires`, but only for calls over MCP.
    """

    def for_action(self, action: Any) -> Middleware | None:
        """Return the requirement of an action; `None` without scopes."""
        try:
            scopes = parse(action.attribute("mcp")).scopes
        except (TypeError, ValueError):
            # The validation at start-up reports it.
            return None
        return _OverMcp([Scope(scope) for scope in scopes]) if scopes else None


def declared_scopes(app: Application) -> dict[str, str]:
    """Return the scopes of all tools, resources and prompts, and an action with each."""
    actions: dict[str, str] = {}
    for action in app.actions:
        with suppress(TypeError, ValueError):
            for scope in parse(action.attribute("mcp")).scopes:
                actions.setdefault(
                    scope, f"action {action.name!r} ({action.source}, {action.owner})"
                )
    return actions


class _OverMcp(Middleware):
    """The requirements of calls over MCP.

    Args:
        requirements: All of these are required.
    """

    def __init__(self, requirements: list[Scope]) -> None:
        requirement: Requirement = requirements[0]
        for other in requirements[1:]:
            requirement &= other
        self._requirement = requirement

    async def authorize(self, call: Call) -> None:
        """Check the caller."""
        if call.connection.transport == "mcp":
            await self._requirement.authorize(call)
