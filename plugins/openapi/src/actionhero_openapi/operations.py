"""`OperationBuilder`: builds the operation of an action at one of its routes."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin

from aiohttp import web

from actionhero import ErrorType, Stream
from actionhero.transport import members
from actionhero_openapi.error_responses import (
    error_response,
    error_statuses,
    header_objects,
    response_name,
)
from actionhero_openapi.operation import operation_of
from actionhero_openapi.request_parts import JSON, RequestParts
from actionhero_openapi.schemas import Components, Schema, reference, response_schema
from actionhero_openapi.type_schemas import TypeSchemas
from actionhero_web import STATUSES_WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero import RequestHeader
    from actionhero.transport import RegisteredAction
    from actionhero_openapi.operation import Operation
    from actionhero_openapi.security import ApiSecurity
    from actionhero_openapi.type_schemas import Mode
    from actionhero_web import ResponseFormat, Route

EVENTS: Final = "text/event-stream"
#: The names of the schemas of errors.
ERROR_SCHEMAS: Final = ("Error", "InputProblem")

#: Objects whose media type, and perhaps status, the action sets.
_NATIVE: Final = (web.StreamResponse, Stream)
_ANY_CONTENT: Final[dict[str, Any]] = {"*/*": {}}
#: The headers of deprecated actions (RFC 9745 and RFC 8594).
_HEADERS: Final = {
    "Deprecation": "The date of the deprecation, in seconds since the epoch: `@1767225600`.",
    "Sunset": "The date from which the operation may be gone.",
}


class OperationBuilder:
    """Builds operations, and collects the schemas that they refer to.

    Args:
        response_format: The format of responses.
        actions: The actions in the document.
        security: The security schemes and requirements.
    """

    def __init__(
        self,
        response_format: ResponseFormat,
        actions: Sequence[RegisteredAction],
        security: ApiSecurity,
    ) -> None:
        types: dict[tuple[str, Mode], Any] = {}
        for action in actions:
            types[action.name, "validation"] = action.inputs.type
            types[action.name, "serialization"] = result_type(action)
        self._types = TypeSchemas(types, ERROR_SCHEMAS)
        self.components = Components(self._types.definitions)
        #: The error statuses of all operations.
        self.error_statuses: set[int] = set()
        self._format = response_format
        self._security = security

    def build(
        self,
        action: RegisteredAction,
        route: Route,
        identifier: str,
        path_names: Sequence[str],
        alternatives: Sequence[Mapping[str, Sequence[str]]],
    ) -> dict[str, Any]:
        """Return the operation of an action at one of its routes.

        Args:
            action: The action.
            route: The route.
            identifier: The unique name of the operation.
            path_names: The names of the path parameters in the document.
            alternatives: The credentials to send, one of them.
        """
        declared = operation_of(action)
        tag = action.base_name.partition(":")[0]
        operation: dict[str, Any] = {
            "operationId": identifier,
            "summary": action.name,
            "description": _description(action),
            "tags": [tag] if declared.tags is None else list(declared.tags),
            # An explicit empty list: the operation is public.
            "security": list(alternatives),
        }
        if declared.deprecated or action.deprecated is not None:
            operation["deprecated"] = True
        name = re.sub(r"[^A-Za-z0-9._-]", "_", identifier.replace("@", "_v"))
        inputs = self._types.get(action.name, "validation")
        request = RequestParts(self.components, inputs, action, route, declared)
        parameters, body = request.build(name, path_names)
        parameters += map(_header_parameter, self._security.headers_of(action))
        if parameters:
            operation["parameters"] = parameters
        if body is not None:
            operation["requestBody"] = body
        statuses = error_statuses(
            declared.errors,
            route.method,
            self._format,
            may_lack_credentials=bool(alternatives) or self._security.reads_credentials,
            may_be_forbidden=self._security.may_forbid(action),
            refusals=self._security.errors_of(action),
            has_inputs=not action.inputs.is_empty or bool(route.parameters),
        )
        self.error_statuses.update(statuses)
        responses = self._success_responses(action, route, name, declared)
        error_responses: dict[str, dict[str, Any]] = {
            str(status): {"$ref": f"#/components/responses/{response_name(status)}"}
            for status in statuses
        }
        limit_headers = self._security.response_headers_of(action)
        limited = self._format.status_of(ErrorType.RATE_LIMITED)
        if limit_headers and limited in statuses:
            error_responses[str(limited)] = error_response(limited, self._format, limit_headers)
        operation["responses"] = responses | {
            status: response
            for status, response in error_responses.items()
            if status not in responses
        }
        return operation

    # -- responses -------------------------------------------------------------------------------

    def _success_responses(
        self, action: RegisteredAction, route: Route, name: str, declared: Operation
    ) -> dict[str, Any]:
        """Return the responses of a success, by status."""
        responses: dict[str, Any] = {}
        if route.method == "HEAD" or route.status in STATUSES_WITHOUT_BODY:
            responses = self._responses_with({}, route, declared)
        elif content := self._content(action, name, declared):
            responses = self._responses_with(content, route, declared)
        if route.cache is not None and route.cache.etag:
            description = "The client has this version already: its `If-None-Match` has the `ETag`."
            responses["304"] = {"description": description}
        if _returns(action, web.StreamResponse):
            native = _native_content(declared)
            for status in declared.statuses:
                responses.setdefault(str(status), _success(status, route, native))
            if not declared.statuses:
                description = "A response with its own status, headers and content."
                responses["default"] = {"description": description, "content": native}
        headers = {header: _HEADERS[header] for header, _ in route.headers}
        headers |= self._security.response_headers_of(action)
        if headers:
            for response in responses.values():
                response["headers"] = header_objects(headers)
        return responses

    def _responses_with(
        self, content: dict[str, Any], route: Route, declared: Operation
    ) -> dict[str, Any]:
        """Return the responses with a result as their content, by status."""
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

    def _content(self, action: RegisteredAction, name: str, declared: Operation) -> dict[str, Any]:
        """Return the content of a success; empty if the action returns only aiohttp responses."""
        if action.streams and not _returns(action, Stream):
            return self._events(action, name)
        content: dict[str, Any] = {}
        if _returns(action, Stream):
            content = dict(_native_content(declared))
        if result_type(action) is None and _returns(action, *_NATIVE):
            return content
        schema = response_schema(self._types.get(action.name, "serialization"))
        if "$ref" in schema or not schema:
            return content | {JSON: {"schema": self.components.response(schema)}}
        component = self.components.add(f"{name}_Response", self.components.response(schema))
        return content | {JSON: {"schema": reference(component)}}

    def _events(self, action: RegisteredAction, name: str) -> dict[str, Any]:
        # OpenAPI 3.1 does not specify streams: tools use the schema for each event.
        data: Schema = {"type": "string"}
        schema = self._types.get(action.name, "serialization")
        if schema and schema.get("type") != "string":
            event_data = self.components.response(schema)
            if "$ref" not in schema:
                event_data = reference(self.components.add(f"{name}_Event", event_data))
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


def _returns(action: RegisteredAction, *types: type) -> bool:
    """Whether the return annotation has a member that is a subclass of one of the types."""
    return any(
        isinstance(member, type) and issubclass(member, types)
        for member in members(action.output_type)
    )


def result_type(action: RegisteredAction) -> Any:
    """Return the type of the result, or of an item of a stream, without aiohttp's responses."""
    annotation = action.output_type
    if action.streams and not _returns(action, Stream):
        origin = get_origin(annotation)
        is_stream = isinstance(origin, type) and issubclass(
            origin, (AsyncIterable, AsyncIterator, AsyncGenerator)
        )
        return get_args(annotation)[0] if is_stream else Any
    if not _returns(action, *_NATIVE):
        return Any if annotation is None else annotation
    others = [
        member
        for member in members(annotation)
        if not (isinstance(member, type) and issubclass(member, _NATIVE))
    ]
    return Union[tuple(others)] if others else None  # noqa: UP007 - of a list


def _native_content(declared: Operation) -> dict[str, Any]:
    return {media_type: {} for media_type in declared.media_types} or _ANY_CONTENT


def _description(action: RegisteredAction) -> str:
    lines = [action.description]
    if action.deprecated is not None:
        lines.append(f"Deprecated from {action.deprecated:%Y-%m-%d}.")
    if action.sunset is not None:
        lines.append(f"It may be gone from {action.sunset:%Y-%m-%d}.")
    return "\n\n".join(line for line in lines if line)


def _header_parameter(header: RequestHeader) -> dict[str, Any]:
    return {
        "in": "header",
        "name": header.name,
        "required": header.required,
        "description": header.description,
        "schema": {"type": "string"},
    }


def _success(status: int, route: Route, content: dict[str, Any]) -> dict[str, Any]:
    response: dict[str, Any] = {"description": "successful operation"}
    if status not in STATUSES_WITHOUT_BODY and status // 100 != 3 and route.method != "HEAD":
        response["content"] = content
    return response
