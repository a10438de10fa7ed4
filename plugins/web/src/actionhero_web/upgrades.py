"""Upgrades of HTTP connections to WebSocket: the base class `Upgrade`, and their dispatch."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

from actionhero import PluginError
from actionhero_web.header_templates import REQUEST_ID
from actionhero_web.proxy import TrustedProxies
from actionhero_web.response import aiohttp_response

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from multidict import CIMultiDictProxy

    from actionhero import Application
    from actionhero_web.request_handler import RequestHandler

#: The protocol in the header `Upgrade`.
PROTOCOL: Final = "websocket"
#: The body of the response during shutdown.
SHUTTING_DOWN = "Server is shutting down"


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
    """

    __slots__ = ("headers", "path", "query", "remote", "request_id", "scheme")

    def __init__(
        self,
        path: str,
        query: str,
        headers: CIMultiDictProxy[str],
        *,
        scheme: str,
        remote: str | None,
        request_id: str,
    ) -> None:
        self.path = path
        self.query = query
        self.headers = headers
        self.scheme = scheme
        self.remote = remote
        self.request_id = request_id

    @property
    def origin(self) -> str:
        """The origin of the server for this client: `https://example.com`."""
        return f"{self.scheme}://{self.headers.get('Host', '')}"


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
        """


class Upgrades:
    """All upgrades of one server, by path.

    Args:
        app: The application.
        request_handler: The request handler, for headers and request ids.
        trusted_proxies: The proxies whose forwarding headers are trusted.

    Raises:
        PluginError: Two upgrades have the same path.
    """

    def __init__(
        self, app: Application, request_handler: RequestHandler, trusted_proxies: Iterable[str]
    ) -> None:
        self._request_handler = request_handler
        self._proxies = TrustedProxies(trusted_proxies)
        #: The upgrades by path, each path with and without a trailing slash.
        self.by_path: dict[str, Upgrade] = {}
        owners: dict[str, str] = {}
        for plugin, item in app.plugins.collect("actionhero_web_upgrades", Upgrade, app=app):
            for path in item.paths:
                path = path.rstrip("/") or "/"
                if path in owners:
                    raise PluginError(
                        f"two plugins upgrade connections at {path!r}: {owners[path]} and "
                        f"{plugin.owner}; change the path of one, or disable one of them"
                    )
                owners[path] = plugin.owner
                self.by_path[path] = self.by_path[path.rstrip("/") + "/"] = item

    def find(self, request: web.BaseRequest, path: str) -> Upgrade | None:
        """Return the upgrade for `request`; `None` if it is not a request for one."""
        upgrade = self.by_path.get(path)
        if upgrade is None or request.method != "GET":
            return None
        protocols = ",".join(request.headers.getall("Upgrade", ())).lower().split(",")
        # For other protocols, aiohttp's parser continues with HTTP.
        return upgrade if PROTOCOL in map(str.strip, protocols) else None

    async def handle(
        self, request: web.BaseRequest, upgrade: Upgrade, path: str, query: str
    ) -> web.StreamResponse:
        """Upgrade the connection, or return the response that rejects it."""
        request_handler = self._request_handler
        peer = getattr(request.protocol, "remote", None) or request.remote
        client = self._proxies.client(peer, request.scheme, request.headers)
        request_id = client.request_id or request_handler.request_id(request)
        try:
            if request_handler.draining:
                raise UpgradeRefused(503, SHUTTING_DOWN, {"Retry-After": "1"})
            self._validate(request)
            upgrade_request = UpgradeRequest(
                path,
                query,
                request.headers,
                scheme=client.scheme,
                remote=client.address,
                request_id=request_id,
            )
            headers, protocol = await upgrade.accept(upgrade_request)
        except UpgradeRefused as error:
            return aiohttp_response(
                error.status,
                error.text.encode(),
                (
                    *request_handler.header_templates.always,
                    (REQUEST_ID, request_id),
                    *error.headers.items(),
                ),
                content_type="text/plain; charset=utf-8",
                # The data after the request may already use the other protocol.
                closing=True,
            )
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            f"Upgrade: {PROTOCOL}",
            "Connection: Upgrade",
            *(f"{name}: {value}" for name, value in headers.items()),
            *(f"{name}: {value}" for name, value in request_handler.header_templates.always),
            f"{REQUEST_ID}: {request_id}",
        ]
        switch_protocol(
            request.protocol, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), protocol
        )
        return _UpgradedResponse()

    def _validate(self, request: web.BaseRequest) -> None:
        """Validate the request by the rules of HTTP for upgrades.

        Raises:
            UpgradeRefused: The request is malformed.
        """
        headers = request.headers
        if request.version < HttpVersion11:
            raise UpgradeRefused(400, "Only HTTP/1.1 can be upgraded")
        if not request._message.upgrade:
            raise UpgradeRefused(400, "The Connection header must be 'Upgrade'")
        if headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers:
            raise UpgradeRefused(400, "A request to upgrade must have no body")
        if len(headers.getall("Host", ())) != 1:
            raise UpgradeRefused(400, "The request must have exactly one Host header")


class _UpgradedResponse(web.StreamResponse):
    """A placeholder for the response 101, which has been written already."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Do nothing: the response has been written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the connection belongs to the new protocol."""


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
