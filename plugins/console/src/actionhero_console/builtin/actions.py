"""The panel Actions: all actions, their calls, and a form to call each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from actionhero import (
    Connection,
    ConnectionTypeNotFound,
    Field,
    Inputs,
    NotFound,
    Principal,
    TypedError,
)
from actionhero.transport import (
    Item,
    TextPayload,
    dumps_pretty,
    error_document,
    loads,
    outcome_value,
    request_id,
)
from actionhero_console.builtin.assets import assets_of
from actionhero_console.console import Console
from actionhero_console.forms import form_of
from actionhero_console.operators import Role
from actionhero_console.panels import Change, Panel, PanelContext
from actionhero_console.rates import merge_actions
from actionhero_console.settings import ConsoleSettings
from actionhero_console.users import parse_user
from actionhero_web import WebSettings, routes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero import Application
    from actionhero.transport import Chunk, RegisteredAction

#: The name of the transport of calls from the console.
TRANSPORT: Final = "console"
#: The longest result that is shown, in characters.
_MAX_RESULT: Final = 200_000
#: The most items of a stream that are shown, and how long they are awaited.
MAX_ITEMS: Final = 100
STREAM_SECONDS: Final = 10.0
#: The attributes of actions that the catalogue shows, by plugin.
_ATTRIBUTES: Final = ("limit", "cache", "timeout", "task", "mcp", "websocket", "cross_origin")


class RunInputs(Inputs):
    """A call of an action from its form."""

    name: str = Field(max_length=200)
    #: By input, its text, as on the command line.
    values: dict[str, list[str]] = Field(default_factory=dict, max_length=1000)
    #: The user to call it as, a JSON value or a text; empty: anonymous.
    user: str = Field(default="", max_length=1000)


def actions_panel(app: Application) -> Panel:
    """Return the panel."""
    default = Role.OPERATOR if app.environment == "development" else Role.ADMIN
    role = app.get(ConsoleSettings).run_role or default
    run = Change(
        run_action, role=role, target="action {name}", facts=lambda inputs: _facts(app, inputs)
    )
    return Panel(
        "actions",
        "Actions",
        order=10,
        reads={"list": list_actions, "rates": read_rates, "form": read_form},
        changes={"run": run},
        answers={"rates": lambda: app.get(Console).rates.actions()},
        assets=assets_of("actions"),
    )


def list_actions(context: PanelContext) -> list[dict[str, Any]]:
    """Return all actions."""
    return [
        {
            "name": action.name,
            "description": action.description.strip().partition("\n")[0],
            "owner": action.owner,
            "transports": transports_of(action),
            "routes": _routes(context.app, action),
            "inputs": len(action.inputs.fields),
        }
        for action in sorted(context.app.actions, key=lambda action: action.name)
    ]


async def read_rates(context: PanelContext) -> dict[str, Any]:
    """Return the calls of each action in all processes, since they started."""
    return merge_actions((await context.ask("rates")).values)


def read_form(name: str, context: PanelContext) -> dict[str, Any]:
    """Return the details of an action, and its form."""
    action = _find(context.app, name)
    attributes = {key: action.attribute(key) for key in _ATTRIBUTES}
    return {
        "name": action.name,
        "description": action.description.strip(),
        "owner": action.owner,
        "file": action.source,
        "transports": transports_of(action),
        "routes": _routes(context.app, action),
        "requires": [str(item) for item in action.requires],
        "attributes": {key: str(value) for key, value in attributes.items() if value},
        "streams": action.streams,
        "open": action.inputs.is_open,
        "fields": form_of(action),
    }


async def run_action(inputs: RunInputs, context: PanelContext) -> dict[str, Any]:
    """Call an action, and return its result or its error."""
    app = context.app
    action = _find(app, inputs.name)
    connection = Connection(TRANSPORT, context.connection.remote)
    if inputs.user:
        connection.principal = Principal(parse_user(inputs.user), method="operator")
    started = time.perf_counter()
    items: list[Any] = []

    async def collect(item: Item | Chunk) -> bool:
        # A stream may have no end.
        items.append(loads(item.body) if isinstance(item, Item) else _text(item.content))
        return len(items) < MAX_ITEMS and time.perf_counter() - started < STREAM_SECONDS

    outcome = await app.pipeline.execute(
        connection,
        inputs.name,
        TextPayload(inputs.values),
        request_id=request_id.get(),
        sink=collect if action.streams else None,
        # Bytes are no JSON.
        in_process=action.outputs.type is bytes,
    )
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    error, text = outcome.error, ""
    if error is None:
        try:
            if action.streams and outcome.body is None:
                value: Any = items
            elif isinstance(outcome.value, bytes):
                value = _text(outcome.value)
            else:
                value = outcome_value(outcome)
            text = dumps_pretty(value).decode()
        except ConnectionTypeNotFound:
            text = "(a response of HTTP, such as a file, which the console does not show)"
        except TypeError as failure:
            error = TypedError(f"The result cannot be encoded: {failure}")
    result: dict[str, Any] = {"ok": error is None, "milliseconds": milliseconds}
    if error is not None:
        context.facts["error"] = str(error.type)
        document = error_document(
            error, timestamp_ms=int(time.time() * 1000), request_id=request_id.get()
        )
        return {**result, **document}
    is_cut = len(text) > _MAX_RESULT or len(items) >= MAX_ITEMS
    return {**result, "value": text[:_MAX_RESULT] + ("…" if is_cut else ""), "cut": is_cut}


def _text(content: bytes | str) -> str:
    return content if isinstance(content, str) else content.decode(errors="replace")


def transports_of(action: RegisteredAction) -> list[str]:
    """Return the transports over which clients can call an action."""
    web, mcp = action.attribute("web"), action.attribute("mcp")
    websocket = action.attribute("websocket")
    transports = ["http"] if web else []
    if websocket or (web and websocket is not False):
        transports.append("websocket")
    return [*transports, *(["mcp"] if mcp else [])]


def _routes(app: Application, action: RegisteredAction) -> list[list[str]]:
    prefix = app.get(WebSettings).prefix
    return [[route.method, prefix + route.path] for route in routes_of(action)]


def _find(app: Application, name: str) -> RegisteredAction:
    if name not in app.actions:
        raise NotFound("There is no such action", key="name")
    return app.actions.find(name)


def _facts(app: Application, inputs: RunInputs) -> Mapping[str, Any]:
    """Return the facts of a call for the audit log, with its secrets redacted."""
    values: Mapping[str, Any] = {}
    if inputs.name in app.actions:
        preview = TextPayload(inputs.values).preview()
        values = app.actions.find(inputs.name).inputs.redact_payload(preview)
    return {"action_name": inputs.name, "as_user": inputs.user, "inputs": values}
