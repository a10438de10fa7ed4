"""The routes of actions: the attribute `web`, validated, and the router built from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero_web.routes.route import STATUSES_WITHOUT_BODY, Route
from actionhero_web.routes.router import Router

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction


def routes_of(action: RegisteredAction) -> tuple[Route, ...]:
    """Return the routes of one action; none if it has no attribute `web`.

    The paths of version 2 and later begin with `/v2`. An action that declares `version = 1` has
    each route twice, without and with `/v1`.

    Raises:
        PluginError: The attribute is not a route. The message names action and file.
    """
    declaration = action.attribute("web")
    if declaration is None or declaration is False:
        return ()
    where = f"action {action.name!r} ({action.source}, {action.owner}) has an invalid web"
    try:
        routes = Route.parse(declaration)
    except (TypeError, ValueError) as error:
        raise PluginError(f"{where}: {error}") from error
    for route in routes:
        if action.streams and route.status in STATUSES_WITHOUT_BODY:
            raise PluginError(
                f"{where}: a stream has a body, which the status {route.status} excludes; use 200"
            )
        if action.streams and callable(route.status):
            raise PluginError(
                f"{where}: the status of a stream is sent before its items, so it cannot be a "
                "function of the result; use a number"
            )
        missing = [name for name in route.parameters if name not in action.inputs.names]
        if missing and action.inputs.fields:
            known = ", ".join(sorted(action.inputs.names))
            raise PluginError(
                f"{where}: "
                f"the path {route.path!r} has the parameter {missing[0]!r}, but its inputs have "
                f"no such field (available: {known}); fix the path or the inputs"
            )
    if headers := deprecation_headers(action):
        routes = tuple(replace(route, headers=headers) for route in routes)
    if not action.has_version:
        return routes
    prefix = f"/v{action.version}"
    versioned = tuple(
        replace(route, path=prefix + route.path.removesuffix("/")) for route in routes
    )
    return (*routes, *versioned) if action.version == 1 else versioned


def deprecation_headers(action: RegisteredAction) -> tuple[tuple[str, str], ...]:
    """Return the headers of the responses of a deprecated action.

    `Deprecation` is a date of structured fields (RFC 9745), `Sunset` a date of HTTP (RFC 8594).
    """
    headers = []
    if action.deprecated is not None:
        headers.append(("Deprecation", f"@{int(action.deprecated.timestamp())}"))
    if action.sunset is not None:
        sunset = format_datetime(action.sunset.astimezone(UTC), usegmt=True)
        headers.append(("Sunset", sunset))
    return tuple(headers)


def router_for(app: Application) -> Router[RegisteredAction]:
    """Return the router of all actions of `app`.

    Raises:
        PluginError: A route is invalid, or two of one method match the same requests.
    """
    return Router((route, action) for action in app.actions for route in routes_of(action))


def route_errors(app: Application) -> list[str]:
    """Return the errors in the routes of all actions, a sentence each."""
    errors = []
    routes = []
    for action in app.actions:
        try:
            routes += [(route, action) for route in routes_of(action)]
        except PluginError as error:
            errors.append(str(error))
    try:
        Router(routes)
    except PluginError as error:
        errors.append(str(error))
    return errors


def route_warnings(app: Application, prefix: str) -> list[str]:
    """Return the probable mistakes in the routes of all actions, a sentence each.

    Args:
        app: The application.
        prefix: The prefix of their paths.
    """
    warnings = []
    for action in app.actions:
        version = f"/v{action.version}" if action.has_version else ""
        for route in routes_of(action):
            below = route.path.removeprefix(version)
            for added, name in ((prefix, "web.prefix"), (version, "version")):
                if added and f"{below}/".startswith(f"{added}/"):
                    rest = below.removeprefix(added) or "/"
                    warnings.append(
                        f"action {action.name!r} ({action.source}) is served at "
                        f"{prefix + route.path!r}, because {name} adds {added!r} to the path; "
                        f"write {f'{route.method} {rest}'!r}"
                    )
    return warnings


def cross_origin_errors(app: Application) -> list[str]:
    """Return the errors in the attribute `cross_origin` of all actions, a sentence each."""
    return [
        f"action {action.name!r} ({action.source}, {action.owner}) has an invalid cross_origin: "
        f"{value!r}; use True for an action that pages of every site may call with the session of "
        "their user, otherwise remove it"
        for action in app.actions
        if not isinstance(value := action.attribute("cross_origin"), bool | None)
    ]
