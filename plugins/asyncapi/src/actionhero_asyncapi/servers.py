"""The servers of the document, and the path of event streams."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from actionhero_asyncapi.settings import AsyncApiSettings
from actionhero_web import WebSettings, routes_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actionhero import Application
    from actionhero.transport import RegisteredAction


def servers_of(app: Application, *, sockets: bool, events: bool) -> dict[str, dict[str, str]]:
    """Return the servers by name."""
    web = app.get(WebSettings)
    origins = app.get(AsyncApiSettings).servers or [f"http://localhost:{web.port}"]
    servers: dict[str, dict[str, str]] = {}
    for number, origin in enumerate(origins, 1):
        parts = urlsplit(origin)
        suffix = "" if number == 1 else f"_{number}"
        secure = "s" if parts.scheme == "https" else ""
        if sockets:
            servers[f"websocket{suffix}"] = {
                "host": parts.netloc,
                "pathname": "/ws",
                "protocol": f"ws{secure}",
                "description": "Calls, subscriptions and broadcasts over one socket.",
            }
        if events:
            servers[f"http{suffix}"] = {
                "host": parts.netloc,
                "pathname": web.prefix or "/",
                "protocol": f"http{secure}",
                "description": "Channels as server-sent events.",
            }
    return servers


def event_path(app: Application, actions: Iterable[RegisteredAction]) -> str | None:
    """Return the path of the event stream of a channel; `None` without `actionhero-sse`."""
    if importlib.util.find_spec("actionhero_sse") is None:
        return None
    from actionhero_sse import ChannelEvents, SseSettings  # noqa: PLC0415 - it is optional

    if not app.has(SseSettings):
        return None
    templates = (
        route.template
        for action in actions
        if action.type is ChannelEvents
        for route in routes_of(action)
    )
    return next(templates, None)
