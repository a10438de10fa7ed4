"""The HTTP caller, which calls actions by their names over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actionhero_web import METHODS_WITHOUT_BODY, WebSettings, routes_of
from pytest_actionhero.typed_errors import typed_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from actionhero import Application


class HttpCaller:
    """Calls actions over HTTP, with the cookies of one client.

    Args:
        app: The application, with a running server.
        client: A client of the server.
    """

    def __init__(self, app: Application, client: aiohttp.ClientSession) -> None:
        self._app = app
        self._client = client

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action at its first route, and return its result; all items of a stream.

        Raises:
            TypedError: The action failed.
            ValueError: The action has no route.
        """
        routes = routes_of(self._app.actions.find(action))
        if not routes:
            raise ValueError(f"action {action!r} has no route; set its attribute web")
        route = routes[0]
        path = route.template
        for name in route.parameters:
            path = path.replace(f"{{{name}}}", quote(_text(inputs.pop(name)), safe=""))
        prefix = self._app.get(WebSettings).prefix
        options: dict[str, Any] = {"json": inputs}
        if route.method in METHODS_WITHOUT_BODY:
            options = {"params": list(_pairs(inputs))}
        async with self._client.request(route.method, f"{prefix}{path}", **options) as response:
            text = await response.text()
        if response.content_type == "text/event-stream":
            return list(_items(text))
        value = json.loads(text) if text else None
        if isinstance(value, dict) and response.status >= 400 and "error" in value:
            raise typed_error(value["error"])
        return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in inputs.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, _text(item)


def _items(text: str) -> Iterator[Any]:
    """Yield the data of events; raise the error that ends them."""
    for event in text.split("\n\n"):
        fields = [line.partition(":") for line in event.splitlines()]
        lines = [value.removeprefix(" ") for name, _, value in fields if name == "data"]
        if not lines:
            continue
        data = "\n".join(lines)
        if ("event", "error") in ((name, value.strip()) for name, _, value in fields):
            raise typed_error(json.loads(data)["error"])
        try:
            yield json.loads(data)
        except ValueError:
            yield data
