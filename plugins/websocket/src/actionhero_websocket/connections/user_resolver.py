"""`UserResolver`: loads the users of connections from their sessions."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from actionhero.transport import is_no_user
from actionhero_websocket.connections.connection_info import encode_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from actionhero import Session
    from actionhero.transport import Pipeline
    from actionhero_websocket.connections.live_connection import LiveConnection

logger = logging.getLogger("actionhero.websocket")

#: How many sessions are loaded concurrently.
BATCH_SIZE: Final = 200


class UserResolver:
    """Loads the users of connections from their sessions.

    Args:
        pipeline: Tells the users of sessions and credentials.
        load_session: Returns the session of a connection.
        set_user: Called with a connection and its user as JSON; empty for an anonymous client.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        load_session: Callable[[LiveConnection], Awaitable[Session]],
        set_user: Callable[[LiveConnection, str], object],
    ) -> None:
        self._pipeline = pipeline
        self._load_session = load_session
        self._set_user = set_user
        #: The connections whose user is unknown, each with the request that made it so.
        self._unknown: dict[LiveConnection, object] = {}

    def is_needed(self, connection: LiveConnection) -> bool:
        """Return whether a new connection may have a user."""
        return self._pipeline.may_have_user(connection)

    def request(self, connection: LiveConnection) -> None:
        """Resolve the user of a connection with the next `resolve`."""
        self._unknown[connection] = object()

    def discard(self, connection: LiveConnection) -> None:
        """Do not resolve the user: the client is disconnected."""
        self._unknown.pop(connection, None)

    def update(self, connection: LiveConnection, session: Session) -> None:
        """Set the user from a session that is saved or loaded."""
        self._unknown.pop(connection, None)
        self._set_user(connection, self._user_of(session))

    async def resolve_now(self, connection: LiveConnection) -> None:
        """Resolve the user of a connection, unless it is disconnected in the meantime.

        Raises:
            Exception: The session store is unavailable.
        """
        while connection.is_open:
            self.request(connection)
            request = self._unknown[connection]
            session = await self._load_session(connection)
            # Else the session was revoked or saved in the meantime.
            if self._unknown.get(connection) is request:
                self.update(connection, session)
                break

    @property
    def unknown(self) -> Collection[LiveConnection]:
        """The connections whose user is unknown."""
        return self._unknown

    async def resolve(self) -> bool:
        """Resolve all unknown users, and return whether that succeeded."""
        pending = list(self._unknown.items())
        results: list[bool] = []
        for start in range(0, len(pending), BATCH_SIZE):
            batch = pending[start : start + BATCH_SIZE]
            results += await asyncio.gather(*(self._resolve(*item) for item in batch))
        return all(results)

    def _user_of(self, session: Session) -> str:
        # A session without an identifier was not saved, or has ended.
        if session.id is None:
            return ""
        user = session.get(self._pipeline.user_key)
        try:
            return "" if is_no_user(user) else encode_user(user)
        except TypeError as error:
            # The call that has saved it must not fail.
            logger.warning("a user is listed as anonymous, because it is not JSON: %s", error)
            return ""

    async def _resolve(self, connection: LiveConnection, request: object) -> bool:
        try:
            session = await self._load_session(connection)
        except Exception as error:  # noqa: BLE001 - any error of the store leads to a retry
            logger.debug("the user of a connection is unknown: %s", error)
            return False
        # Unless it was disconnected, updated or requested again in the meantime.
        if self._unknown.get(connection) is request:
            self.update(connection, session)
        return True
