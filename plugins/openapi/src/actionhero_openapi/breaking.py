"""The comparison of two OpenAPI documents, for breaking changes."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from actionhero_openapi.compatibility import SchemaComparison, resolve

Document: TypeAlias = Mapping[str, Any]

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
_PARAMETER: Final = re.compile(r"\{([^}]*)\}")


class Change(NamedTuple):
    """One breaking change."""

    #: The old method and path; `*` for a component shared by the operations.
    operation: str
    #: The place in the operation: `query limit`, `body /user/name`, `response 200 /user/name`.
    place: str
    change: str


def breaking_changes(old: Document, new: Document) -> list[Change]:
    """Return the changes in `new` that break clients of `old`, in the order of `old`.

    Additions are compatible: an operation, an optional input, a field of a response, a value of a
    field of a response.
    """
    return list(_Comparison(old, new).changes())


class _Operation(NamedTuple):
    """One operation of a document."""

    path: str
    #: By location and name.
    parameters: dict[tuple[str, str], Mapping[str, Any]]
    definition: Mapping[str, Any]


class _Comparison:
    """Compares two documents."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new
        self._compared_components: set[tuple[str, str]] = set()

    def changes(self) -> Iterator[Change]:
        new_operations = _operations(self._new)
        for key, old in _operations(self._old).items():
            label = f"{key[0].upper()} {old.path}"
            new = new_operations.get(key)
            if new is None:
                yield Change(label, "", "was removed")
                continue
            for place, change in self._operation(old, new):
                yield Change(label, place, change)
            yield from self._error_responses(old, new, label)
        yield from self._renamed_schemas(new_operations)

    def _renamed_schemas(self, new_operations: Container[tuple[str, str]]) -> Iterator[Change]:
        """Yield the schemas that have another name: generators name types after them."""
        old_schemas, new_schemas = _schemas_of(self._old), _schemas_of(self._new)
        used = [
            each.definition for key, each in _operations(self._old).items() if key in new_operations
        ]
        for name in sorted(_used_schemas(used, self._old) - new_schemas.keys()):
            for other, schema in new_schemas.items():
                if other not in old_schemas and schema == old_schemas[name]:
                    yield Change("*", f"schema {name}", f"was renamed to {other!r}")
                    break
            else:
                yield Change("*", f"schema {name}", "was renamed, or is no longer used")

    def _operation(self, old: _Operation, new: _Operation) -> Iterator[tuple[str, str]]:
        old_id, new_id = old.definition.get("operationId"), new.definition.get("operationId")
        if old_id is not None and old_id != new_id:
            yield "", f"has operationId {new_id!r} now, was {old_id!r}"
        yield from self._security(old, new)
        yield from self._parameters(old, new)
        yield from self._body(old, new)
        yield from self._success_responses(old, new)

    def _security(self, old: _Operation, new: _Operation) -> Iterator[tuple[str, str]]:
        old_sets = _security_requirements(old, self._old) or [frozenset()]
        new_sets = _security_requirements(new, self._new)
        if new_sets and not any(schemes <= each for each in old_sets for schemes in new_sets):
            alternatives = " or ".join("+".join(sorted(schemes)) for schemes in new_sets)
            yield "", f"requires {alternatives} now"

    def _parameters(self, old: _Operation, new: _Operation) -> Iterator[tuple[str, str]]:
        comparison = SchemaComparison(self._old, self._new, is_request=True)
        renamed = dict(
            zip(_PARAMETER.findall(old.path), _PARAMETER.findall(new.path), strict=False)
        )
        old_keys = set()
        for (location, name), old_parameter in old.parameters.items():
            label = f"{location} {name}"
            key = (location, renamed.get(name, name) if location == "path" else name)
            old_keys.add(key)
            parameter = new.parameters.get(key)
            if parameter is None:
                yield label, "was removed"
                continue
            if key[1] != name:
                yield label, f"was renamed to {key[1]!r}"
            if parameter.get("required") and not old_parameter.get("required"):
                yield label, "is required now"
            if ("content" in old_parameter) != ("content" in parameter):
                form = "JSON" if "content" in parameter else "plain text"
                yield label, f"is parsed as {form} now"
            for pointer, change in comparison.differences(
                _schema_of(old_parameter), _schema_of(parameter)
            ):
                yield f"{label} {pointer}".rstrip(), change
        for (location, name), parameter in new.parameters.items():
            if (location, name) not in old_keys and parameter.get("required"):
                yield f"{location} {name}", "is new and required"

    def _body(self, old: _Operation, new: _Operation) -> Iterator[tuple[str, str]]:
        old_body = resolve(old.definition.get("requestBody", {}), self._old)
        new_body = resolve(new.definition.get("requestBody", {}), self._new)
        if old_body and not new_body:
            yield "body", "is no longer read"
            return
        has_changes = False
        empty = {"schema": {"type": "object", "properties": {}}}
        media_types = old_body.get("content") or dict.fromkeys(new_body.get("content", ()), empty)
        for media_type, old_content in media_types.items():
            new_content = new_body.get("content", {}).get(media_type)
            if new_content is None:
                has_changes = True
                yield "body", f"no longer accepts {media_type}"
                continue
            comparison = SchemaComparison(self._old, self._new, is_request=True)
            for pointer, change in comparison.differences(
                _schema_of(old_content), _schema_of(new_content)
            ):
                has_changes = True
                yield f"body {pointer}".rstrip(), change
        if new_body.get("required") and not old_body.get("required") and not has_changes:
            yield "body", "is required now"

    def _success_responses(self, old: _Operation, new: _Operation) -> Iterator[tuple[str, str]]:
        new_responses = new.definition.get("responses", {})
        for status, old_response in old.definition.get("responses", {}).items():
            if not _is_success(status):
                continue
            response = new_responses.get(
                status, new_responses.get("2XX", new_responses.get("default"))
            )
            if response is None:
                yield f"response {status}", "was removed"
            else:
                yield from self._response(status, old_response, response)

    def _error_responses(self, old: _Operation, new: _Operation, label: str) -> Iterator[Change]:
        """Yield breaking changes of error responses. The removal of one is compatible."""
        new_responses = new.definition.get("responses", {})
        for status, old_response in old.definition.get("responses", {}).items():
            response = new_responses.get(status)
            if response is None or _is_success(status):
                continue
            operation = label
            if "$ref" in old_response and "$ref" in response:
                # Most operations share them, so each pair is reported once.
                pair = (old_response["$ref"], response["$ref"])
                if pair in self._compared_components:
                    continue
                self._compared_components.add(pair)
                operation = "*"
            for place, change in self._response(status, old_response, response):
                yield Change(operation, place, change)

    def _response(
        self, status: str, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        contents = resolve(new, self._new).get("content", {})
        for media_type, old_content in resolve(old, self._old).get("content", {}).items():
            new_content = contents.get(media_type, contents.get("*/*"))
            if new_content is None:
                yield f"response {status}", f"is no longer {media_type}"
                continue
            comparison = SchemaComparison(self._old, self._new, is_request=False)
            for pointer, change in comparison.differences(
                _schema_of(old_content), _schema_of(new_content)
            ):
                yield f"response {status} {pointer}".rstrip(), change


def _operations(document: Document) -> dict[tuple[str, str], _Operation]:
    """Return the operations by method and path, without the names of path parameters."""
    operations = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            definition = item.get(method)
            if definition is None:
                continue
            parameters = {
                (each["in"], each["name"]): each
                for reference in (*item.get("parameters", ()), *definition.get("parameters", ()))
                for each in [resolve(reference, document)]
            }
            shape = _PARAMETER.sub("{}", path)
            operations[method, shape] = _Operation(path, parameters, definition)
    return operations


def _schemas_of(document: Document) -> Mapping[str, Any]:
    schemas: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    return schemas


def _used_schemas(value: Any, document: Document) -> set[str]:
    """Return the names of the schemas that a part of a document refers to."""
    targets: set[str] = set()
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, Mapping):
            target = item.get("$ref")
            if isinstance(target, str) and target not in targets:
                targets.add(target)
                pending.append(resolve(item, document))
            pending += [each for key, each in item.items() if key != "$ref"]
    prefix = "#/components/schemas/"
    names = {target.removeprefix(prefix) for target in targets if target.startswith(prefix)}
    return names & _schemas_of(document).keys()


def _security_requirements(operation: _Operation, document: Document) -> list[frozenset[str]]:
    """Return the alternative sets of security schemes; none if the operation is public."""
    requirements = operation.definition.get("security", document.get("security", ()))
    sets = [frozenset(requirement) for requirement in requirements]
    return [] if frozenset() in sets else sets


def _schema_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a parameter or of a media type."""
    for media in item.get("content", {}).values():
        return dict(media.get("schema", {}))
    return dict(item.get("schema", {}))


def _is_success(status: str) -> bool:
    return str(status).startswith("2")
