"""The handshake of older revisions: its peer, and the session id that contains it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from actionhero_mcp.peer import Peer, implementation
from actionhero_mcp.revisions import ASSUMED, HANDSHAKE, REVISIONS

if TYPE_CHECKING:
    from actionhero_mcp.jsonrpc import Request
    from actionhero_mcp.signing import Signer

SESSION: Final = "Mcp-Session-Id"
_PURPOSE: Final = "session"
#: The capabilities that a session id contains: it is sent with each request.
_CAPABILITIES: Final = ("elicitation", "sampling", "roots")
_MODES: Final = ("form", "url", "tools")
#: The least severe log messages for clients of older revisions, until they choose a level.
LOG_LEVEL: Final = "debug"


def handshake_peer(request: Request) -> Peer:
    """Return the peer that `initialize` declares, with the revision for it."""
    params = request.params
    version = params.get("protocolVersion")
    revision = REVISIONS[version if version in HANDSHAKE else HANDSHAKE[0]]
    declared = params.get("capabilities")
    name, number = implementation(params.get("clientInfo"))
    return Peer(revision, _capabilities(declared), name, number, LOG_LEVEL)


def unknown_peer(version: str | None) -> Peer:
    """Return the peer of a request without a session: it is served, but never asked."""
    return Peer(REVISIONS[version or ASSUMED], log_level=LOG_LEVEL)


def create_session_id(signer: Signer, peer: Peer, caller: str, ttl_seconds: float) -> str:
    """Return a session id with everything that is known of a client: any process can read it."""
    value = {
        "revision": peer.revision.name,
        "capabilities": dict(peer.capabilities),
        "client": [peer.name, peer.version],
        "caller": caller,
        # Two clients of a caller have two sessions.
        "id": secrets.token_urlsafe(9),
    }
    return signer.sign(_PURPOSE, value, ttl_seconds)


def read_session_id(signer: Signer, session_id: str) -> tuple[Peer, str] | None:
    """Return the peer and the caller of a session; `None` if the id is forged or expired."""
    value = signer.verify(_PURPOSE, session_id)
    if value is None or value.get("revision") not in REVISIONS:
        return None
    name, version = value["client"]
    peer = Peer(
        REVISIONS[value["revision"]],
        value["capabilities"],
        name,
        version,
        LOG_LEVEL,
        session_id,
    )
    return peer, value["caller"]


def _capabilities(declared: Any) -> dict[str, Any]:
    """Return the capabilities that a session id contains, of those that a client declares."""
    if not isinstance(declared, dict):
        return {}
    return {
        name: {mode: {} for mode in _MODES if mode in declared[name]}
        for name in _CAPABILITIES
        if isinstance(declared.get(name), dict)
    }
