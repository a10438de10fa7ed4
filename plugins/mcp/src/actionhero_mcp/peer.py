"""`Peer`: the client of a call, as it has declared itself."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from actionhero_mcp.revisions import (
    CLIENT_CAPABILITIES,
    CLIENT_INFO,
    INVALID_PARAMS,
    LOG_LEVEL,
    LOG_LEVELS,
    TASKS,
    Revision,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actionhero_mcp.jsonrpc import Request

#: The longest name or version of a client that is kept.
_LIMIT = 64


_NO_CAPABILITIES: Final[Mapping[str, Any]] = MappingProxyType({})


class Peer(NamedTuple):
    """The client: `call.connection.raw` of a call over MCP."""

    #: The revision of the protocol.
    revision: Revision
    #: The declared capabilities: `elicitation`, `sampling`, `roots`.
    capabilities: Mapping[str, Any] = _NO_CAPABILITIES
    #: The name of the client, as it calls itself.
    name: str = ""
    #: The version of the client.
    version: str = ""
    #: The least severe log messages that it wants; `None`: none.
    log_level: str | None = None
    #: The id of its session, in the revisions with a handshake; `None` without one.
    session_id: str | None = None

    def can(self, capability: str, mode: str = "") -> bool:
        """Return whether the client has declared a capability.

        Args:
            capability: Such as `elicitation`.
            mode: Such as `form` or `url`; a capability without modes is that of forms.
        """
        declared = self.capabilities.get(capability)
        if not isinstance(declared, dict):
            return False
        return not mode or mode in declared or (mode == "form" and "url" not in declared)

    def in_session(self, session_id: str) -> Peer:
        """Return this peer with a session."""
        return self._replace(session_id=session_id)

    def with_log_level(self, level: str) -> Peer:
        """Return this peer with another least severe level of log messages."""
        return self._replace(log_level=level)

    @property
    def has_tasks(self) -> bool:
        """Whether the client has declared the tasks extension."""
        extensions = self.capabilities.get("extensions")
        return isinstance(extensions, dict) and isinstance(extensions.get(TASKS), dict)


def peer_of(request: Request, revision: Revision) -> Peer:
    """Return the peer that a request without a handshake declares.

    Raises:
        RpcError: A declaration is missing or invalid.
    """
    from actionhero_mcp.jsonrpc import RpcError

    meta = request.meta
    capabilities = meta.get(CLIENT_CAPABILITIES)
    if not isinstance(capabilities, dict):
        raise RpcError(INVALID_PARAMS, f"Invalid params: _meta[{CLIENT_CAPABILITIES!r}] is missing")
    level = meta.get(LOG_LEVEL)
    if level is not None and level not in LOG_LEVELS:
        raise RpcError(INVALID_PARAMS, f"Invalid params: _meta[{LOG_LEVEL!r}] is no log level")
    name, version = implementation(meta.get(CLIENT_INFO))
    return Peer(revision, capabilities, name, version, level)


def implementation(info: Any) -> tuple[str, str]:
    """Return the name and the version of a client, cut."""
    if not isinstance(info, dict):
        return "", ""
    name, version = info.get("name"), info.get("version")
    return (
        name[:_LIMIT] if isinstance(name, str) else "",
        version[:_LIMIT] if isinstance(version, str) else "",
    )
