"""`MessageSink`, which a transport implements for the requests of its clients."""

from __future__ import annotations

from typing import Any, Protocol


class MessageSink(Protocol):
    """Sends messages to the client of a request, before its response."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification. It neither blocks nor raises."""

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request, and return its result; only in the revisions with a handshake."""
