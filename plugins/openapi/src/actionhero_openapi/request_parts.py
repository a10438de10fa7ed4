"""`RequestParts`: the parameters and the body of the requests of an action at one of its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actionhero import File
from actionhero.transport import parts
from actionhero_openapi.schemas import Schema, reference, text_schema, without
from actionhero_web import METHODS_WITHOUT_BODY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from actionhero.transport import InputField, RegisteredAction
    from actionhero_openapi.operation import Operation
    from actionhero_openapi.schemas import Components
    from actionhero_web import Route

JSON: Final = "application/json"
MULTIPART: Final = "multipart/form-data"


class RequestParts:
    """Builds the parameters and the body.

    Args:
        components: The named schemas of the document.
        schema: The schema of the inputs of the action; empty without one.
        action: The action.
        route: The route.
        declared: The attribute `openapi` of the action.
    """

    def __init__(
        self,
        components: Components,
        schema: Schema,
        action: RegisteredAction,
        route: Route,
        declared: Operation,
    ) -> None:
        self._components = components
        self._route = route
        self._declared = declared
        self._inputs = action.inputs
        self._schema = _accepted(
            components.resolve(schema) or _untyped(action.inputs.fields), action.inputs.fields
        )
        self._properties: dict[str, Schema] = self._schema.get("properties", {})
        fields = {name: field for field in action.inputs.fields for name in field.names}
        self._path_fields = {name: fields.get(name) for name in route.parameters}
        #: The inputs that are neither in the body nor in the query.
        self._elsewhere = {field.name for field in self._path_fields.values() if field is not None}

    def build(
        self, name: str, path_names: Sequence[str]
    ) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
        """Return the parameters, and the request body if there is one.

        Args:
            name: The name of the operation, for its schema.
            path_names: The names of the path parameters in the document.
        """
        parameters = [
            self._parameter("path", documented, field, input_name)
            for documented, (input_name, field) in zip(
                path_names, self._path_fields.items(), strict=True
            )
        ]
        for location, sources in (
            ("header", getattr(self._inputs, "headers", {})),
            ("cookie", getattr(self._inputs, "cookies", {})),
        ):
            listed = set()
            for source_name, fields in sources.items():
                names = {field.name for field in fields} - self._elsewhere
                self._elsewhere |= names
                # The parameters of a document are unique, and names of headers case-insensitive.
                key = source_name.lower() if location == "header" else source_name
                if names and key not in listed:
                    listed.add(key)
                    field = next(field for field in fields if field.name in names)
                    parameters.append(self._parameter(location, source_name, field, field.name))
        if self._inputs.is_empty:
            return parameters, None
        if self._route.method in METHODS_WITHOUT_BODY:
            return parameters + self._query(), None
        return parameters, self._body(name)

    def _query(self) -> list[dict[str, Any]]:
        if not self._inputs.fields:
            # Any inputs are accepted.
            any_object = {"type": "object", "additionalProperties": True}
            return [{"in": "query", "name": "inputs", "schema": any_object}]
        return [
            self._parameter("query", field.name, field, field.name)
            for field in self._inputs.fields
            if field.name not in self._elsewhere and field.name in self._properties
        ]

    def _body(self, name: str) -> dict[str, Any] | None:
        body = without(self._schema, self._elsewhere)
        if self._inputs.fields and not body.get("properties"):
            return None
        files = any(File in set(parts(field.annotation)) for field in self._inputs.fields)
        if files:
            properties = {key: text_schema(value) for key, value in body["properties"].items()}
            body = {**body, "properties": properties}
        request = self._components.add(f"{name}_Request", self._components.request(body))
        media: dict[str, Any] = {"schema": reference(request)}
        if self._declared.examples:
            media["examples"] = {
                key: {"value": {k: v for k, v in value.items() if k not in self._names_elsewhere()}}
                for key, value in self._declared.examples.items()
            }
        return {
            # Each of several alternatives may have required properties.
            "required": bool(body.get("required") or body.get("minProperties") or "anyOf" in body),
            "content": {MULTIPART if files else JSON: media},
        }

    def _names_elsewhere(self) -> set[str]:
        fields = self._inputs.fields
        return {name for field in fields if field.name in self._elsewhere for name in field.names}

    def _parameter(
        self, location: str, name: str, field: InputField | None, input_name: str
    ) -> dict[str, Any]:
        """Return a parameter.

        Args:
            location: Its location: `path`, `query`, `header` or `cookie`.
            name: Its name.
            field: The input; `None` if it is not declared.
            input_name: The name of the input.
        """
        declared = self._properties.get(field.name if field is not None else name)
        schema: Schema = {"type": "string"} if declared is None else text_schema(dict(declared))
        is_required = location == "path" or (field is not None and field.required)
        parameter: dict[str, Any] = {"in": location, "name": name, "required": is_required}
        own_name = field.name if field is not None else input_name
        if name != own_name:
            # The name of a header, or that of another operation at the same path.
            parameter["x-input"] = own_name
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        if schema.get("deprecated"):
            parameter["deprecated"] = schema.pop("deprecated")
        if location == "path":
            # A path has a value for each of its parameters.
            schema.pop("default", None)
            if schema.get("type") == "string":
                # A path with an empty segment is another path.
                schema["minLength"] = max(1, schema.get("minLength", 0))
            if self._route.path.endswith(f"{{{input_name}:path}}"):
                rest = "The rest of the path, which may have slashes."
                parameter["description"] = f"{parameter.get('description', '')} {rest}".strip()
        is_json = field is not None and field.is_structure
        array = self._components.resolve(schema)
        if location == "path" and array.get("type") == "array":
            is_json = is_json or _is_json_array(array)
            # A path has one text: an array of values that are not texts, or the only item.
            schema = schema if is_json else {**array.get("items", {}), "minLength": 1}
        schema = self._components.request(schema)
        if is_json:
            # Nested inputs are JSON in the text of the parameter.
            parameter["content"] = {JSON: {"schema": schema}}
        else:
            parameter["schema"] = schema
        examples = {
            key: {"value": value}
            for key, inputs in self._declared.examples.items()
            for other, value in inputs.items()
            if other in (field.names if field is not None else (input_name,))
        }
        if examples:
            parameter["examples"] = examples
        return parameter


def _accepted(schema: Schema, fields: Sequence[InputField]) -> Schema:
    """Return the schema of inputs with the names that are accepted, each field once.

    pydantic's own schema has the name of the attribute for an alias that is a path into the inputs.
    """
    properties: Mapping[str, Schema] = schema.get("properties", {})
    names = {
        field.attribute: field.name
        for field in fields
        if field.name not in properties
        and field.attribute in properties
        and field.attribute not in field.names
    }
    if not names:
        return schema
    return {
        **schema,
        # The alias is a part of this value.
        "properties": {
            names.get(key, key): {} if key in names else value for key, value in properties.items()
        },
        "required": [names.get(key, key) for key in schema.get("required", ())],
    }


def _is_json_array(schema: Schema) -> bool:
    """Return whether the text of an array is read as JSON, as none of its items is a text."""
    item_type = schema.get("items", {}).get("type")
    return "prefixItems" in schema or item_type in {"integer", "number", "boolean"}


def _untyped(fields: Sequence[InputField]) -> Schema:
    """Return a schema with the names of the inputs, without their types."""
    properties: Schema = {field.name: {} for field in fields}
    return {"type": "object", "properties": properties,
            "required": [field.name for field in fields if field.required]}  # fmt: skip
