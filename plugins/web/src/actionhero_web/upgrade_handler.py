"""`UpgradeHandler`: upgrades connections to WebSocket for the plugins that implement `Upgrade`."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from aiohttp import HttpVersion11, web

from actionhero import PluginError, TypedError
from actionhero.transport import check_header, new_identifier
from actionhero_web.connections.upgrades import (
    Upgrade,
    UpgradeRefused,
    UpgradeRequest,
    switch_protocol,
)
from actionhero_web.request_context import RequestContext
from actionhero_web.request_handler import is_closing
from actionhero_web.responses.encoded_response import EncodedResponse
from actionhero_web.responses.header_templates import REQUEST_ID

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_web.request_handler import RequestHandler

logger = logging.getLogger("actionhero.web")

#: The protocol in the header `Upgrade`.
PROTOCOL: Final = "websocket"
#: The body of the response during shutdown.
SHUTTING_DOWN: Final = "Server is shutting down"


class UpgradeHandler:
    """Handles requests for upgrades, by path.

    Args:
        app: The application.
        handler: The handler of other requests, for clients and headers.

    Raises:
        PluginError: Two upgrades have the same path.
    """

    def __init__(self, app: Application, handler: RequestHandler) -> None:
        self._handler = handler
        self._clients = handler.clients
        self._writer = handler.writer
        self._failure_response = handler.native.failure_response
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
    ) -> Any:
        """Upgrade the connection, or return the response that rejects it."""
        client = self._clients.client(request)
        request_id = client.request_id or new_identifier()
        try:
            if self._writer.draining:
                # On a connection that a proxy has kept open, or that was in the backlog.
                logger.info(
                    "refused to upgrade %s with 503: the server is shutting down",
                    path,
                    extra={"request_id": request_id, "remote": client.address},
                )
                raise UpgradeRefused(503, SHUTTING_DOWN, {"Retry-After": "1"})
            self._validate(request)
            upgrade_request = UpgradeRequest(
                path,
                query,
                request.headers,
                scheme=client.scheme,
                remote=client.address,
                request_id=request_id,
                host=client.host,
            )
            try:
                headers, protocol = await upgrade.accept(upgrade_request)
            except asyncio.CancelledError:
                if not self._handler.closing or is_closing(request):
                    raise
                # It was not accepted within the grace period.
                raise UpgradeRefused(503, SHUTTING_DOWN, {"Retry-After": "1"}) from None
        except UpgradeRefused as error:
            encoded = EncodedResponse(
                error.status,
                error.text.encode(),
                "text/plain; charset=utf-8",
                tuple(error.headers.items()),
            )
            # Closed, as the data after the request may already use the other protocol.
            return self._writer.write_failure(RequestContext(request, request_id), encoded)
        except TypedError as error:
            return self._failure_response(request, request_id, error)
        for name, value in headers.items():
            check_header(name, value)
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            f"Upgrade: {PROTOCOL}",
            "Connection: Upgrade",
            *(f"{name}: {value}" for name, value in headers.items()),
            *(f"{name}: {value}" for name, value in self._writer.header_templates.always),
            f"{REQUEST_ID}: {request_id}",
        ]
        switch_protocol(request.protocol, ("\r\n".join(lines) + "\r\n\r\n").encode(), protocol)
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
