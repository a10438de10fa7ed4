"""Lines to try on a shell, made from the actions that there are."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from actionhero import File
from actionhero.transport import dumps, members
from actionhero_web.action_routes import routes_of

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import InputField, RegisteredAction
    from actionhero_web.route import Route

#: How many lines a person reads.
HOW_MANY = 3


def curl_lines(app: Application, address: str, options: str = "") -> list[str]:
    """Return a few `curl` commands that work, the simplest first.

    Args:
        app: The application.
        address: The URL below which its actions are.
        options: What `curl` needs to get there.
    """
    found = [(route, action) for action in app.actions for route in routes_of(action)]
    # What only reads comes first, and an application's own action before ours.
    found.sort(key=lambda pair: (pair[0].method != "GET", pair[1].name == "status"))
    lines = [_line(route, action, address, options) for route, action in found]
    # The last one shows what a failure looks like.
    nowhere = f"curl {options}{shlex.quote(f'{address}/nowhere')}"
    return [*[line for line in lines if line is not None][: HOW_MANY - 1], nowhere]


def _line(route: Route, action: RegisteredAction, address: str, options: str) -> str | None:
    values: dict[str, Any] = {}
    for field in action.inputs.fields:
        if field.required:
            value = _example(field)
            if value is None:
                return None
            values[field.name] = value
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", str(values.pop(name, 1)))
    url = address + path
    if route.method == "GET":
        if values:
            url = f"{url}?{urlencode(values)}"
        return f"curl {options}{shlex.quote(url)}"
    line = f"curl {options}-X {route.method} {shlex.quote(url)}"
    if values:
        line += f" --json {shlex.quote(dumps(values).decode())}"
    return line


def _example(field: InputField) -> Any:
    kinds = [kind for kind in members(field.annotation) if isinstance(kind, type)]
    if field.is_structure or field.is_list or not kinds or File in kinds:
        return None
    if issubclass(kinds[0], bool):
        return True
    if issubclass(kinds[0], int | float):
        return 1
    return "Ada" if issubclass(kinds[0], str) else None
