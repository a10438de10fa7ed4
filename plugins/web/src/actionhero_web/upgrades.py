"""Requests that ask for WebSocket, and whoever takes their connections over: `Upgrade`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

from actionhero import PluginError
from actionhero_web.header_templates import REQUEST_ID
from actionhero_web.proxy import TrustedProxies
from actionhero_web.response import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from multidict import CIMultiDictProxy

    from actionhero import Application
    from actionhero_web.request_handler import RequestHandler

#: What the header `Upgrade` has to name.
PROTOCOL: Final = "websocket"
#: Told to who comes while the server goes down.
SHUTTING_DOWN = "Server is shutting down"


class UpgradeRequest:
    """The request by which a connection came in: what is kept of it for as long as it lasts.

    It has no tie to the connection, so it costs little more than its headers.

    Args:
        path: The path, undecoded.
        query: The query, undecoded.
        headers: As they were sent.
        scheme: How the client came: `http` or `https`, also through a trusted proxy.
        remote: The address of the client, also through a trusted proxy.
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
        """Our own origin, as this client sees it: `https://example.com`."""
        return f"{self.scheme}://{self.headers.get('Host', '')}"


class UpgradeRefused(Exception):
    """Raised by `Upgrade.accept`: the request is answered as HTTP, and stays HTTP.

    Args:
        status: The status of the answer.
        text: Its body, plain text.
        headers: Further headers.
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = dict(headers or {})


class Upgrade(ABC):
    """Takes connections over that ask for WebSocket at one of its paths.

    Requests that do not ask for it are answered as if it were not there. While the server goes
    down everybody is refused with 503, and `accept` is not asked.
    """

    #: The paths, whole: the prefix of the actions is not put before them.
    paths: Sequence[str] = ()

    @abstractmethod
    async def accept(
        self, request: UpgradeRequest
    ) -> tuple[Mapping[str, str], asyncio.BaseProtocol]:
        """Return the further headers of the answer 101, and the protocol that takes over.

        The protocol gets `connection_made`, and what the client has sent already as
        `data_received`. The server has no more to do with the connection, and ends it no more.

        Raises:
            UpgradeRefused: The request is answered with its status.
        """


class Upgrades:
    """All upgrades of one server, by path.

    Args:
        app: The application.
        exchanges: What answers all else, for headers and identifiers.
        trusted_proxies: Whose word is taken for how a client came.

    Raises:
        PluginError: Two take over the same path.
    """

    def __init__(
        self, app: Application, exchanges: RequestHandler, trusted_proxies: Iterable[str]
    ) -> None:
        self._exchanges = exchanges
        self._proxies = TrustedProxies(trusted_proxies)
        #: By path, each with and without a slash at its end.
        self.by_path: dict[str, Upgrade] = {}
        owners: dict[str, str] = {}
        for plugin, item in app.plugins.collect("actionhero_web_upgrades", Upgrade, app=app):
            for path in item.paths:
                path = path.rstrip("/") or "/"
                if path in owners:
                    raise PluginError(
                        f"two plugins take over connections at {path!r}: {owners[path]} and "
                        f"{plugin.owner}; change the path of one, or disable one of them"
                    )
                owners[path] = plugin.owner
                self.by_path[path] = self.by_path[path.rstrip("/") + "/"] = item

    def find(self, request: web.BaseRequest, path: str) -> Upgrade | None:
        """Return who takes over the connection of `request`, if it asks for that."""
        found = self.by_path.get(path)
        if found is None or request.method != "GET":
            return None
        asked = ",".join(request.headers.getall("Upgrade", ())).lower().split(",")
        # The only one that aiohttp stops reading HTTP for.
        return found if PROTOCOL in map(str.strip, asked) else None

    async def answer(
        self, request: web.BaseRequest, upgrade: Upgrade, path: str, query: str
    ) -> web.StreamResponse:
        """Hand the connection over, or say why not."""
        exchanges = self._exchanges
        peer = getattr(request.protocol, "remote", None) or request.remote
        client = self._proxies.client(peer, request.scheme, request.headers)
        request_id = client.request_id or exchanges.request_id(request)
        try:
            if exchanges.draining:
                raise UpgradeRefused(503, SHUTTING_DOWN, {"Retry-After": "1"})
            self._check(request)
            asked = UpgradeRequest(
                path,
                query,
                request.headers,
                scheme=client.scheme,
                remote=client.address,
                request_id=request_id,
            )
            headers, protocol = await upgrade.accept(asked)
        except UpgradeRefused as refused:
            more = (*exchanges.heads.always, (REQUEST_ID, request_id), *refused.headers.items())
            body = refused.text.encode()
            kind = "text/plain; charset=utf-8"
            # What follows may be in the other protocol already.
            return plain(request, refused.status, body, more, content_type=kind, closing=True)
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            f"Upgrade: {PROTOCOL}",
            "Connection: Upgrade",
            *(f"{name}: {value}" for name, value in headers.items()),
            *(f"{name}: {value}" for name, value in exchanges.heads.always),
            f"{REQUEST_ID}: {request_id}",
        ]
        hand_over(request.protocol, ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), protocol)
        return _HandedOver()

    def _check(self, request: web.BaseRequest) -> None:
        """Refuse what HTTP does not allow of such a request.

        Raises:
            UpgradeRefused: It is malformed.
        """
        headers = request.headers
        if request.version < HttpVersion11:
            raise UpgradeRefused(400, "Only HTTP/1.1 can be upgraded")
        if not request._message.upgrade:
            raise UpgradeRefused(400, "The Connection header must be 'Upgrade'")
        if headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in headers:
            raise UpgradeRefused(400, "A request to upgrade must have no body")
        if len(headers.getall("Host", ())) != 1:
            raise UpgradeRefused(400, "The Host header must be there once")


class _HandedOver(web.StreamResponse):
    """Stands for the answer that was written when the connection was handed over."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> Any:
        """Do nothing: it is written."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: what follows is another protocol."""


def hand_over(protocol: Any, head: bytes, successor: asyncio.BaseProtocol) -> None:
    """Give the connection of aiohttp's `protocol` to `successor`, after an answer.

    Args:
        protocol: Of a request that is being answered.
        head: The answer.
        successor: The protocol from now on.

    Raises:
        ConnectionResetError: The client is gone.
    """
    transport: Any = protocol.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("Cannot write to closing transport")
    tail, protocol._message_tail = protocol._message_tail, b""
    transport.write(head)
    # So that it is told of an end, and neither closes the connection nor cancels this very task.
    protocol.transport = protocol._task_handler = None
    protocol.connection_lost(None)
    transport.set_protocol(successor)
    if protocol._buffer_paused:
        # aiohttp stops reading where much has come that it has no use for.
        transport.resume_reading()
    successor.connection_made(transport)
    if tail and isinstance(successor, asyncio.Protocol):
        successor.data_received(tail)
