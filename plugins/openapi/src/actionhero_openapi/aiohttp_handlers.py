"""aiohttp handlers with decorators of aiohttp-apispec, as operations of the same document.

The decorators store their arguments on the handler. aiohttp-apispec would generate Swagger 2.0
from them; this module uses only its iteration over the routes and its schema converter.
"""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, Final

import apispec

with warnings.catch_warnings():
    # It was written for older versions of its dependencies.
    warnings.simplefilter("ignore")
    from aiohttp_apispec import aiohttp_apispec as engine  # type: ignore[import-untyped]
    from aiohttp_apispec.utils import get_path_keys  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from aiohttp import web

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
#: The locations of schemas in aiohttp-apispec, and in OpenAPI.
_LOCATIONS: Final = {
    "cookies": "cookie",
    "headers": "header",
    "match_info": "path",
    "path": "path",
    "query": "query",
    "querystring": "query",
}
_MEDIA_TYPES: Final = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "files": "multipart/form-data",
}


def add_handlers(document: dict[str, Any], application: web.Application) -> None:
    """Add the decorated handlers of an application to a document."""
    schema_names = frozenset(document.get("components", {}).get("schemas", ()))
    handlers = _HandlerSpec(document["info"], schema_names)
    for resource in application.router.resources():
        for route in resource:
            handlers.add_route(route)
    handler_document = handlers.spec.to_dict()
    for path, operations in handler_document.get("paths", {}).items():
        action_operations = document["paths"].get(path, {})
        document["paths"][path] = {**operations, **action_operations}
    schemas = handler_document.get("components", {}).get("schemas")
    if schemas:
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)


class _HandlerSpec(engine.AiohttpApiSpec):  # type: ignore[misc]
    """aiohttp-apispec's generator, changed to OpenAPI 3.1.

    Args:
        info: The `info` of the document.
        used_names: The names of schemas that are in use already.
    """

    def __init__(self, info: dict[str, Any], used_names: frozenset[str]) -> None:
        def schema_name(schema: Any) -> str:
            name = str(engine.resolver(schema))
            return f"Handler_{name}" if name in used_names else name

        super().__init__(
            url=None,
            schema_name_resolver=schema_name,
            title=info["title"],
            version=info["version"],
        )
        self.spec = apispec.APISpec(info["title"], info["version"], "3.1.0", plugins=(self.plugin,))

    def add_route(self, route: web.AbstractRoute) -> None:
        """Add a route, if its handler is decorated."""
        handler = route.handler
        if isinstance(handler, type):
            for name in dir(handler):
                if name in _METHODS:
                    self._register_route(route, name, getattr(handler, name))
        else:
            self._register_route(route, route.method.lower(), handler)

    def _update_paths(self, data: dict[str, Any], method: str, url_path: str) -> None:
        # aiohttp handles HEAD requests for every GET route.
        if method not in _METHODS or method == "head":
            return
        operation = copy.deepcopy(
            {key: data[key] for key in data if key not in ("schemas", "produces")}
        )
        parameters = operation.setdefault("parameters", [])
        for item in data.get("schemas", ()):
            location = item["location"]
            if location in _MEDIA_TYPES:
                body = {"content": {_MEDIA_TYPES[location]: {"schema": item["schema"]}}}
                operation["requestBody"] = {"required": item["options"]["required"], **body}
            else:
                parameters.append({"in": _LOCATIONS[location], "schema": item["schema"]})
        declared = {each.get("name") for each in parameters if each["in"] == "path"}
        parameters += [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in get_path_keys(url_path)
            if name not in declared
            and not any(p["in"] == "path" and "name" not in p for p in parameters)
        ]
        operation["responses"] = {
            status: _convert_response(response)
            for status, response in operation["responses"].items()
        } or {"default": {"description": ""}}
        # The path is absolute, without the prefix of the other operations.
        operation["servers"] = [{"url": "/"}]
        self.spec.path(path=url_path, operations={method: operation})


def _convert_response(response: dict[str, Any]) -> dict[str, Any]:
    converted = {key: value for key, value in response.items() if key not in ("schema", "required")}
    if "schema" in response:
        converted["content"] = {"application/json": {"schema": response["schema"]}}
    return {"description": "", **converted}
