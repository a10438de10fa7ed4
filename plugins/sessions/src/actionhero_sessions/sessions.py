"""`Sessions`: opens the session of a connection, saves its changes, and deletes it."""

from __future__ import annotations

import itertools
import time
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from actionhero import Session, SessionStore
from actionhero.transport import ABSENT
from actionhero_sessions.cookie import new_id
from actionhero_sessions.expirations import Expirations
from actionhero_sessions.records import CHANGED
from actionhero_sessions.session_cache import SessionCache, SocketState
from actionhero_sessions.stored_session import StoredSession, to_json
from actionhero_sessions.summaries import Summaries

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable

    from actionhero import AuditLog, Connection
    from actionhero_sessions.cookie import SessionCookie
    from actionhero_sessions.records import Record, Records
    from actionhero_sessions.summaries import SessionCount, SessionSummary
    from actionhero_web import CrossOriginProtection

#: The transports whose connections start with an HTTP request, which may have a cookie.
COOKIE_TRANSPORTS = frozenset({"web", "websocket"})


class Sessions(SessionStore):
    """All sessions of the application: `call.get(Sessions)`.

    Args:
        records: The sessions in Redis.
        cookie: The session cookie.
        user_key: The session key of the user.
        always_set_cookie: Whether clients without a session get a cookie too, as clients of the
            original ActionHero expect.
        audit: The audit log; `None`: nothing is recorded.
        cross_origin: Returns the protection against pages of other sites, for native routes.
        handle_key: Returns the key of the handles of sessions.
    """

    def __init__(
        self,
        records: Records,
        cookie: SessionCookie,
        user_key: str,
        *,
        always_set_cookie: bool = False,
        audit: AuditLog | None = None,
        cross_origin: Callable[[], CrossOriginProtection],
        handle_key: Callable[[], bytes],
    ) -> None:
        #: The audit log; `None`: nothing is recorded.
        self.audit = audit
        self._records = records
        self._cache = SessionCache(partial(self._load, watch=True), records.ttl_ms / 1000)
        records.on_change = self._cache.invalidate
        self._expirations = Expirations(records, self._ids_in_use)
        self.cookie = cookie
        #: The session key of the user.
        self.user_key = user_key
        self._always_set_cookie = always_set_cookie
        self._cross_origin = cross_origin
        self._handle_key = handle_key
        self._sign_out_listeners: list[Callable[[Any], Awaitable[Any]]] = []
        #: The sessions of running calls whose request had an identifier.
        self._active: WeakValueDictionary[int, StoredSession] = WeakValueDictionary()
        self._numbers = itertools.count()

    @property
    def revocation_channel(self) -> str:
        """The Redis channel of the identifiers of sessions that end.

        A notice that an open session was changed has the prefix `changed:`.
        """
        return self._records.revocation_channel

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifier of each session that ends from now on; see `SessionStore`.

        Meanwhile, the sessions of open sockets are cached, and those are published that expire.
        """
        from actionhero_redis import channel_messages  # noqa: PLC0415 - imports redis-py

        clients = self._records.clients
        self._expirations.start()
        try:
            async with aclosing(
                channel_messages(clients, self.revocation_channel, on_interruption=self._cache.stop)
            ) as notices:
                async for notice in notices:
                    if notice is None:
                        self._cache.start()
                    else:
                        self._cache.invalidate(notice.removeprefix(CHANGED))
                    if notice is None or not notice.startswith(CHANGED):
                        yield notice
        finally:
            self._expirations.stop()
            self._cache.stop()

    def _ids_in_use(self) -> set[str]:
        """Return the identifiers of the sessions of open sockets, and of calls such as streams."""
        return self._cache.ids | {session._received_id for session in list(self._active.values())}

    async def destroy_all(self, user: Any) -> int:
        """Delete every session of a user: sign out everywhere.

        Args:
            user: The value of the session key `user_key`.

        Returns:
            The number of deleted sessions.
        """
        count = await self._records.delete_all(user)
        if self.audit is not None:
            self.audit.record("session_revocation", details={"owner": user, "count": count})
        for listener in self._sign_out_listeners:
            await listener(user)
        return count

    async def of(self, user: Any) -> list[SessionSummary]:
        """Return the sessions of a user, at most 1,000, the one that was used last first.

        Neither identifiers nor values are returned, so the list can be shown, for example as the
        devices of the user. It does not count as a use of the sessions.

        Args:
            user: The value of the session key `user_key`.
        """
        return await self._summaries().of(user, time.time_ns() // 1_000_000)

    async def end(self, user: Any, handle: str) -> bool:
        """Delete one session of a user, and return whether it existed.

        Args:
            user: The value of the session key `user_key`.
            handle: The `handle` of the session in `of`.
        """
        id = await self._summaries().id_of(user, handle)
        if id is None or not await self._records.delete(id, user):
            return False
        if self.audit is not None:
            self.audit.record("session_revocation", details={"owner": user, "count": 1})
        return True

    async def count(self, limit: int = 10_000) -> SessionCount:
        """Return the number of all sessions, up to a limit.

        It reads the names of all keys of Redis until the limit is reached: do not call it often.

        Args:
            limit: The largest number.
        """
        return await self._summaries().count(limit)

    @property
    def cross_origin(self) -> CrossOriginProtection:
        """The protection against pages of other sites."""
        return self._cross_origin()

    def add_sign_out_listener(self, listener: Callable[[Any], Awaitable[Any]]) -> None:
        """Call a function with each user whose sessions `destroy_all` has deleted.

        For credentials that must end with them, such as the tokens of clients.

        Args:
            listener: A coroutine function.
        """
        self._sign_out_listeners.append(listener)

    def cookie_name(self, connection: Connection) -> str:
        """Return the name of the session cookie."""
        if connection.transport in COOKIE_TRANSPORTS:
            return self.cookie.name(connection)
        return self.cookie.base_name

    def _summaries(self) -> Summaries:
        return Summaries(self._records, self._handle_key())

    # -- called by the pipeline ----------------------------------------------------------------

    def has_session(self, connection: Connection) -> bool:
        """Return whether the request has a session cookie of the right format."""
        return bool(self.cookie.read(connection))

    async def open(self, connection: Connection) -> Session:
        """Return the session of `connection`; without a cookie, Redis is not used."""
        if connection.transport not in COOKIE_TRANSPORTS:
            if connection.session is None:
                connection.session = Session()
            return connection.session
        session = StoredSession(self, connection)
        if connection.transport == "websocket":
            id, record = await self._load_for_socket(connection)
        else:
            stored_id = connection.session_id
            id = self.cookie.read(connection) if stored_id is None else stored_id
            if id:
                session._received_id = id
                self._active[next(self._numbers)] = session
            record = await self._load(id) if id else None
            connection.session_id = id if record is not None else ""
            if record is not None and not session._is_replaced:
                self.cookie.set(connection, id)
        if record is None:
            # An identifier without a record is never used: it was forged, or has ended.
            if not session._is_replaced:
                self._set_new_cookie(connection, session)
            return session
        session.id, session.created_ms, session.is_stored = id, record.created_ms, True
        session._merge(record.values)
        return session

    async def _load_for_socket(self, connection: Connection) -> tuple[str, Record | None]:
        """Return the identifier and the record of a socket's session, in the order of its calls."""
        state = connection.store_state
        if state is None:
            if connection.session_id is None:
                connection.session_id = self.cookie.read(connection)
            if not connection.session_id:
                return "", None
            state = connection.store_state = SocketState()
        known_id: str = connection.session_id or ""
        if not state.waiting_calls and (record := self._cache.get(known_id, state)) is not None:
            return known_id, record
        state.waiting_calls += 1
        try:
            async with state.lock:
                # Another call may have replaced it in the meantime, and does so during the load.
                while id := connection.session_id:
                    record = await self._cache.load(id, state)
                    if connection.session_id == id:
                        connection.session_id = id if record is not None else ""
                        return id, record
                return "", None
        finally:
            state.waiting_calls -= 1

    async def _load(self, id: str, *, watch: bool = False) -> Record | None:
        record = await self._records.load(id, watch=watch)
        user = record.values.get(self.user_key) if record is not None else None
        if record is not None and user is not None and self._records.needs_index(record):
            await self._records.write(id, {}, user=user)
        return record

    async def save(self, connection: Connection, session: Session) -> None:
        """Write the changed keys only."""
        if not isinstance(session, StoredSession):
            return
        assigned, removed = session._changes()
        if not (assigned or session.is_stored):
            # An empty session is not written.
            session._mark_saved()
            return
        user = session[self.user_key] if self.user_key in assigned else None
        write = partial(self._records.write, assigned=assigned, removed=removed, user=user)
        id: str | None = session.id
        if not (session.is_stored and id):
            id = await self._create(connection, session, write)
        elif not await write(id):
            id = None
        if id is not None:
            session.id, session.is_stored = id, True
            if not (session._is_replaced and id == session._received_id):
                self.cookie.set(connection, id)
        else:
            # It was deleted in the meantime, by a call whose response sets the cookie.
            self._detach(connection, session)
            # A sign-in in it has no effect.
            session.take_replaced(self.user_key)
        session._mark_saved()

    async def _create(
        self, connection: Connection, session: StoredSession, write: Callable[..., Awaitable[bool]]
    ) -> str:
        """Write a session of a call that began without one, and return its identifier."""
        state = connection.store_state = connection.store_state or SocketState()
        async with state.lock:
            # Another call of the same WebSocket connection may have created it in the meantime. If
            # that one has ended since, such as by `destroy_all`, it is not written again.
            other_id = None if session.id else connection.session_id
            if other_id and await write(other_id):
                return other_id
            id = session.id or session._next_id or new_id()
            await write(id, created_ms=session.created_ms)
            connection.session_id = id
            return id

    # -- called by a session -------------------------------------------------------------------

    async def rotate(self, connection: Connection, session: StoredSession) -> None:
        """Replace the identifier of a session, and delete the old record."""
        old, new = session.id, new_id()
        if not (session.is_stored and old):
            # There is no record yet; `save` writes it when the call succeeds.
            session.id = session._next_id or new
            return
        # The cookie of a socket cannot be replaced, so its session remains.
        remains = connection.transport != "web" and old == self.cookie.read(connection)
        copied = await self._records.load(old)
        if copied is not None:
            await self._write_copy(new, copied, is_new=True)
        # Last: if the session has ended until now, such as by `destroy_all`, its copy ends too.
        record = await (self._records.load(old) if remains else self._records.pop(old))
        if not remains:
            self._mark_replaced(old, session)
        if record is not None and (copied is None or record.values != copied.values):
            # Another call has changed it in the meantime.
            removed = (copied or record).values.keys() - record.values
            if not await self._write_copy(new, record, removed, is_new=copied is None):
                # `destroy_all` has ended the copy.
                record = None
        session._merge(record.values if record else {})
        if record is None:
            if copied is not None:
                await self._records.pop(new)
            self._detach(connection, session)
            session.id = new_id()
            return
        session.id = connection.session_id = new
        self.cookie.set(connection, new)

    async def _write_copy(
        self, id: str, record: Record, removed: Iterable[str] = (), *, is_new: bool
    ) -> bool:
        """Write the values of a record to another session; false if that has ended."""
        values = {key: to_json(key, value) for key, value in record.values.items()}
        user = record.values.get(self.user_key)
        created_ms = record.created_ms if is_new else None
        return await self._records.write(id, values, removed, created_ms=created_ms, user=user)

    async def destroy(self, connection: Connection, session: StoredSession) -> None:
        """Clear a session, and delete its record."""
        if session.is_stored and session.id:
            await self._records.pop(session.id)
            self._mark_replaced(session.id, session)
            user = session.take_replaced(self.user_key)
            user = session.get(self.user_key) if user is ABSENT else user
            if self.audit is not None and user is not None:
                self.audit.signed_out(user, connection)
            self._detach(connection, session)
            self.cookie.delete(connection)
            self._set_new_cookie(connection, session)
        session.id = None
        session._values.clear()
        session._mark_saved()

    def _detach(self, connection: Connection, session: StoredSession) -> None:
        """Detach a session from its record, which was deleted."""
        if connection.session_id == session.id:
            connection.session_id = ""
        session.id, session.is_stored = None, False
        self.cookie.remove_header(connection)

    def _mark_replaced(self, id: str, replaced_by: StoredSession) -> None:
        """Prevent the responses of other running calls from setting a deleted identifier.

        Such a response would arrive after the cookie of the new session, and overwrite it.
        """
        for session in list(self._active.values()):
            if session._received_id == id and session is not replaced_by:
                session._is_replaced = True
                self.cookie.remove_header(session._connection)

    def _set_new_cookie(self, connection: Connection, session: StoredSession) -> None:
        if self._always_set_cookie:
            session._next_id = new_id()
            self.cookie.set(connection, session._next_id)
