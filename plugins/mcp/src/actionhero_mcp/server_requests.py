"""`ServerRequests`: requests of the server to clients of older revisions, and the responses."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Any

from actionhero import ConnectionTypeNotFound, Timeout
from actionhero_mcp.jsonrpc import request_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from actionhero_mcp.jsonrpc import Response


class ServerRequests:
    """The requests of this process without a response.

    Args:
        timeout_seconds: How long clients may take to respond.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout_seconds = timeout_seconds
        self._open: dict[str, asyncio.Future[Response]] = {}

    async def request(
        self, send: Callable[[bytes], None], method: str, params: dict[str, Any]
    ) -> Any:
        """Send a request, and return its result.

        Args:
            send: Sends a message to the client.
            method: The method.
            params: Its parameters.

        Raises:
            ConnectionTypeNotFound: The client has responded with an error.
            Timeout: It has not responded in time.
        """
        # Any process may receive the response, from a client that names only this id.
        id = secrets.token_urlsafe(18)
        future = self._open[id] = asyncio.get_running_loop().create_future()
        try:
            send(request_bytes(id, method, params))
            async with asyncio.timeout(self._timeout_seconds):
                response = await future
        except TimeoutError:
            raise Timeout("The client has not answered in time") from None
        finally:
            del self._open[id]
        if response.error is not None or not isinstance(response.result, dict):
            raise ConnectionTypeNotFound("The client has refused the request of the server")
        return response.result

    def respond(self, response: Response) -> bool:
        """Pass a response to its request; return whether this process has sent it."""
        future = self._open.get(response.id) if isinstance(response.id, str) else None
        if future is None or future.done():
            return False
        future.set_result(response)
        return True
