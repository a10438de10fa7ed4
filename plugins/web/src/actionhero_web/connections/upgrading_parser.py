"""`UpgradingParser`: the parser of a connection on which an upgrade was requested."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_web.connections.protocol import HttpProtocol


class UpgradingParser:
    """Takes the place of aiohttp's parser after a request for an upgrade.

    If the upgrade is declined, the data after it is checked as all other requests.
    """

    def __init__(self, protocol: HttpProtocol, parser: Any) -> None:
        self._protocol = protocol
        self._parser = parser

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)

    def set_upgraded(self, upgraded: bool) -> None:
        """End the upgrade: aiohttp calls this if it was declined."""
        protocol = self._protocol
        protocol._parser = self._parser
        self._parser.set_upgraded(upgraded)
        protocol.framer.decline_upgrade()
        data, protocol._message_tail = protocol._message_tail, b""
        asyncio.get_running_loop().call_soon(protocol.resume_after_upgrade, data)
