"""`Catalog`: all tools, resources and prompts of an application, and their lists as bytes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero import PluginError
from actionhero.transport import dumps
from actionhero_mcp.declared import Declared, parse
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.offers import OfferedPrompt, OfferedResource, OfferedTool
from actionhero_mcp.resource import match_uri
from actionhero_mcp.revisions import INVALID_PARAMS
from actionhero_web import routes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from actionhero import Application
    from actionhero.transport import RegisteredAction
    from actionhero_mcp.revisions import Revision


class ResourceMatch(NamedTuple):
    """A resource that a URI names."""

    offered: OfferedResource
    #: The inputs in the URI.
    values: Mapping[str, str]


class Catalog:
    """Everything that an application offers, computed once.

    Args:
        app: The application.
        every_action: Whether actions without `mcp` are tools too, for an operator.

    Raises:
        PluginError: A declaration is invalid, or two offers have the same name or URI.
    """

    def __init__(self, app: Application, *, every_action: bool = False) -> None:
        tools: list[OfferedTool] = []
        resources: list[OfferedResource] = []
        prompts: list[OfferedPrompt] = []
        for action in app.actions:
            declared = declared_of(action)
            methods = frozenset(route.method for route in routes_of(action))
            tools += [OfferedTool(action, tool, methods) for tool in declared.tools]
            if every_action and not declared.tools:
                tools.append(_operator_tool(action, methods))
            resources += [OfferedResource(action, item) for item in declared.resources]
            prompts += [OfferedPrompt(action, item) for item in declared.prompts]
        self.tools: dict[str, OfferedTool] = _by_name(tools, "tools", lambda item: item.name)
        self.prompts: dict[str, OfferedPrompt] = _by_name(
            prompts, "prompts", lambda item: item.name
        )
        by_uri: dict[str, OfferedResource] = _by_name(
            resources, "resources", lambda item: item.resource.uri
        )
        self.resources = {
            uri: item for uri, item in by_uri.items() if not item.resource.is_template
        }
        self.templates = {uri: item for uri, item in by_uri.items() if item.resource.is_template}
        self._lists: dict[tuple[str, str], bytes] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is offered."""
        return not (self.tools or self.resources or self.templates or self.prompts)

    @property
    def has_tasks(self) -> bool:
        """Whether a tool may run as a task."""
        return any(item.tool.task for item in self.tools.values())

    @property
    def has_updates(self) -> bool:
        """Whether changes of a resource can be announced."""
        every = (*self.resources.values(), *self.templates.values())
        return any(item.resource.updates for item in every)

    def tool(self, name: object) -> OfferedTool:
        """Return a tool.

        Raises:
            RpcError: There is none of that name.
        """
        tool = self.tools.get(name) if isinstance(name, str) else None
        if tool is None:
            raise _unknown("tool", name, self.tools)
        return tool

    def prompt(self, name: object) -> OfferedPrompt:
        """Return a prompt.

        Raises:
            RpcError: There is none of that name.
        """
        prompt = self.prompts.get(name) if isinstance(name, str) else None
        if prompt is None:
            raise _unknown("prompt", name, self.prompts)
        return prompt

    def resource(self, uri: str) -> ResourceMatch | None:
        """Return the resource that a URI names; `None` if there is none."""
        resource = self.resources.get(uri)
        if resource is not None:
            return ResourceMatch(resource, {})
        for item in self.templates.values():
            values = match_uri(item.pattern, uri)
            if values is not None:
                return ResourceMatch(item, values)
        return None

    def listed(
        self,
        kind: str,
        revision: Revision,
        visible: Callable[[RegisteredAction], bool] | None = None,
    ) -> bytes:
        """Return a list as JSON.

        Args:
            kind: `tools`, `resources`, `resourceTemplates` or `prompts`.
            revision: The revision of the protocol.
            visible: Whether an action is listed; by default all are.
        """
        if visible is not None:
            return dumps(list(self._definitions(kind, revision, visible)))
        key = (kind, revision.name)
        if key not in self._lists:
            self._lists[key] = dumps(list(self._definitions(kind, revision, lambda _: True)))
        return self._lists[key]

    def _definitions(
        self, kind: str, revision: Revision, visible: Callable[[RegisteredAction], bool]
    ) -> Iterator[dict[str, Any]]:
        if kind == "tools":
            for tool in self.tools.values():
                if visible(tool.action):
                    yield tool.definition(revision)
            return
        offers: dict[str, Mapping[str, OfferedResource | OfferedPrompt]] = {
            "resources": self.resources,
            "resourceTemplates": self.templates,
            "prompts": self.prompts,
        }
        for item in offers[kind].values():
            if visible(item.action):
                yield item.definition()


def declared_of(action: RegisteredAction) -> Declared:
    """Return the declarations of an action.

    Raises:
        PluginError: The attribute `mcp` is invalid. The message names action and file.
    """
    try:
        return parse(action.attribute("mcp"))
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"action {action.name!r} ({action.source}, {action.owner}) has an invalid mcp: {error}"
        ) from error


def catalog_for(app: Application) -> Catalog:
    """Return the catalog of an application, which is computed on first use."""
    if not app.has(Catalog):
        app.provide(Catalog, Catalog(app))
    return app.get(Catalog)


def _operator_tool(action: RegisteredAction, methods: frozenset[str]) -> OfferedTool:
    from actionhero_mcp.tool import Tool

    return OfferedTool(action, Tool(secrets=True), methods)


def _by_name(items: Iterable[Any], kind: str, name_of: Callable[[Any], str]) -> dict[str, Any]:
    """Return offers by name, sorted.

    Raises:
        PluginError: Two have the same name.
    """
    offers: dict[str, Any] = {}
    for item in items:
        name = name_of(item)
        if name in offers:
            first, second = offers[name].action, item.action
            raise PluginError(
                f"two {kind} are called {name!r}: of action {first.name!r} ({first.source}, "
                f"{first.owner}) and of action {second.name!r} ({second.source}, {second.owner}); "
                "rename one"
            )
        offers[name] = item
    return dict(sorted(offers.items()))


def _unknown(kind: str, name: object, known: Mapping[str, Any]) -> RpcError:
    if not isinstance(name, str):
        return RpcError(INVALID_PARAMS, f"Invalid params: the name of the {kind} is missing")
    near = difflib.get_close_matches(name[:100], known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return RpcError(INVALID_PARAMS, f"Unknown {kind}: {name[:100]}{hint}")
