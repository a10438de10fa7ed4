"""`WebSocketCaller`: calls actions over a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero_websocket import CallFailed
from pytest_actionhero.refusal import refusal

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_websocket import Client


class WebSocketCaller:
    """Somebody who calls over a connection that stays open.

    Args:
        app: The application, whose server is open.
        client: A client that is connected.
    """

    def __init__(self, app: Application, client: Client) -> None:
        self._app = app
        self._client = client

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action, and return its value; of a stream, all items.

        Raises:
            TypedError: The action failed.
        """
        try:
            if action in self._app.actions and self._app.actions.find(action).streams:
                return [event.data async for event in self._client.stream(action, **inputs)]
            return await self._client.call(action, **inputs)
        except CallFailed as failure:
            raise refusal(failure.document) from failure
