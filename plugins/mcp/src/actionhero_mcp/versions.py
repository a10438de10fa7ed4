"""`PeerReader`: the era and the peer of a message over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_mcp.handshake import SESSION, handshake_peer, read_session_id, unknown_peer
from actionhero_mcp.headers import VERSION, check_headers
from actionhero_mcp.input_requests import caller_of
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.peer import peer_of
from actionhero_mcp.revisions import (
    HANDSHAKE,
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MODERN,
    PROTOCOL_VERSION,
    REVISIONS,
    UNSUPPORTED_VERSION,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from multidict import CIMultiDictProxy

    from actionhero import Principal
    from actionhero_mcp.catalog import Catalog
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.peer import Peer
    from actionhero_mcp.settings import McpSettings
    from actionhero_mcp.signing import Signer


class PeerReader:
    """Reads the peers of messages.

    Args:
        settings: Whether older revisions are served.
        catalog: The tools, whose arguments may be repeated in headers.
        signer: Returns the signer of session ids.
    """

    def __init__(
        self, settings: McpSettings, catalog: Catalog, signer: Callable[[], Signer]
    ) -> None:
        self._is_legacy = settings.legacy
        self._catalog = catalog
        self._signer = signer
        self._supported = [*MODERN, *(HANDSHAKE if settings.legacy else ())]

    def peer_of(
        self, message: Request, headers: CIMultiDictProxy[str], principal: Principal | None
    ) -> Peer:
        """Return the peer of a request or notification.

        Args:
            message: The message.
            headers: The headers of its HTTP request.
            principal: The caller, to which a session is bound.

        Raises:
            RpcError: The version is not supported, headers differ from the message, or the session
                is unknown, expired, or of another caller.
        """
        header = headers.get(VERSION)
        if header is not None:
            header = header.strip()
        if PROTOCOL_VERSION in message.meta or header in MODERN:
            return self._modern_peer(message, headers, header)
        if header is not None and header not in HANDSHAKE:
            raise self._unsupported(header)
        if not self._is_legacy:
            raise self._unsupported(header or "none")
        if message.method == "initialize":
            return handshake_peer(message)
        return self._session_peer(headers, header, principal)

    def peer_of_response(
        self, headers: CIMultiDictProxy[str], principal: Principal | None
    ) -> Peer | None:
        """Return the peer of a response; `None` if it may not send one."""
        if not self._is_legacy or headers.get(VERSION) in MODERN:
            return None
        try:
            return self._session_peer(headers, None, principal)
        except RpcError:
            return None

    def peer_of_stream(self, headers: CIMultiDictProxy[str], principal: Principal | None) -> Peer:
        """Return the peer of a request for the notifications of its session.

        Raises:
            RpcError: The session is unknown, expired, or of another caller.
        """
        return self._session_peer(headers, None, principal)

    def _modern_peer(
        self, message: Request, headers: CIMultiDictProxy[str], header: str | None
    ) -> Peer:
        version = message.meta.get(PROTOCOL_VERSION)
        if not isinstance(version, str):
            reason = f"Invalid params: _meta[{PROTOCOL_VERSION!r}] is missing"
            raise RpcError(INVALID_PARAMS, reason)
        if header is not None and header != version:
            message_of_error = f"Header mismatch: the header {VERSION} differs from the message"
            raise RpcError(HEADER_MISMATCH, message_of_error)
        if version not in MODERN:
            raise self._unsupported(version)
        check_headers(message, headers, self._catalog)
        return peer_of(message, REVISIONS[version])

    def _session_peer(
        self, headers: CIMultiDictProxy[str], header: str | None, principal: Principal | None
    ) -> Peer:
        session_id = headers.get(SESSION)
        if session_id is None:
            return unknown_peer(header)
        session = read_session_id(self._signer(), session_id)
        if session is None:
            raise RpcError(INVALID_REQUEST, "Session not found", status=404)
        peer, owner = session
        if owner != caller_of(principal):
            raise RpcError(INVALID_REQUEST, "The session belongs to another caller", status=403)
        return peer

    def _unsupported(self, requested: str) -> RpcError:
        data = {"supported": self._supported, "requested": requested[:100]}
        return RpcError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)
