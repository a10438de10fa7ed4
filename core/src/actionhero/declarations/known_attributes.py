"""The attributes of actions that plugins read, and those of other frameworks."""

from __future__ import annotations

from typing import Final

#: The attributes of actions that plugins of this project read, with their distributions. Packages
#: of actions may have them without the plugin.
PLUGIN_ATTRIBUTES: Final = {
    "web": "actionhero-web",
    "cross_origin": "actionhero-web",
    "websocket": "actionhero-websocket",
    "task": "actionhero-tasks",
    "limit": "actionhero-limits",
    "mcp": "actionhero-mcp",
    "openapi": "actionhero-openapi",
}

#: Those that protect an action, so that their absence is reported.
PROTECTING: Final = frozenset({"limit"})

_PERMISSION: Final = "write requires = Permission('…'), or another requirement"
_SCOPE: Final = "write requires = Scope('…')"
_SIGNED_IN: Final = "write requires = SignedIn(), or another requirement"
_LIMIT: Final = "write limit = Limit('20/minute'), of actionhero-limits"

#: Attributes of other frameworks that protect an endpoint, with their replacements.
PROTECTIONS: Final = {
    "auth": _SIGNED_IN,
    "authenticate": _SIGNED_IN,
    "authenticated": _SIGNED_IN,
    "authorization": _SIGNED_IN,
    "login_required": _SIGNED_IN,
    "permission": _PERMISSION,
    "permissions": _PERMISSION,
    "permission_classes": _PERMISSION,
    "role": _PERMISSION,
    "roles": _PERMISSION,
    "scope": _SCOPE,
    "scopes": _SCOPE,
    "rate_limit": _LIMIT,
    "throttle": _LIMIT,
}

_ROUTE: Final = "for a route, write web = 'GET /path'"
_TASK: Final = "for a schedule or a queue, write task = {…}"
#: The remedy for a declaration of inputs as in other frameworks; it would have no effect.
INPUTS: Final = "inputs are declared by the parameters of run, as in run(self, name: str)"

#: Attributes of other frameworks, with their replacements.
REPLACEMENTS: Final = {
    "input_schema": INPUTS,
    "params": INPUTS,
    "route": _ROUTE,
    "routes": _ROUTE,
    "path": _ROUTE,
    "url": _ROUTE,
    "method": _ROUTE,
    "schedule": _TASK,
    "cron": _TASK,
    "queue": _TASK,
    "frequency": _TASK,
    "tool": "for a tool of agents, write mcp = True",
}
