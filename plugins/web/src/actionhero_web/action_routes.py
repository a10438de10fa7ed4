"""The routes of actions: what authors wrote as `web`, checked, and the router made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import PluginError
from actionhero_web.route import Route
from actionhero_web.router import Router

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction


def routes_of(action: RegisteredAction) -> tuple[Route, ...]:
    """Return the routes of one action; none if it says nothing of HTTP.

    Raises:
        PluginError: What is written as `web` is no route. The message names action and file.
    """
    written = action.attribute("web")
    if written is None or written is False:
        return ()
    try:
        routes = Route.parse(written)
    except ValueError as error:
        raise PluginError(
            f"action {action.name!r} ({action.source}, {action.owner}) has a wrong web: {error}"
        ) from error
    for route in routes:
        missing = [name for name in route.parameters if name not in action.inputs.names]
        if missing and action.inputs.fields:
            known = ", ".join(sorted(action.inputs.names))
            raise PluginError(
                f"action {action.name!r} ({action.source}, {action.owner}) has a wrong web: "
                f"the path {route.path!r} has the parameter {missing[0]!r}, and its inputs have "
                f"no such field; there are: {known}. Mend the path or the inputs"
            )
    return routes


def router_for(app: Application) -> Router[RegisteredAction]:
    """Return the router of all actions of `app`.

    Raises:
        PluginError: A route is malformed, or two of one method match the same requests.
    """
    return Router((route, action) for action in app.actions for route in routes_of(action))


def faults_in(app: Application) -> list[str]:
    """Return what is wrong with the routes of all actions, a sentence each."""
    faults = []
    sound = []
    for action in app.actions:
        try:
            sound += [(route, action) for route in routes_of(action)]
        except PluginError as error:
            faults.append(str(error))
    try:
        Router(sound)
    except PluginError as error:
        faults.append(str(error))
    return faults
