"""The tools, resources and prompts that actions are offered as."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actionhero_mcp.content import Content, PromptMessage
from actionhero_mcp.schemas import input_schema, is_object, output_schema

if TYPE_CHECKING:
    from actionhero.transport import RegisteredAction
    from actionhero_mcp.prompt import Prompt
    from actionhero_mcp.resource import Resource
    from actionhero_mcp.revisions import Revision
    from actionhero_mcp.tool import Tool

#: The classes of results that are no data.
_BLOCKS = (Content, PromptMessage)


class OfferedTool:
    """An action as a tool.

    Args:
        action: The action.
        tool: Its declaration.
        methods: The methods of its routes.
    """

    def __init__(self, action: RegisteredAction, tool: Tool, methods: frozenset[str]) -> None:
        self.action = action
        self.tool = tool
        self.name = tool.name or name_of(action)
        self.description = tool.description or action.description
        self._methods = methods
        self._has_schema: dict[str, bool] = {}

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The schema of the arguments."""
        return input_schema(self.action, self.tool.header)

    @cached_property
    def output_schema(self) -> dict[str, Any] | None:
        """The schema of the results; `None` if any are possible, or blocks."""
        outputs = self.action.outputs
        if not outputs.is_open and _mentions_blocks(outputs.type):
            return None
        return output_schema(self.action)

    @cached_property
    def has_object(self) -> bool:
        """Whether all results are objects."""
        return is_object(self.output_schema)

    @cached_property
    def header_parameters(self) -> dict[str, str]:
        """The headers that repeat arguments, in lower case, and these arguments."""
        return {f"mcp-param-{value.lower()}": name for name, value in self.tool.header.items()}

    @cached_property
    def hints(self) -> dict[str, bool]:
        """The hints, of which those that are not set follow the methods of the routes."""
        tool, methods = self.tool, self._methods
        guessed: dict[str, bool] = {}
        if methods and methods <= {"GET", "HEAD"}:
            guessed = {"readOnlyHint": True, "idempotentHint": True}
        elif methods == {"PUT"}:
            guessed = {"idempotentHint": True}
        elif methods == {"DELETE"}:
            guessed = {"destructiveHint": True, "idempotentHint": True}
        declared = {
            "readOnlyHint": tool.read_only,
            "destructiveHint": tool.destructive,
            "idempotentHint": tool.idempotent,
            "openWorldHint": tool.open_world,
        }
        return guessed | {name: value for name, value in declared.items() if value is not None}

    @cached_property
    def is_read_only(self) -> bool:
        """Whether the tool changes nothing."""
        return self.hints.get("readOnlyHint", False)

    def has_schema(self, revision: Revision) -> bool:
        """Return whether the definition has an output schema in a revision."""
        has_schema = self._has_schema.get(revision.name)
        if has_schema is None:
            has_schema = (
                self.output_schema is not None
                and revision.has_structured_content
                and (self.has_object or revision.has_any_structured_content)
            )
            self._has_schema[revision.name] = has_schema
        return has_schema

    def definition(self, revision: Revision) -> dict[str, Any]:
        """Return the definition of the tool."""
        tool = self.tool
        definition: dict[str, Any] = {
            "name": self.name,
            "title": tool.title or summary(self.description),
            "description": self.description,
            "inputSchema": self.input_schema,
        }
        if self.has_schema(revision):
            definition["outputSchema"] = self.output_schema
        definition["annotations"] = self.hints
        return definition | extras(tool)


class OfferedResource:
    """An action as a resource, or as a template of resources.

    Args:
        action: The action.
        resource: Its declaration.
    """

    def __init__(self, action: RegisteredAction, resource: Resource) -> None:
        self.action = action
        self.resource = resource
        self.name = resource.name or action.name
        self.description = resource.description or action.description
        self.pattern: re.Pattern[str] = resource.pattern

    @property
    def mime_type(self) -> str | None:
        """The media type; `None` if it depends on the result."""
        if self.resource.mime_type is not None:
            return self.resource.mime_type
        return None if self.action.outputs.is_open else self.mime_type_of(self.action.outputs.type)

    def mime_type_of(self, type_: Any) -> str:
        """Return the media type of results of a type."""
        if self.resource.mime_type is not None:
            return self.resource.mime_type
        if type_ is bytes:
            return "application/octet-stream"
        return "text/plain" if type_ is str else "application/json"

    def definition(self) -> dict[str, Any]:
        """Return the definition of the resource or template."""
        resource = self.resource
        uri = "uriTemplate" if resource.is_template else "uri"
        definition: dict[str, Any] = {
            uri: resource.uri,
            "name": self.name,
            "title": resource.title or summary(self.description),
            "description": self.description,
        }
        if self.mime_type is not None:
            definition["mimeType"] = self.mime_type
        return definition | extras(resource)


class OfferedPrompt:
    """An action as a prompt.

    Args:
        action: The action.
        prompt: Its declaration.
    """

    def __init__(self, action: RegisteredAction, prompt: Prompt) -> None:
        self.action = action
        self.prompt = prompt
        self.name = prompt.name or name_of(action)
        self.description = prompt.description or action.description

    def definition(self) -> dict[str, Any]:
        """Return the definition of the prompt."""
        definition: dict[str, Any] = {
            "name": self.name,
            "title": self.prompt.title or summary(self.description),
            "description": self.description,
        }
        arguments = [
            {
                "name": field.name,
                **({"description": field.description} if field.description else {}),
                "required": field.required,
            }
            for field in self.action.inputs.fields
        ]
        if arguments:
            definition["arguments"] = arguments
        return definition | extras(self.prompt)


def name_of(action: RegisteredAction) -> str:
    """Return the default name of a tool or a prompt."""
    return re.sub(r"[:.@]", "-", action.name)


def summary(description: str) -> str:
    """Return the first line of a description, without a full stop."""
    return description.strip().partition("\n")[0].removesuffix(".")


def extras(declared: Tool | Resource | Prompt) -> dict[str, Any]:
    """Return the members of a definition that the declaration passes on."""
    members: dict[str, Any] = {}
    if declared.icons:
        members["icons"] = [dict(icon) for icon in declared.icons]
    if declared.meta:
        members["_meta"] = dict(declared.meta)
    return members


def _mentions_blocks(annotation: Any) -> bool:
    if annotation in _BLOCKS:
        return True
    return any(map(_mentions_blocks, getattr(annotation, "__args__", ())))
