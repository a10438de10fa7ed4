"""`UpgradingParser`: the parser of a connection on which an upgrade was requested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.web_protocol import RequestHandler


class UpgradingParser:
    """Takes the place of aiohttp's parser after a request for an upgrade.

    Args:
        protocol: The connection.
        parser: The parser of aiohttp.
        decline: Called with the data after the request when the upgrade was declined.
    """

    def __init__(
        self, protocol: RequestHandler, parser: Any, decline: Callable[[bytes], None]
    ) -> None:
        self._protocol = protocol
        self._parser = parser
        self._decline = decline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def set_upgraded(self, upgraded: bool) -> None:
        """End the upgrade: aiohttp calls this if it was declined."""
        protocol = self._protocol
        protocol._parser = self._parser
        self._parser.set_upgraded(upgraded)
        data, protocol._message_tail = protocol._message_tail, b""
        self._decline(data)
