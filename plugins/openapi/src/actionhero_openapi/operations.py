"""`OperationBuilder`: builds the operation of an action at one of its routes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, get_args

from aiohttp import web

from actionhero import File, Stream
from actionhero.transport import parts
from actionhero_openapi.error_responses import error_statuses, response_name
from actionhero_openapi.operation import operation_of
from actionhero_openapi.schemas import (
    REF_TEMPLATE,
    Components,
    Schema,
    reference,
    request_schema,
    response_schema,
    text_schema,
    without,
)
from actionhero_web import METHODS_WITHOUT_BODY, STATUSES_WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.transport import InputField, InputSchema, OutputSchema, RegisteredAction
    from actionhero_openapi.operation import Operation
    from actionhero_web import ResponseFormat, Route

logger = logging.getLogger("actionhero.openapi")

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
EVENTS: Final = "text/event-stream"
SESSION_SCHEME: Final = "sessionCookie"


class OperationBuilder:
    """Builds operations, and collects the schemas that they refer to.

    Args:
        response_format: The format of responses.
    """

    def __init__(self, response_format: ResponseFormat) -> None:
        self.components = Components()
        #: The error statuses of all operations.
        self.error_statuses: set[int] = set()
        self._format = response_format

    def build(
        self, action: RegisteredAction, route: Route, identifier: str, *, needs_session: bool
    ) -> dict[str, Any]:
        """Return the operation of an action at one of its routes.

        Args:
            action: The action.
            route: The route.
            identifier: The unique name of the operation.
            needs_session: Whether middleware refuses calls without a session.
        """
        declared = operation_of(action)
        tags = [action.name.partition(":")[0]] if declared.tags is None else list(declared.tags)
        operation: dict[str, Any] = {
            "operationId": identifier,
            "summary": action.name,
            "description": action.description,
            "tags": tags,
        }
        if declared.deprecated:
            operation["deprecated"] = True
        if needs_session:
            operation["security"] = [{SESSION_SCHEME: []}]
        name = identifier.replace(":", "_")
        parameters, body = self._inputs(action, route, name, declared)
        for parameter in parameters:
            examples = {
                key: {"value": inputs[parameter["name"]]}
                for key, inputs in declared.examples.items()
                if parameter["name"] in inputs
            }
            if examples:
                parameter["examples"] = examples
        if parameters:
            operation["parameters"] = parameters
        if body is not None:
            operation["requestBody"] = body
        statuses = error_statuses(
            declared.errors,
            route.method,
            self._format,
            needs_session=needs_session,
            has_inputs=not action.inputs.is_empty or bool(route.parameters),
        )
        self.error_statuses.update(statuses)
        responses = self._success_responses(action, route, name, declared)
        error_responses = {
            str(status): {"$ref": f"#/components/responses/{response_name(status)}"}
            for status in statuses
        }
        operation["responses"] = responses | {
            status: response
            for status, response in error_responses.items()
            if status not in responses
        }
        return operation

    # -- requests --------------------------------------------------------------------------------

    def _inputs(
        self, action: RegisteredAction, route: Route, name: str, declared: Operation
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Return the parameters, and the request body if there is one."""
        schema = request_schema(
            _schema_of(action.inputs, action) or _untyped_schema(action.inputs.fields)
        )
        inputs = self.components.inline(f"{name}_Request", schema)
        fields = {alias: field for field in action.inputs.fields for alias in field.names}
        properties = self.components.resolve(inputs).get("properties", {})
        parameters = [
            self._parameter("path", path, fields.get(path), properties) for path in route.parameters
        ]
        in_path = {fields[path].name for path in route.parameters if path in fields}
        if action.inputs.is_empty:
            return parameters, None
        if route.method in METHODS_WITHOUT_BODY:
            parameters += [
                self._parameter("query", field.name, field, properties)
                for field in action.inputs.fields
                if field.name not in in_path and field.name in properties
            ]
            if not action.inputs.fields:
                # Any inputs are accepted.
                any_object = {"type": "object", "additionalProperties": True}
                parameters.append({"in": "query", "name": "inputs", "schema": any_object})
            return parameters, None
        body = without(self.components.resolve(inputs), in_path)
        if action.inputs.fields and not body.get("properties"):
            return parameters, None
        files = {
            field.name for field in action.inputs.fields if File in set(parts(field.annotation))
        }
        if files:
            body = {
                **body,
                "properties": {
                    key: text_schema(value) for key, value in body["properties"].items()
                },
            }
        media: dict[str, Any] = {
            "schema": reference(self.components.add(f"{name}_Request", body)),
        }
        if declared.examples:
            media["examples"] = {
                key: {"value": {k: v for k, v in value.items() if k not in in_path}}
                for key, value in declared.examples.items()
            }
        return parameters, {
            # Each of several alternatives may have required properties.
            "required": bool(body.get("required")) or "anyOf" in body,
            "content": {MULTIPART if files else JSON: media},
        }

    def _parameter(
        self, location: str, name: str, field: InputField | None, properties: dict[str, Schema]
    ) -> dict[str, Any]:
        declared = properties.get(field.name if field is not None else name)
        schema: Schema = {"type": "string"} if declared is None else text_schema(dict(declared))
        is_required = location == "path" or (field is not None and field.required)
        parameter: dict[str, Any] = {"in": location, "name": name, "required": is_required}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        if schema.get("deprecated"):
            parameter["deprecated"] = schema.pop("deprecated")
        if location == "path" and schema.get("type") == "string":
            # A path with an empty segment is another path.
            schema["minLength"] = max(1, schema.get("minLength", 0))
        if field is not None and field.is_structure:
            # Nested inputs are JSON in the text of the parameter.
            parameter["content"] = {JSON: {"schema": schema}}
        else:
            parameter["schema"] = schema
        return parameter

    # -- responses -------------------------------------------------------------------------------

    def _success_responses(
        self, action: RegisteredAction, route: Route, name: str, declared: Operation
    ) -> dict[str, Any]:
        """Return the responses of a success, by status."""
        content = self._content(action, name)
        status = route.status
        if not callable(status):
            return {str(status): _success(status, route, content)}
        if (computed := self._format.computed_status) is not None:
            return {str(computed): _success(computed, route, content)}
        responses: dict[str, Any] = {}
        for each in declared.statuses or (200,):
            response = _success(each, route, content)
            if each in self.error_statuses and JSON in response.get("content", {}):
                alternatives = [content[JSON]["schema"], reference("Error")]
                response["content"] = {**content, JSON: {"schema": {"anyOf": alternatives}}}
            responses[str(each)] = response
        if not declared.statuses:
            # Other statuses are unknown, as the author declares none.
            responses["default"] = _success(0, route, content)
        return responses

    def _content(self, action: RegisteredAction, name: str) -> dict[str, Any]:
        if any(
            isinstance(part, type) and issubclass(part, (web.StreamResponse, Stream))
            for part in parts(action.output_type)
        ):
            # The action sets the media type of each response.
            return {"*/*": {}}
        if action.streams:
            return self._stream(action, name)
        schema = response_schema(_schema_of(action.outputs, action))
        if not schema:
            return {JSON: {"schema": {}}}
        return {JSON: {"schema": reference(self.components.add(f"{name}_Response", schema))}}

    def _stream(self, action: RegisteredAction, name: str) -> dict[str, Any]:
        # OpenAPI 3.1 does not specify streams: tools use the schema for each event.
        data: Schema = {"type": "string"}
        [item, *_] = get_args(action.output_type) or [None]
        schema = _schema_of(type(action.outputs)(item), action)
        if schema and schema.get("type") != "string":
            event_data = reference(self.components.add(f"{name}_Event", schema))
            data |= {
                "contentMediaType": JSON,
                # An error during the stream is its last event, of the type `error`.
                "contentSchema": {"anyOf": [event_data, reference("Error")]},
            }
        event = {
            "type": "object",
            "description": "One event of the stream.",
            "required": ["data"],
            "properties": {
                "data": data,
                "event": {"type": "string", "description": "The type of the event."},
                "id": {"type": "string"},
                "retry": {"type": "integer", "description": "Milliseconds."},
            },
        }
        return {EVENTS: {"schema": event}}


def _schema_of(source: InputSchema | OutputSchema, action: RegisteredAction) -> Schema:
    """Return the schema of the inputs or outputs of an action, empty if there is none."""
    try:
        return source.json_schema(ref_template=REF_TEMPLATE)
    except (NameError, RuntimeError, TypeError) as error:
        # A name imported for type checkers only, or a type without a JSON Schema.
        logger.warning(
            "no JSON Schema for %r of action %r (%s), so the document allows any value: %s",
            source.type, action.name, action.source, str(error).partition("\n")[0],
        )  # fmt: skip
        return {}


def _untyped_schema(fields: Sequence[InputField]) -> Schema:
    """Return a schema with the names of the inputs, without their types."""
    properties: Schema = {field.name: {} for field in fields}
    return {"type": "object", "properties": properties,
            "required": [field.name for field in fields if field.required]}  # fmt: skip


def _success(status: int, route: Route, content: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "successful operation"}
    if status not in STATUSES_WITHOUT_BODY and route.method != "HEAD":
        response["content"] = content
    return response
