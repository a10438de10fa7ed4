"""The plugin `web`: its hook implementations. Start reading here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from actionhero import RunMode, hookimpl

if TYPE_CHECKING:
    import click

    from actionhero import Application, Instrument, Server, Settings, Supervisor

#: The error of a start there; `actionhero call` works.
NOT_ON_WINDOWS: Final = (
    "the HTTP server does not run on Windows, which lacks the signals and socket options that it "
    "needs; use WSL 2 or a container, or call actions with: actionhero call"
)


def _is_windows() -> bool:
    return sys.platform == "win32"


@hookimpl
def actionhero_hookspecs() -> list[object]:
    from actionhero_web import hookspecs

    return [hookspecs]


@hookimpl
def actionhero_settings() -> list[type[Settings]]:
    from actionhero_web.settings import WebSettings

    return [WebSettings]


@hookimpl
def actionhero_action_attributes() -> list[str]:
    return ["web", "cross_origin"]


@hookimpl
def actionhero_validate(app: Application) -> list[str]:
    from actionhero_web.routes.action_routes import cross_origin_errors, route_errors

    platform_errors = [NOT_ON_WINDOWS] if _is_windows() and app.mode is not RunMode.CLI else []
    return [*platform_errors, *route_errors(app), *cross_origin_errors(app)]


@hookimpl
def actionhero_response_types(app: Application) -> list[type]:
    from actionhero_web.responses.response_types import response_types

    return response_types(app)


@hookimpl
def actionhero_servers(app: Application) -> list[Server]:
    if _is_windows():
        # Reported by the validation.
        return []
    from actionhero_web.server import WebServer

    return [WebServer(app)]


@hookimpl
def actionhero_supervisor(app: Application) -> Supervisor | None:
    from actionhero_web.processes.process_models import supervisor_for

    return supervisor_for(app)


@hookimpl
def actionhero_doctor_checks(app: Application, deploy: bool) -> list[Any]:
    from actionhero_web.doctor_checks import diagnose

    return diagnose(app, deploy=deploy)


@hookimpl
def actionhero_commands(group: click.Group) -> None:
    from actionhero.cli import LazyCommand

    for name, short_help, topic in (
        ("routes", "List the HTTP routes.", "Call"),
        ("dev", "Start the servers, and restart them when code changes.", "Run"),
    ):
        target = f"actionhero_web.commands:{name}"
        group.add_command(LazyCommand(name, target, short_help, topic=topic))
    group.add_options("start", "actionhero_web.commands:start_options")  # type: ignore[attr-defined]


@hookimpl
def actionhero_instruments() -> list[Instrument]:
    from actionhero_web.instruments import instruments

    return instruments()
