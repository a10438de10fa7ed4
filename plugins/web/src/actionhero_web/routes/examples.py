"""Example `curl` commands for the actions of an application, which succeed for every client."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from actionhero import InvalidInput
from actionhero_web.routes.action_routes import routes_of

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_web.routes.route import Route

#: The action of core, which always succeeds.
BUILT_IN = "status"
#: The number of commands in an announcement.
MAX_COMMANDS = 3


def curl_commands(app: Application, address: str, options: str = "") -> list[str]:
    """Return a few `curl` commands that succeed without credentials, the simplest first.

    They call actions with the method GET that no middleware may refuse. The values of required
    inputs are those of `Field(examples=[…])`.

    Args:
        app: The application.
        address: The base URL of its actions.
        options: The options of `curl` for this address.
    """
    actions = [action for action in app.actions if _is_public(app, action)]
    own = [action for action in actions if action.owner.startswith("application")]
    # Those of plugins, such as the whole OpenAPI document, for an application without its own.
    actions = own or [action for action in actions if action.name != BUILT_IN]
    actions += [action for action in app.actions if action.name == BUILT_IN]
    commands = [
        command
        for action in actions
        for route in routes_of(action)[:1]
        if (command := _command(route, action, address, options)) is not None
    ]
    return [*commands[:-1][: MAX_COMMANDS - 1], *commands[-1:]]


def _is_public(app: Application, action: RegisteredAction) -> bool:
    """Return whether every client may call an action, as far as its middleware shows.

    Streams are left out, as they may be infinite.
    """
    if action.streams or action.deprecated is not None:
        return False
    around_all = app.pipeline.middleware_of(action)
    refuses = any(item.requires_session for item in around_all)
    # The author's own middleware may refuse for reasons that it does not declare.
    return not refuses and all(item.begins_transaction for item in action.middleware)


def _command(route: Route, action: RegisteredAction, address: str, options: str) -> str | None:
    if route.method != "GET":
        return None
    values: dict[str, Any] = {}
    for field in action.inputs.fields:
        if field.required:
            if not field.examples or field.secret or field.source is not None:
                return None
            values[field.name] = str(field.examples[0])
    # Parameters of the path that are no fields have no examples.
    if any(name not in values for name in route.parameters) or not _is_valid(action, values):
        return None
    path = route.template
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", quote(values.pop(name), safe=""))
    url = address + path
    if values:
        url = f"{url}?{urlencode(values)}"
    return f"curl {options}{shlex.quote(url)}"


def _is_valid(action: RegisteredAction, values: dict[str, Any]) -> bool:
    try:
        action.inputs.from_text({name: [value] for name, value in values.items()})
    except InvalidInput:
        return False
    return True
