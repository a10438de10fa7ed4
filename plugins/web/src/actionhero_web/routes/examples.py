"""Example `curl` commands for the actions of an application."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from actionhero import File
from actionhero.transport import dumps, members
from actionhero_web.routes.action_routes import routes_of

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import InputField, RegisteredAction
    from actionhero_web.routes.route import Route

#: The number of commands in an announcement.
MAX_COMMANDS = 3


def curl_commands(app: Application, address: str, options: str = "") -> list[str]:
    """Return a few valid `curl` commands, the simplest first.

    Args:
        app: The application.
        address: The base URL of its actions.
        options: The options of `curl` for this address.
    """
    routes = [(route, action) for action in app.actions for route in routes_of(action)]
    # GET first, and streams of events, which may be infinite, and the built-in action last.
    routes.sort(key=lambda pair: (
        pair[0].method != "GET", pair[1].is_generator, pair[1].name == "status"
    ))  # fmt: skip
    commands = [_command(route, action, address, options) for route, action in routes]
    # The last one shows an error response.
    failing = f"curl {options}{shlex.quote(f'{address}/nowhere')}"
    valid = [command for command in commands if command is not None]
    return [*valid[: MAX_COMMANDS - 1], failing]


def _command(route: Route, action: RegisteredAction, address: str, options: str) -> str | None:
    values: dict[str, Any] = {}
    for field in action.inputs.fields:
        if field.required:
            value = _example(field)
            if value is None:
                return None
            values[field.name] = value
    path = route.template
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", str(values.pop(name, 1)))
    url = address + path
    if route.method == "GET":
        if values:
            url = f"{url}?{urlencode(values)}"
        return f"curl {options}{shlex.quote(url)}"
    command = f"curl {options}-X {route.method} {shlex.quote(url)}"
    if values:
        command += f" --json {shlex.quote(dumps(values).decode())}"
    return command


def _example(field: InputField) -> Any:
    types = [member for member in members(field.annotation) if isinstance(member, type)]
    if field.is_structure or field.is_list or not types or File in types:
        return None
    if issubclass(types[0], bool):
        return True
    if issubclass(types[0], int | float):
        return 1
    return "Ada" if issubclass(types[0], str) else None
