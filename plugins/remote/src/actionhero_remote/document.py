"""`ApiDocument`: the actions of a server, from its OpenAPI document."""

from __future__ import annotations

import difflib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from actionhero import ConfigurationError
from actionhero.cli import escape
from actionhero.transport import IDEMPOTENCY_KEY
from actionhero_remote.credentials import TokenScheme, check_header_name, token_scheme
from actionhero_remote.input_schemas import InputSchemas, printable
from actionhero_remote.server_url import DOCUMENT_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actionhero.cli import InputDescription

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
MULTIPART: Final = "multipart/form-data"

Location = Literal["path", "query", "header", "cookie", "body"]

#: A path after the URL of the API. Without the slash, it would continue the host, and send the
#: credentials to another one.
_PATH: Final = re.compile(r"/[!-~]*")
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, kw_only=True)
class RemoteAction:
    """An action of a server, at its first route."""

    name: str
    description: str
    method: str
    #: The path below the prefix of the API, with the names of its parameters in braces.
    path: str
    #: The inputs, each with its location and its name there.
    inputs: tuple[tuple[InputDescription, Location, str], ...]
    #: Whether it accepts inputs of any name.
    is_open: bool
    #: The content of its successful responses, by media type.
    content: Mapping[str, Any]
    #: The statuses of responses other than error documents.
    statuses: frozenset[str]

    @property
    def summary(self) -> str:
        """The first line of the description."""
        return self.description.strip().partition("\n")[0]

    @property
    def descriptions(self) -> list[InputDescription]:
        """The inputs as options."""
        return [description for description, _, _ in self.inputs]

    @property
    def has_text_events(self) -> bool:
        """Whether the data of each event is a text, and not JSON."""
        data = self.content.get(EVENTS, {}).get("schema", {}).get("properties", {}).get("data", {})
        return "contentSchema" not in data


class ApiDocument:
    """The actions in an OpenAPI document.

    Args:
        document: The document.
        url: The URL of the API: of the document, without its name.

    Raises:
        ConfigurationError: The document is malformed. Its actions raise it, too.
    """

    def __init__(self, document: Mapping[str, Any], url: str) -> None:
        self.url = url
        with self._refuse_malformed():
            self._read(document)

    def _read(self, document: Mapping[str, Any]) -> None:
        self.title = str(document.get("info", {}).get("title", ""))
        components = document.get("components", {})
        #: The header of tokens.
        self.token_scheme: TokenScheme = token_scheme(components.get("securitySchemes", {}))
        self.cookie = _session_cookie(components.get("securitySchemes", {}))
        self._schemas = InputSchemas(components.get("schemas", {}))
        self._operations = {
            operation["summary"]: (method, path, operation)
            for method, path, operation in reversed(list(_operations(document)))
        }

    @property
    def names(self) -> list[str]:
        """The names of the actions, sorted."""
        return sorted(self._operations)

    @property
    def actions(self) -> list[RemoteAction]:
        """The actions, sorted by name."""
        return [self._build(name) for name in self.names]

    def find(self, name: str) -> RemoteAction | None:
        """Return an action, or `None`."""
        return self._build(name) if name in self._operations else None

    def unknown_message(self, name: str) -> str:
        """Return the message about an action that does not exist, like that of a local call."""
        near = difflib.get_close_matches(name, self.names, n=3)
        hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
        return f"Action not found: {name}{hint}"

    @contextmanager
    def _refuse_malformed(self) -> Iterator[None]:
        """Report a document that is not as OpenAPI prescribes: it may be of any server."""
        try:
            yield
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise ConfigurationError(
                f"the OpenAPI document {self.url}{DOCUMENT_PATH} is malformed: "
                f"{type(error).__name__}: {escape(str(error))}; check the URL, and the version of "
                "the server"
            ) from None

    def _build(self, name: str) -> RemoteAction:
        with self._refuse_malformed():
            return self._action(name)

    def _action(self, name: str) -> RemoteAction:
        method, path, operation = self._operations[name]
        inputs: list[tuple[InputDescription, Location, str]] = []
        is_open = False
        for parameter in operation.get("parameters", ()):
            location, key = parameter.get("in"), parameter.get("name")
            schema = parameter.get("schema")
            if schema is None:
                schema = parameter.get("content", {}).get(JSON, {}).get("schema", {})
            if location in ("header", "cookie"):
                check_header_name(key)
            if location == "header" and key == IDEMPOTENCY_KEY and "x-input" not in parameter:
                # An option of the command, as in a local call.
                continue
            if location == "query" and key == "inputs" and schema.get("additionalProperties"):
                is_open = True
                continue
            described = self._schemas.describe(
                parameter.get("x-input", key),
                schema,
                required=parameter.get("required", False),
                description=parameter.get("description", ""),
            )
            inputs.append((described, location, key))
        content = operation.get("requestBody", {}).get("content", {})
        if content:
            media = content.get(MULTIPART) or content.get(JSON) or {}
            properties, required, is_open = self._schemas.object_properties(media.get("schema", {}))
            for key, schema in properties.items():
                described = self._schemas.describe(key, schema, required=key in required)
                inputs.append((described, "body", key))
        return RemoteAction(
            name=name,
            description=printable(operation.get("description", "")),
            method=method,
            path=path,
            inputs=tuple(inputs),
            is_open=is_open,
            content=_success_content(operation),
            statuses=frozenset(
                status
                for status, response in operation.get("responses", {}).items()
                if "$ref" not in response
            ),
        )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the operations of actions: not those of other handlers of the server."""
    for path, methods in document.get("paths", {}).items():
        for method, operation in methods.items():
            if not isinstance(operation, dict):
                continue
            name, identifier = operation.get("summary"), operation.get("operationId")
            if isinstance(name, str) and name and identifier == name:
                if method not in _METHODS or not _PATH.fullmatch(path):
                    raise ValueError(f"the route {method.upper()} {path!r} of {name!r}")
                yield method.upper(), path, operation


def _success_content(operation: Mapping[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for status, response in operation.get("responses", {}).items():
        if status.startswith("2") or status == "default":
            content |= response.get("content", {})
    return content


def _session_cookie(schemes: Mapping[str, Any]) -> str:
    for scheme in schemes.values():
        if scheme.get("type") == "apiKey" and scheme.get("in") == "cookie":
            return str(scheme.get("name", ""))
    return ""
