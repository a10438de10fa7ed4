"""The exposure of actions over WebSocket, by their attributes `websocket` and `web`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction

#: The value of the attribute for actions whose effects must be in the order of the messages.
ORDERED: Final = "ordered"


def is_exposed(action: RegisteredAction) -> bool:
    """Return whether clients may call `action` over WebSocket.

    Its attribute `websocket` decides; without one, it is exposed if it has a route.
    """
    websocket = action.attribute("websocket")
    if websocket is not None:
        return websocket is True or websocket == ORDERED
    return action.attribute("web") not in (None, False)


def is_ordered(action: RegisteredAction) -> bool:
    """Return whether the calls of one client to such actions run one after the other."""
    return bool(action.attribute("websocket") == ORDERED)


def exposure_problems(app: Application) -> list[str]:
    """Return a sentence for each action with an invalid attribute `websocket`."""
    return [
        f"action {action.name!r} ({action.source}, {action.owner}) has websocket = {value!r}; "
        'set it to True to expose the action over WebSocket, to "ordered" to run the calls of one '
        "client one after the other, to False not to expose it, or remove it"
        for action in app.actions
        if not isinstance(value := action.attribute("websocket"), bool | None) and value != ORDERED
    ]
