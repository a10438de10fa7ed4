"""One action at one route, as an operation of the document."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, get_args

from aiohttp import web

from actionhero import File, Stream
from actionhero.transport import parts
from actionhero_openapi.error_responses import response_name, statuses_of
from actionhero_openapi.operation import operation_of
from actionhero_openapi.schemas import (
    REF_TEMPLATE,
    Components,
    Schema,
    answered,
    as_text,
    refer,
    sent,
    without,
)
from actionhero_web import METHODS_WITHOUT_BODY, STATUSES_WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.transport import InputField, InputSchema, OutputSchema, RegisteredAction
    from actionhero_openapi.operation import Operation
    from actionhero_web import ErrorFormat, Route

logger = logging.getLogger("actionhero.openapi")

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"
EVENTS: Final = "text/event-stream"
SESSION_SCHEME: Final = "sessionCookie"


class Operations:
    """Makes operations, and gathers the schemas that they refer to.

    Args:
        profile: How failures are told.
    """

    def __init__(self, profile: ErrorFormat) -> None:
        self.components = Components()
        #: The statuses by which any of the operations may fail.
        self.failures: set[int] = set()
        self._profile = profile

    def make(
        self, action: RegisteredAction, route: Route, identifier: str, *, needs_session: bool
    ) -> dict[str, Any]:
        """Return the operation of an action at one of its routes.

        Args:
            action: The action.
            route: The route.
            identifier: What the operation is called; no other has it.
            needs_session: Whether middleware refuses who has no session.
        """
        said = operation_of(action)
        tags = [action.name.partition(":")[0]] if said.tags is None else list(said.tags)
        made: dict[str, Any] = {
            "operationId": identifier,
            "summary": action.name,
            "description": action.description,
            "tags": tags,
        }
        if said.deprecated:
            made["deprecated"] = True
        if needs_session:
            made["security"] = [{SESSION_SCHEME: []}]
        name = identifier.replace(":", "_")
        parameters, body = self._inputs(action, route, name, said)
        for parameter in parameters:
            examples = {
                key: {"value": inputs[parameter["name"]]}
                for key, inputs in said.examples.items()
                if parameter["name"] in inputs
            }
            if examples:
                parameter["examples"] = examples
        if parameters:
            made["parameters"] = parameters
        if body is not None:
            made["requestBody"] = body
        failures = statuses_of(
            said.errors,
            route.method,
            self._profile,
            needs_session=needs_session,
            has_inputs=not action.inputs.is_empty or bool(route.parameters),
        )
        self.failures.update(failures)
        answers = self._answers(action, route, name, said)
        responses = {
            str(status): {"$ref": f"#/components/responses/{response_name(status)}"}
            for status in failures
        }
        made["responses"] = answers | {k: v for k, v in responses.items() if k not in answers}
        return made

    # -- what is sent ------------------------------------------------------------------------

    def _inputs(
        self, action: RegisteredAction, route: Route, name: str, said: Operation
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        given = sent(_schema_of(action.inputs, action) or _bare(action.inputs.fields))
        whole = self.components.inline(f"{name}_Request", given)
        fields = {outside: field for field in action.inputs.fields for outside in field.names}
        properties = self.components.resolve(whole).get("properties", {})
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
                # It takes whatever comes.
                free = {"type": "object", "additionalProperties": True}
                parameters.append({"in": "query", "name": "inputs", "schema": free})
            return parameters, None
        left = without(self.components.resolve(whole), in_path)
        if action.inputs.fields and not left.get("properties"):
            return parameters, None
        files = {
            field.name for field in action.inputs.fields if File in set(parts(field.annotation))
        }
        if files:
            left = {
                **left,
                "properties": {key: as_text(value) for key, value in left["properties"].items()},
            }
        media: dict[str, Any] = {
            "schema": refer(self.components.add(f"{name}_Request", left)),
        }
        if said.examples:
            media["examples"] = {
                key: {"value": {k: v for k, v in value.items() if k not in in_path}}
                for key, value in said.examples.items()
            }
        return parameters, {
            # Of alternatives, each may need something.
            "required": bool(left.get("required")) or "anyOf" in left,
            "content": {MULTIPART if files else JSON: media},
        }

    def _parameter(
        self, place: str, name: str, field: InputField | None, properties: dict[str, Schema]
    ) -> dict[str, Any]:
        found = properties.get(field.name if field is not None else name)
        schema: Schema = {"type": "string"} if found is None else as_text(dict(found))
        is_required = place == "path" or (field is not None and field.required)
        made: dict[str, Any] = {"in": place, "name": name, "required": is_required}
        if "description" in schema:
            made["description"] = schema.pop("description")
        if schema.get("deprecated"):
            made["deprecated"] = schema.pop("deprecated")
        if place == "path" and schema.get("type") == "string":
            # An empty segment is another path.
            schema["minLength"] = max(1, schema.get("minLength", 0))
        if field is not None and field.is_structure:
            # Text for what is nested is read as JSON.
            made["content"] = {JSON: {"schema": schema}}
        else:
            made["schema"] = schema
        return made

    # -- what is answered --------------------------------------------------------------------

    def _answers(
        self, action: RegisteredAction, route: Route, name: str, said: Operation
    ) -> dict[str, Any]:
        """Return the answers of a success, by status."""
        content = self._content(action, name)
        status = route.status
        if not callable(status):
            return {str(status): _success(status, route, content)}
        if self._profile == "actionhero":
            return {"200": _success(200, route, content)}
        answers: dict[str, Any] = {}
        for chosen in said.statuses or (200,):
            answer = _success(chosen, route, content)
            if chosen in self.failures and JSON in answer.get("content", {}):
                both = [content[JSON]["schema"], refer("Error")]
                answer["content"] = {**content, JSON: {"schema": {"anyOf": both}}}
            answers[str(chosen)] = answer
        if not said.statuses:
            # Which others there are, only the author knows.
            answers["default"] = _success(0, route, content)
        return answers

    def _content(self, action: RegisteredAction, name: str) -> dict[str, Any]:
        if any(
            isinstance(part, type) and issubclass(part, (web.StreamResponse, Stream))
            for part in parts(action.output_type)
        ):
            # What it is, the action says when it answers.
            return {"*/*": {}}
        if action.streams:
            return self._stream(action, name)
        schema = answered(_schema_of(action.outputs, action))
        if not schema:
            return {JSON: {"schema": {}}}
        return {JSON: {"schema": refer(self.components.add(f"{name}_Response", schema))}}

    def _stream(self, action: RegisteredAction, name: str) -> dict[str, Any]:
        # OpenAPI 3.1 has no word for a stream: tools take the schema for that of each event.
        data: Schema = {"type": "string"}
        [item, *_] = get_args(action.output_type) or [None]
        schema = _schema_of(type(action.outputs)(item), action)
        if schema and schema.get("type") != "string":
            told = refer(self.components.add(f"{name}_Event", schema))
            data |= {
                "contentMediaType": JSON,
                # What fails on its way ends with an event of the kind `error`.
                "contentSchema": {"anyOf": [told, refer("Error")]},
            }
        event = {
            "type": "object",
            "description": "One event of the stream.",
            "required": ["data"],
            "properties": {
                "data": data,
                "event": {"type": "string", "description": "What kind of event it is."},
                "id": {"type": "string"},
                "retry": {"type": "integer", "description": "Milliseconds."},
            },
        }
        return {EVENTS: {"schema": event}}


def _schema_of(given: InputSchema | OutputSchema, action: RegisteredAction) -> Schema:
    """Return the schema of what an action takes or gives, empty if it has none."""
    try:
        return given.json_schema(ref_template=REF_TEMPLATE)
    except (NameError, RuntimeError, TypeError) as error:
        # A name that only type checkers import, or a type that JSON Schema has no words for.
        logger.warning(
            "the document tells %r of action %r (%s) as anything: %s",
            given.type, action.name, action.source, str(error).partition("\n")[0],
        )  # fmt: skip
        return {}


def _bare(fields: Sequence[InputField]) -> Schema:
    """Return the schema of inputs of which no more is known than what they are called."""
    properties: Schema = {field.name: {} for field in fields}
    return {"type": "object", "properties": properties,
            "required": [field.name for field in fields if field.required]}  # fmt: skip


def _success(status: int, route: Route, content: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "successful operation"}
    if status not in STATUSES_WITHOUT_BODY and route.method != "HEAD":
        answer["content"] = content
    return answer
