"""Questions to the user of a client: the form of a model, and the check of its answer."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from actionhero import Answer, PluginError
from actionhero.transport import JsonSchemaGenerator
from actionhero_mcp.schemas import clean_schema

#: The members of a field of a form.
_PRIMITIVES: Final = frozenset({"string", "number", "integer", "boolean"})


class Form:
    """The form of a question.

    Args:
        type_: A model whose fields are texts, numbers, booleans, enumerations or lists of these.

    Raises:
        PluginError: A field is something else.
    """

    def __init__(self, type_: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(type_)
        schema = clean_schema(
            self._adapter.json_schema(mode="validation", schema_generator=JsonSchemaGenerator)
        )
        properties = {
            name: _field(name, field, type_) for name, field in schema.get("properties", {}).items()
        }
        #: The restricted JSON Schema of the protocol.
        self.schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required := schema.get("required"):
            self.schema["required"] = required

    def answer(self, result: Any) -> Answer[Any] | None:
        """Return the answer of a client; `None` if it is invalid."""
        if not isinstance(result, dict):
            return None
        action = result.get("action")
        if action in {"decline", "cancel"}:
            return Answer(action)
        if action != "accept":
            return None
        try:
            return Answer("accept", self._adapter.validate_python(result.get("content") or {}))
        except ValidationError:
            return None


@cache
def form_of(type_: Any) -> Form:
    """Return the form of a model."""
    return Form(type_)


def _field(name: str, schema: dict[str, Any], type_: Any) -> dict[str, Any]:
    """Return the schema of a field, without members that clients do not know."""
    choices = schema.get("anyOf", ())
    present = [choice for choice in choices if choice.get("type") != "null"]
    if len(present) == 1 and len(present) < len(choices):
        # An optional field; it need not be answered.
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = {**present[0], **rest}
        if schema.get("default", "") is None:
            del schema["default"]
    kind = schema.get("type")
    if kind in _PRIMITIVES or (kind == "array" and "properties" not in schema.get("items", {})):
        return schema
    raise PluginError(
        f"the field {name!r} of {getattr(type_, '__qualname__', type_)!r} is no text, number, "
        "boolean, enumeration or list of these; clients cannot ask for it"
    )
