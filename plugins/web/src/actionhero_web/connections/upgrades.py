"""Upgrades of HTTP connections to WebSocket: the base class `Upgrade`, for plugins."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from multidict import CIMultiDictProxy


class UpgradeRequest:
    """The request of an upgraded connection, stored for the lifetime of the connection.

    It has no reference to aiohttp's request, so it takes little more memory than its headers.

    Args:
        path: The undecoded path.
        query: The undecoded query.
        headers: The headers.
        scheme: The scheme of the client, `http` or `https`, also behind a trusted proxy.
        remote: The address of the client, also behind a trusted proxy.
        request_id: The identifier of the request.
        host: The host that the client has requested, also behind a trusted proxy.
    """

    __slots__ = ("headers", "host", "path", "query", "remote", "request_id", "scheme")

    def __init__(
        self,
        path: str,
        query: str,
        headers: CIMultiDictProxy[str],
        *,
        scheme: str,
        remote: str | None,
        request_id: str,
        host: str | None = None,
    ) -> None:
        self.path = path
        self.query = query
        self.headers = headers
        self.scheme = scheme
        self.remote = remote
        self.request_id = request_id
        #: The host that the client has requested, with a port if there was one.
        self.host = headers.get("Host", "") if host is None else host

    @property
    def origin(self) -> str:
        """The origin of the server for this client: `https://example.com`."""
        return f"{self.scheme}://{self.host}"


class UpgradeRefused(Exception):
    """Raised by `Upgrade.accept` to reject the upgrade with an HTTP response.

    Args:
        status: The status of the response.
        text: The body, plain text.
        headers: Additional headers.
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


class Upgrade(ABC):
    """Upgrades connections to WebSocket at its paths.

    Requests at these paths without the header `Upgrade` are handled as usual. During shutdown all
    upgrades are rejected with 503, without a call of `accept`.
    """

    #: The absolute paths: the prefix of the actions is not prepended.
    paths: Sequence[str] = ()

    @abstractmethod
    async def accept(
        self, request: UpgradeRequest
    ) -> tuple[Mapping[str, str], asyncio.BaseProtocol]:
        """Return the additional headers of the response 101, and the new protocol.

        The protocol gets `connection_made`, and `data_received` with the data received so far. It
        then owns the connection: the server does not close it.

        Raises:
            UpgradeRefused: The upgrade is rejected, with this response.
            TypedError: It is rejected with an error document, such as for invalid credentials.
        """


def switch_protocol(protocol: Any, head: bytes, successor: asyncio.BaseProtocol) -> None:
    """Write a response, and switch the connection of aiohttp's `protocol` to `successor`.

    Args:
        protocol: The protocol of a request in progress.
        head: The response.
        successor: The new protocol.

    Raises:
        ConnectionResetError: The client has disconnected.
    """
    transport: Any = protocol.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("Cannot write to closing transport")
    tail, protocol._message_tail = protocol._message_tail, b""
    transport.write(head)
    # Detached first, so that `connection_lost` neither closes the connection nor cancels this task.
    protocol.transport = protocol._task_handler = None
    protocol.connection_lost(None)
    transport.set_protocol(successor)
    if protocol._buffer_paused:
        # aiohttp pauses reading when too much unparsed data has arrived.
        transport.resume_reading()
    successor.connection_made(transport)
    if tail and isinstance(successor, asyncio.Protocol):
        successor.data_received(tail)
