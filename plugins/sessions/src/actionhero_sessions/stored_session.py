"""`StoredSession`: a session in Redis, for one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from actionhero import Session
from actionhero.transport import dumps

if TYPE_CHECKING:
    from actionhero import Connection


class SessionChanges(Protocol):
    """Changes the records of sessions: `Sessions`."""

    async def rotate(self, connection: Connection, session: StoredSession) -> None:
        """Replace the identifier of a session."""

    async def destroy(self, connection: Connection, session: StoredSession) -> None:
        """Delete a session."""


class StoredSession(Session):
    """A session in Redis, for one call; created by `Sessions.open`."""

    __slots__ = (
        "__weakref__",
        "_changed_keys",
        "_connection",
        "_is_replaced",
        "_next_id",
        "_received_id",
        "_sessions",
        "is_stored",
    )

    def __init__(self, sessions: SessionChanges, connection: Connection) -> None:
        super().__init__()
        self._sessions = sessions
        self._connection = connection
        #: The keys that were assigned or removed, and are not written yet.
        self._changed_keys: set[str] = set()
        #: The identifier in the cookie of the response, before there is a record.
        self._next_id: str | None = None
        #: The identifier in the request.
        self._received_id = ""
        #: Whether another call has replaced that identifier; its response has the new one.
        self._is_replaced = False
        #: Whether there is a record in Redis.
        self.is_stored = False

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._changed_keys.add(key)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed_keys.add(key)

    async def regenerate(self) -> None:
        """Replace the identifier of the session, and delete the old record immediately.

        Over WebSocket, where no cookie can be set, the connection gets its own session with the
        same values, and the session of the cookie does not change.
        """
        await self._sessions.rotate(self._connection, self)

    async def destroy(self) -> None:
        """Clear the session and delete the record immediately."""
        await self._sessions.destroy(self._connection, self)

    def _changes(self) -> tuple[dict[str, bytes], list[str]]:
        """Return the assigned keys with their values as JSON, and the removed keys."""
        assigned = {
            key: to_json(key, self._values[key]) for key in self._changed_keys & self.keys()
        }
        return assigned, sorted(self._changed_keys - self.keys())

    def _mark_saved(self) -> None:
        self._changed_keys.clear()
        self.changed = False

    def _merge(self, stored: dict[str, Any]) -> None:
        """Add the stored values of the keys that this call has not changed."""
        if not self._changed_keys:
            self._values = stored.copy()
            return
        assigned = {key: self._values[key] for key in self._changed_keys & self.keys()}
        self._values = {k: v for k, v in stored.items() if k not in self._changed_keys} | assigned


def to_json(key: str, value: Any) -> bytes:
    """Return a value of a session as JSON.

    Raises:
        TypeError: It cannot be stored; the message names its key.
    """
    try:
        return dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"session key {key!r} has a value that cannot be stored: {error}; assign a JSON value"
        ) from error
