"""`ConnectionInfo`: the facts about a live connection, which every process can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from actionhero.transport import dumps, loads


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """A live connection."""

    #: The identifier of the connection. Identifiers sort by the time of connecting.
    id: str
    #: The name of the transport: `websocket`.
    transport: str
    #: The address of the client; `None` if there is none.
    remote: str | None
    #: The value of the session key `sessions.user_key`; `None` for an anonymous client.
    user: Any
    #: When the client connected.
    since: datetime
    #: The process that serves the client: its host, process id and a random part.
    process: str


def encode_user(user: Any) -> str:
    """Return a user as JSON.

    Raises:
        TypeError: The user is not JSON serializable.
    """
    # Not as bytes, for which the encoder allocates kilobytes.
    return dumps(user).decode()


def encode_info(transport: str, remote: str | None, user: str) -> bytes:
    """Return a stored connection as JSON, without its identifier and process.

    Args:
        transport: The name of the transport.
        remote: The address of the client.
        user: The user as JSON; empty for an anonymous client.
    """
    content = dumps({"transport": transport, "remote": remote})
    return content[:-1] + b',"user":' + (user or "null").encode() + b"}"


def decode_info(id: str, process: str, content: bytes) -> ConnectionInfo:
    """Return a connection from its stored form."""
    values = loads(content)
    return ConnectionInfo(
        id, values["transport"], values["remote"], values["user"], time_of(id), process
    )


def time_of(id: str) -> datetime:
    """Return the time of an identifier, a UUIDv7 (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp(int(id[:8] + id[9:13], 16) / 1000, UTC)
