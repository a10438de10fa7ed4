"""`ClientResolver`: the client and the identifier of each request, with and without proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.transport import new_identifier
from actionhero_web.connections.protocol import HttpProtocol
from actionhero_web.connections.proxy import ForwardedClient, TrustedProxies
from actionhero_web.connections.web_connection import WebConnection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import web


class ClientResolver:
    """Resolves the clients of requests.

    Args:
        trusted_proxies: The proxies whose forwarding headers are trusted.
        connection_type: The class of the connections of requests.
    """

    def __init__(
        self,
        trusted_proxies: Iterable[str],
        connection_type: type[WebConnection] = WebConnection,
    ) -> None:
        self._connection_type = connection_type
        self._proxies = TrustedProxies(trusted_proxies)
        self._is_direct = not self._proxies.configured

    def connect(self, request: web.BaseRequest) -> tuple[str, WebConnection]:
        """Return the identifier of a request, and the connection for its call."""
        if self._is_direct:
            protocol = request.protocol
            remote = protocol.remote if type(protocol) is HttpProtocol else request.remote
            return new_identifier(), self._connection_type("web", remote, raw=request)
        client = self.client(request)
        request_id = client.request_id or new_identifier()
        return request_id, self._connection_type("web", client.address, raw=request)

    def resolve(self, request: web.BaseRequest) -> tuple[str, str | None]:
        """Return the identifier of a request, and the address of its client."""
        if self._is_direct:
            return new_identifier(), remote_address(request)
        client = self.client(request)
        return client.request_id or new_identifier(), client.address

    def client(self, request: web.BaseRequest) -> ForwardedClient:
        """Return the client of a request."""
        return self._proxies.client(remote_address(request), request.scheme, request.headers)

    def scheme(self, request: web.BaseRequest) -> str:
        """Return the scheme of the client of a request: `http` or `https`."""
        if self._is_direct:
            protocol = request.protocol
            return protocol.scheme if type(protocol) is HttpProtocol else request.scheme
        return self.client(request).scheme

    def request_id(self, request: web.BaseRequest) -> str:
        """Return the identifier of a request, from a trusted proxy or newly created."""
        if self._is_direct:
            return new_identifier()
        return self.client(request).request_id or new_identifier()


def remote_address(request: web.BaseRequest) -> str | None:
    """Return the address of the peer; our protocol has it precomputed."""
    protocol = request.protocol
    return protocol.remote if isinstance(protocol, HttpProtocol) else request.remote
