"""The WebSocket caller, which calls actions over one WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actionhero import InvalidInput, Problem
from actionhero_websocket import CallFailed, InvalidInputs
from pytest_actionhero.typed_errors import typed_error

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_websocket import Client


class WebSocketCaller:
    """Calls actions over a WebSocket, with one session.

    Args:
        app: The application, with a running server.
        client: A connected client.
    """

    def __init__(self, app: Application, client: Client) -> None:
        self._app = app
        self._client = client

    async def call(self, action: str, /, **inputs: Any) -> Any:
        """Call an action, and return its result; all items of a stream.

        Raises:
            TypedError: The action failed.
        """
        try:
            if action in self._app.actions and self._app.actions.find(action).streams:
                return [event.data async for event in self._client.stream(action, **inputs)]
            return await self._client.call(action, **inputs)
        except CallFailed as error:
            raise typed_error(error.document) from error
        except InvalidInputs as error:
            # The client has refused what the server would refuse.
            key = error.pointer[1:].partition("/")[0]
            problem = Problem(error.pointer, error.reason, "value_error")
            raise InvalidInput(error.reason, key=key or None, problems=(problem,)) from error
