"""The plugin `sse`: its hook implementations. Start reading here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookimpl

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Action, Application, Server, Settings


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_sse.settings import SseSettings

    return [SseSettings]


@hookimpl
def actionhero_actions() -> list[type[Action]]:
    from actionhero_sse.actions import ChannelEvents

    return [ChannelEvents]


@hookimpl
def actionhero_servers(app: Application) -> list[Server]:
    from actionhero_sse.server import EventStreamServer

    return [EventStreamServer(app)]


@hookimpl
def actionhero_web_application(application: web.Application, app: Application) -> None:
    from actionhero_sse.server import bind_lifecycle

    bind_lifecycle(application, app)
