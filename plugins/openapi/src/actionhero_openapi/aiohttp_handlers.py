"""Handlers of aiohttp that are no action, in the same document, by what aiohttp-apispec noted.

Its decorators leave what they were told on the handler. It would make Swagger 2.0 of that, whose
shape is not ours, so of its engine we take the walk over the routes and its converter of schemas.
"""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, Final

import apispec

with warnings.catch_warnings():
    # It was written for older versions of what it leans on.
    warnings.simplefilter("ignore")
    from aiohttp_apispec import aiohttp_apispec as engine  # type: ignore[import-untyped]
    from aiohttp_apispec.utils import get_path_keys  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from aiohttp import web

_METHODS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
#: What it calls the places of schemas, and what OpenAPI calls them.
_PLACES: Final = {
    "cookies": "cookie",
    "headers": "header",
    "match_info": "path",
    "path": "path",
    "query": "query",
    "querystring": "query",
}
_BODIES: Final = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "files": "multipart/form-data",
}


def add_to(document: dict[str, Any], application: web.Application) -> None:
    """Add the decorated handlers of an application to a document."""
    taken = frozenset(document.get("components", {}).get("schemas", ()))
    found = _Handlers(document["info"], taken)
    for resource in application.router.resources():
        for route in resource:
            found.look_at(route)
    theirs = found.spec.to_dict()
    for path, operations in theirs.get("paths", {}).items():
        ours = document["paths"].get(path, {})
        document["paths"][path] = {**operations, **ours}
    schemas = theirs.get("components", {}).get("schemas")
    if schemas:
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)


class _Handlers(engine.AiohttpApiSpec):  # type: ignore[misc]
    """Its engine, for OpenAPI 3.1."""

    def __init__(self, info: dict[str, Any], taken: frozenset[str]) -> None:
        def name_of(schema: Any) -> str:
            name = str(engine.resolver(schema))
            return f"Handler_{name}" if name in taken else name

        super().__init__(
            url=None, schema_name_resolver=name_of, title=info["title"], version=info["version"]
        )
        self.spec = apispec.APISpec(info["title"], info["version"], "3.1.0", plugins=(self.plugin,))

    def look_at(self, route: web.AbstractRoute) -> None:
        """Add a route, if its handler was decorated."""
        handler = route.handler
        if isinstance(handler, type):
            for name in dir(handler):
                if name in _METHODS:
                    self._register_route(route, name, getattr(handler, name))
        else:
            self._register_route(route, route.method.lower(), handler)

    def _update_paths(self, data: dict[str, Any], method: str, url_path: str) -> None:
        # aiohttp answers HEAD wherever it answers GET; nobody has to be told.
        if method not in _METHODS or method == "head":
            return
        said = copy.deepcopy({key: data[key] for key in data if key not in ("schemas", "produces")})
        parameters = said.setdefault("parameters", [])
        for item in data.get("schemas", ()):
            place = item["location"]
            if place in _BODIES:
                body = {"content": {_BODIES[place]: {"schema": item["schema"]}}}
                said["requestBody"] = {"required": item["options"]["required"], **body}
            else:
                parameters.append({"in": _PLACES[place], "schema": item["schema"]})
        named = {each.get("name") for each in parameters if each["in"] == "path"}
        parameters += [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in get_path_keys(url_path)
            if name not in named
            and not any(p["in"] == "path" and "name" not in p for p in parameters)
        ]
        said["responses"] = {
            status: _response(response) for status, response in said["responses"].items()
        } or {"default": {"description": ""}}
        # Its path is whole: what the other operations are below is not before it.
        said["servers"] = [{"url": "/"}]
        self.spec.path(path=url_path, operations={method: said})


def _response(told: dict[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in told.items() if key not in ("schema", "required")}
    if "schema" in told:
        made["content"] = {"application/json": {"schema": told["schema"]}}
    return {"description": "", **made}
