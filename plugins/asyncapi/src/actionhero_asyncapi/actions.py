"""The operations of actions over WebSocket: a request, and a reply or a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import File, Stream
from actionhero.transport import IDEMPOTENCY_KEY, members, parts
from actionhero_asyncapi.messages import (
    MESSAGE_ID,
    Schema,
    message,
    object_schema,
    value_of_message_type,
)
from actionhero_openapi import operation_of, reference, response_schema, result_type

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction
    from actionhero_openapi import Components, TypeSchemas

_EVENTS: Final = "text/event-stream"
#: How many unions in unions are searched for lists.
MAX_DEPTH: Final = 5


def is_callable(action: RegisteredAction) -> bool:
    """Return whether an action with its inputs and results can be called with messages."""
    if any(File in parts(field.annotation) for field in action.inputs.fields):
        return False
    return action.streams or result_type(action) is not None


class ActionMessages:
    """Builds the messages of actions.

    Args:
        types: The schemas of inputs and results.
        components: Collects the schemas in use.
    """

    def __init__(self, types: TypeSchemas, components: Components) -> None:
        self._types = types
        self._components = components

    def request(self, action: RegisteredAction, key: str) -> dict[str, Any]:
        """Return the request, whose name begins with `key`."""
        payload = object_schema(
            "messageType action",
            messageType=value_of_message_type("action"),
            messageId=MESSAGE_ID,
            action={"type": "string", "const": action.name},
        )
        if not action.inputs.is_empty:
            inputs = self._components.request(self._types.get(action.name, "validation"))
            payload["properties"]["params"] = inputs
            if any(field.required for field in action.inputs.fields):
                payload["required"].append("params")
        for item in action.middleware:
            for header in getattr(item, "request_headers", ()):
                if header.name == IDEMPOTENCY_KEY:
                    field = {"type": "string", "description": header.description}
                    payload["properties"]["idempotencyKey"] = field
                    payload["required"] += ["idempotencyKey"] if header.required else []
        built = message(
            f"{key}_request",
            action.description.partition("\n")[0] or action.name,
            payload,
            correlated=True,
        )
        examples = operation_of(action).examples
        if examples:
            built["examples"] = [
                {"name": name, "payload": _example(action, dict(inputs))}
                for name, inputs in examples.items()
            ]
        return built

    def reply(self, action: RegisteredAction, key: str) -> dict[str, Any]:
        """Return the reply; for a stream, one part of it."""
        if action.streams:
            payload = object_schema(
                "streaming chunk",
                messageId=MESSAGE_ID,
                streaming={"type": "boolean", "const": True},
                chunk=self._chunk(action),
            )
            return message(f"{key}_chunk", "A part of the stream.", payload, correlated=True)
        schema = response_schema(self._types.get(action.name, "serialization"))
        schema = self._by_index(self._components.response(schema))
        payload = object_schema("response", messageId=MESSAGE_ID, response=schema)
        return message(f"{key}_response", "The result.", payload, correlated=True)

    def _by_index(self, schema: Schema, depth: int = 0) -> Schema:
        """Return the schema of a result as a message has it: lists are objects with their indexes.

        That is the protocol of the original ActionHero.
        """
        resolved = self._components.resolve(schema)
        if resolved.get("type") == "array":
            return {
                "type": "object",
                "description": "The items by their index.",
                "additionalProperties": resolved.get("items", True),
            }
        for keyword in ("anyOf", "oneOf"):
            # The alternatives of a recursive type may have no end.
            if keyword in resolved and depth < MAX_DEPTH:
                changed = [self._by_index(each, depth + 1) for each in resolved[keyword]]
                if changed != resolved[keyword]:
                    return {**resolved, keyword: changed}
        return schema

    def _chunk(self, action: RegisteredAction) -> Schema:
        chunk: Schema = {"type": "string"}
        if any(isinstance(each, type) and issubclass(each, Stream)
               for each in members(action.output_type)):  # fmt: skip
            return chunk
        chunk |= {
            "description": "An event as text. An error during the stream is its last event.",
            "contentMediaType": _EVENTS,
        }
        schema = self._types.get(action.name, "serialization")
        if schema:
            data = self._components.response(schema)
            chunk["contentSchema"] = {"anyOf": [data, reference("Error")]}
        return chunk


def _example(action: RegisteredAction, inputs: dict[str, Any]) -> dict[str, Any]:
    return {"messageType": "action", "messageId": 1, "action": action.name, "params": inputs}
