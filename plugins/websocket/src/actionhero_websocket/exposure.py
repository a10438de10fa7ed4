"""Which actions can be reached over a socket: what authors wrote as `websocket` and `web`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero.transport import RegisteredAction


def is_reachable(action: RegisteredAction) -> bool:
    """Whether strangers may call `action` over a socket: it says so, or it is there for HTTP."""
    written = action.attribute("websocket")
    if written is not None:
        return written is True
    return action.attribute("web") not in (None, False)


def faults_in(app: Application) -> list[str]:
    """Return what is wrong with the attribute `websocket` of actions, a sentence each."""
    return [
        f"action {action.name!r} ({action.source}, {action.owner}) has websocket = {written!r}; "
        "write True to let it be called over WebSocket, False to take it off there, or remove it"
        for action in app.actions
        if not isinstance(written := action.attribute("websocket"), bool | None)
    ]
