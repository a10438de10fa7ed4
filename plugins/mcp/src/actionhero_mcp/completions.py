"""`Completions`: the values of arguments, while a person types them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero.transport import ValuePayload, dumps, outcome_value
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.revisions import INVALID_PARAMS
from actionhero_mcp.schemas import clean_schema

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.connection import McpConnection
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.result_fields import ResultFields

#: The most values in a result, as the specification demands.
LIMIT: Final = 100


class Completions:
    """Completes the arguments of prompts, and of templates of resources.

    Args:
        app: The application.
        catalog: Its prompts and resources.
        fields: Completes results.
    """

    def __init__(self, app: Application, catalog: Catalog, fields: ResultFields) -> None:
        self._app = app
        self._catalog = catalog
        self._fields = fields
        self._choices: dict[str, dict[str, list[str]]] = {}

    async def complete(self, request: Request, connection: McpConnection) -> bytes:
        """Return the result of `completion/complete`.

        Raises:
            RpcError: The reference or the argument is unknown.
        """
        argument = request.params.get("argument")
        if not isinstance(argument, dict):
            argument = {}
        name, value = argument.get("name"), argument.get("value")
        if not isinstance(name, str) or not isinstance(value, str):
            raise RpcError(INVALID_PARAMS, "Invalid params: argument has no name and value")
        action, completions = self._reference(request.params.get("ref"))
        if name not in action.inputs.names:
            raise RpcError(INVALID_PARAMS, f"Unknown argument: {name[:100]}")
        if name in completions:
            every = await self._ask(completions[name], value, connection)
        else:
            every = self._choices_of(action).get(name, [])
        matching = [text for text in every if text.lower().startswith(value.lower())]
        completion = {
            "values": matching[:LIMIT],
            "total": len(matching),
            "hasMore": len(matching) > LIMIT,
        }
        return self._fields.complete(b'"completion":' + dumps(completion), connection.peer.revision)

    def _reference(self, ref: Any) -> tuple[RegisteredAction, Any]:
        """Return the action of a reference, and the actions that complete its arguments."""
        kind = ref.get("type") if isinstance(ref, dict) else None
        if kind == "ref/prompt":
            prompt = self._catalog.prompt(ref.get("name"))
            return prompt.action, prompt.prompt.completions
        uri = ref.get("uri") if kind == "ref/resource" else None
        template = self._catalog.templates.get(uri) if isinstance(uri, str) else None
        if template is None:
            raise RpcError(INVALID_PARAMS, "Invalid params: ref is neither a prompt nor a template")
        return template.action, template.resource.completions

    async def _ask(self, name: str, value: str, connection: McpConnection) -> list[str]:
        """Return the values that an action has found; none if it fails, which is logged."""
        outcome = await self._app.pipeline.execute(
            connection, name, ValuePayload({"value": value}, refuse_unknown=False)
        )
        if outcome.error is not None:
            return []
        values = outcome_value(outcome)
        if not isinstance(values, list):
            return []
        return [value for value in values if isinstance(value, str)]

    def _choices_of(self, action: RegisteredAction) -> dict[str, list[str]]:
        """Return the enumerations of the inputs of an action."""
        choices = self._choices.get(action.name)
        if choices is None:
            properties = clean_schema(action.inputs.json_schema()).get("properties", {})
            choices = {name: _values_of(schema) for name, schema in properties.items()}
            self._choices[action.name] = choices
        return choices


def _values_of(schema: dict[str, Any]) -> list[str]:
    """Return the texts that a field may be."""
    parts = [schema, *schema.get("anyOf", ()), schema.get("items") or {}]
    values = [value for part in parts for value in part.get("enum", ())]
    values += [part["const"] for part in parts if "const" in part]
    return [str(value) for value in values if value is not None]
