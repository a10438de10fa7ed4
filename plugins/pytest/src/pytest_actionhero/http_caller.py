"""`HttpCaller`: calls actions by their names, over HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actionhero_web import METHODS_WITHOUT_BODY, WebSettings, routes_of
from pytest_actionhero.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp

    from actionhero import Application


class HttpCaller:
    """Somebody who calls over HTTP, and keeps their cookies.

    Args:
        app: The application, whose server is open.
        client: A client of it.
    """

    def __init__(self, app: Application, client: aiohttp.ClientSession) -> None:
        self._app = app
        self._client = client

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action at its first route, and return its value; of a stream, all items.

        Raises:
            TypedError: The action failed.
            ValueError: It has no route.
        """
        routes = routes_of(self._app.actions.find(action))
        if not routes:
            raise ValueError(f"action {action!r} has no web, so HTTP does not reach it")
        route = routes[0]
        path = route.path
        for name in route.parameters:
            path = path.replace(f"{{{name}}}", quote(_text(inputs.pop(name)), safe=""))
        prefix = self._app.get(WebSettings).prefix
        given: dict[str, Any] = {"json": inputs}
        if route.method in METHODS_WITHOUT_BODY:
            given = {"params": list(_pairs(inputs))}
        async with self._client.request(route.method, f"{prefix}{path}", **given) as answer:
            text = await answer.text()
        if answer.content_type == "text/event-stream":
            return list(_items(text))
        value = json.loads(text) if text else None
        if isinstance(value, dict) and answer.status >= 400 and "error" in value:
            raise refusal(value["error"])
        return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pairs(inputs: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in inputs.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                yield name, _text(item)


def _items(text: str) -> Iterator[Any]:
    """Yield the data of events; the failure that ends them is raised."""
    for event in text.split("\n\n"):
        fields = [line.partition(":") for line in event.splitlines()]
        lines = [value.removeprefix(" ") for name, _, value in fields if name == "data"]
        if not lines:
            continue
        data = "\n".join(lines)
        if ("event", "error") in ((name, value.strip()) for name, _, value in fields):
            raise refusal(json.loads(data)["error"])
        try:
            yield json.loads(data)
        except ValueError:
            yield data
