"""The checks of the declarations at start-up."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from actionhero import File, PluginError, RunMode
from actionhero.transport import is_loopback, parts
from actionhero_mcp.catalog import Catalog, catalog_for, declared_of
from actionhero_mcp.declaration_checks import NAME
from actionhero_mcp.settings import McpSettings
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_mcp.offers import OfferedPrompt, OfferedResource, OfferedTool

#: The categories of characters that people do not see, and models do: controls, directions, tags.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs"})
#: Those of other categories: separators of lines, fillers, and selectors of variants, of which
#: any text can be composed.
_BLANK: Final = re.compile(
    "[\u2028\u2029\u115f\u1160\u3164\uffa0\ufe00-\ufe0e\U000e0100-\U000e01ef]"
)
_HEADER_TYPES: Final = frozenset({"string", "integer", "boolean"})


def validate(app: Application) -> list[str]:
    """Return the errors in the attribute `mcp` of all actions, a sentence each."""
    errors = []
    for action in app.actions:
        try:
            declared_of(action)
        except PluginError as error:
            errors.append(str(error))
    if errors:
        return errors
    try:
        catalog = catalog_for(app)
    except PluginError as error:
        return [str(error)]
    for tool in catalog.tools.values():
        errors += _about(tool.action, f"tool {tool.name!r}", _tool_errors(app, tool))
    for resource in (*catalog.resources.values(), *catalog.templates.values()):
        where = f"resource {resource.resource.uri!r}"
        errors += _about(resource.action, where, _resource_errors(app, resource))
    for prompt in catalog.prompts.values():
        errors += _about(prompt.action, f"prompt {prompt.name!r}", _prompt_errors(app, prompt))
    return [*errors, *_authentication_errors(app, catalog)]


def _about(action: RegisteredAction, where: str, errors: Iterator[str]) -> list[str]:
    place = f"action {action.name!r} ({action.source}, {action.owner})"
    return [f"{place} has an invalid mcp: {where} {error}" for error in errors]


def _tool_errors(app: Application, offered: OfferedTool) -> Iterator[str]:
    action, tool = offered.action, offered.tool
    if not NAME.fullmatch(offered.name):
        yield (
            "has a name of more than 64 characters, or with other ones than letters, digits, "
            "'_' and '-'; set name"
        )
    yield from _text_errors(offered.name, offered.description, tool.title)
    yield from _schema_errors(offered.input_schema)
    if tool.task and action.attribute("task") is None:
        yield "has task=True, but the action has no attribute 'task'; add task = Task()"
    secrets = sorted(action.inputs.sensitive_names)
    if secrets and not tool.secrets:
        yield (
            f"has the secret input {secrets[0]!r}, which the model would see; remove mcp, or "
            "set secrets=True"
        )
    if any(File in parts(field.annotation) for field in action.inputs.fields):
        yield "takes a file, which agents cannot send; remove mcp"
    if _is_response(action.outputs.type):
        yield "returns a response of the HTTP server; return data, or remove mcp"
    properties = offered.action.inputs.json_schema().get("properties", {})
    for name in tool.header:
        schema = properties.get(name, {})
        types = {schema.get("type"), *(each.get("type") for each in schema.get("anyOf", ()))}
        if types.isdisjoint(_HEADER_TYPES) or name in action.inputs.secret_names:
            yield (
                f"has a header for {name!r}, which is no input of text, integer or boolean, or "
                "is secret"
            )


def _resource_errors(app: Application, offered: OfferedResource) -> Iterator[str]:
    resource, inputs = offered.resource, offered.action.inputs
    yield from _text_errors(offered.name, offered.description, resource.title)
    known = ", ".join(sorted(inputs.names)) or "none"
    for name in resource.parameters:
        if name not in inputs.names:
            yield f"has the name {name!r}, which is no input (available: {known})"
    missing = [
        field.name
        for field in inputs.fields
        if field.required and field.names.isdisjoint(resource.parameters)
    ]
    if missing:
        yield f"has no place for the required input {missing[0]!r}; add it to the URI"
    yield from _completion_errors(app, resource.completions, offered.action)
    if resource.updates is not None:
        yield from _channel_errors(app, resource.updates, resource.parameters)


def _prompt_errors(app: Application, offered: OfferedPrompt) -> Iterator[str]:
    if not NAME.fullmatch(offered.name):
        yield "has a name of more than 64 characters; set name"
    yield from _text_errors(offered.name, offered.description, offered.prompt.title)
    yield from _schema_errors(offered.action.inputs.json_schema())
    yield from _completion_errors(app, offered.prompt.completions, offered.action)


def _text_errors(name: str, description: str, title: str | None) -> Iterator[str]:
    if not description.strip():
        yield "has no description, which models need to choose; write a docstring"
    for kind, text in (("name", name), ("description", description), ("title", title or "")):
        if hidden := _hidden(text):
            yield f"has the invisible character U+{ord(hidden):04X} in its {kind}; remove it"


def _schema_errors(schema: Any) -> Iterator[str]:
    """Yield the invisible characters in the names and descriptions of the inputs."""
    if isinstance(schema, list):
        for item in schema:
            yield from _schema_errors(item)
    if not isinstance(schema, dict):
        return
    texts = {key: schema.get(key) for key in ("title", "description")}
    # A default may have this key too.
    properties = schema.get("properties")
    names = properties if isinstance(properties, dict) else ()
    for name, text in (*((name, name) for name in names), *texts.items()):
        if isinstance(text, str) and (hidden := _hidden(text)):
            yield (
                f"has the invisible character U+{ord(hidden):04X} in the schema of its inputs, at "
                f"{name!r}; remove it"
            )
    for value in schema.values():
        yield from _schema_errors(value)


def _hidden(text: str) -> str:
    """Return the first character that people do not see; empty without one."""
    for character in text:
        if character != "\n" and (
            unicodedata.category(character) in _INVISIBLE or _BLANK.match(character)
        ):
            return character
    return ""


def _completion_errors(
    app: Application, completions: Any, action: RegisteredAction
) -> Iterator[str]:
    for name, completing in completions.items():
        if name not in action.inputs.names:
            yield f"completes {name!r}, which is no input"
        if completing not in app.actions:
            yield f"completes {name!r} by the action {completing!r}, which does not exist"


def _channel_errors(app: Application, updates: str, parameters: Any) -> Iterator[str]:
    try:
        from actionhero_channels import CHANNEL_NAME, load_registry
    except ImportError:
        yield "has updates, for which actionhero-channels is not installed"
        return
    try:
        name = updates.format_map(dict.fromkeys(parameters, "x"))
    except (KeyError, ValueError):
        yield f"has the updates {updates!r}, whose names are not those of the URI"
        return
    registry, _ = load_registry(app)
    if not CHANNEL_NAME.fullmatch(name) or registry.find(name) is None:
        yield f"has the updates {updates!r}, a channel that does not exist"


def _authentication_errors(app: Application, catalog: Catalog) -> list[str]:
    """Return the error of an endpoint that needs credentials, which nothing reads."""
    settings, web_settings = app.get(McpSettings), app.get(WebSettings)
    if app.mode is not RunMode.SERVER or catalog.is_empty or app.pipeline.authentication:
        return []
    is_local = web_settings.unix_socket is None and is_loopback(web_settings.host)
    if settings.auth == "none" or (settings.auth is None and is_local):
        return []
    auth = settings.auth or "required, as web.host is no loopback address"
    error = (
        f"mcp.auth is {auth}, but no plugin reads credentials; install one with "
        "actionhero_authenticators, or set mcp.auth = 'none' (ACTIONHERO_MCP__AUTH)"
    )
    return [error]


def _is_response(annotation: Any) -> bool:
    members = (annotation, *parts(annotation))
    return any(isinstance(part, type) and issubclass(part, web.StreamResponse) for part in members)
