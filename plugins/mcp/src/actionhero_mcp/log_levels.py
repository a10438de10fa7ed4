"""`LogLevels`: the least severe log messages that clients with a handshake have asked for."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from actionhero_mcp.settings import McpSettings
from actionhero_mcp.shared_redis import redis_of

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_mcp.peer import Peer
    from actionhero_mcp.process_messages import ProcessMessages
    from actionhero_redis import RedisClients

logger = logging.getLogger("actionhero.mcp")

#: The sessions whose levels are in memory; the oldest are read again, if there is a Redis.
_MAX_SESSIONS: Final = 10_000


class LogLevels:
    """The levels by session. The next request of a client may reach another process.

    Args:
        app: The application.
        messages: Messages to the other processes.
    """

    def __init__(self, app: Application, messages: ProcessMessages) -> None:
        self._app = app
        self._messages = messages
        self._ttl_ms = int(app.get(McpSettings).session_ttl.total_seconds() * 1000)
        #: `None`: the session has not chosen any.
        self._by_session: OrderedDict[str, str | None] = OrderedDict()
        messages.on("log_level", self._handle)
        messages.on_gap(self._by_session.clear)

    async def choose(self, session_id: str, level: str) -> None:
        """Set the level of a session, for its next requests."""
        clients = redis_of(self._app)
        if clients is not None:
            key = _key(clients, session_id)
            await clients.execute("SET", key, level, "PX", self._ttl_ms, idempotent=True)
        self._remember(session_id, level)
        await self._messages.send("log_level", session=session_id, level=level)

    async def apply(self, peer: Peer) -> Peer:
        """Return a peer with the level of its session, if it has chosen one."""
        session_id = peer.session_id
        if session_id is None:
            return peer
        if session_id not in self._by_session:
            await self._load(session_id)
        level = self._by_session.get(session_id)
        return peer if level is None else peer.with_log_level(level)

    async def _load(self, session_id: str) -> None:
        clients, stored = redis_of(self._app), None
        if clients is not None:
            try:
                stored = await clients.execute("GET", _key(clients, session_id), idempotent=True)
            except Exception as error:  # noqa: BLE001 - the request does not depend on it
                logger.warning("the log level of a session is unknown: %s", error)
                return
        # One that was chosen in the meantime is newer.
        if session_id not in self._by_session:
            self._remember(session_id, None if stored is None else stored.decode())

    def _remember(self, session_id: str, level: str | None) -> None:
        self._by_session[session_id] = level
        self._by_session.move_to_end(session_id)
        if len(self._by_session) > _MAX_SESSIONS:
            self._by_session.popitem(last=False)

    async def _handle(self, message: dict[str, Any]) -> None:
        self._remember(message["session"], message["level"])


def _key(clients: RedisClients, session_id: str) -> str:
    digest = hashlib.sha256(session_id.encode()).hexdigest()
    return clients.key("mcp", "log_level", digest)
