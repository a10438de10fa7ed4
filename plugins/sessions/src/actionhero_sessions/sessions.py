"""`Sessions`: opens the session of whoever calls, keeps its changes, and ends it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from actionhero import Session, SessionStore
from actionhero.transport import dumps
from actionhero_redis import RedisClients
from actionhero_sessions.cookie import Cookies, new_id
from actionhero_sessions.records import Records
from actionhero_sessions.settings import SessionsSettings
from actionhero_web import WebSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero import Application, Connection

#: Connections that begin with an HTTP request, and so may bring a cookie.
WITH_COOKIES = frozenset({"web", "websocket"})


class StoredSession(Session):
    """A session in Redis, as one call sees it; made by `Sessions.open`."""

    __slots__ = (
        "__weakref__",
        "_brought",
        "_connection",
        "_is_outdated",
        "_next_id",
        "_sessions",
        "_touched",
        "is_stored",
    )

    def __init__(self, sessions: Sessions, connection: Connection) -> None:
        super().__init__()
        self._sessions = sessions
        self._connection = connection
        #: The keys that were assigned or removed, and are not written yet.
        self._touched: set[str] = set()
        #: What the browser was told already, if there is nothing to keep so far.
        self._next_id: str | None = None
        #: The identifier that the call came with.
        self._brought = ""
        #: Whether another call has ended that identifier, whose own answer says what comes next.
        self._is_outdated = False
        #: Whether there is a record of it.
        self.is_stored = False

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self._touched.add(key)

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._touched.add(key)

    async def regenerate(self) -> None:
        """Give the session a new identifier and remove the old record, at once.

        Over WebSocket, where no cookie can be set, the connection gets a session of its own, with
        the same values, and the cookie's stays as it is.
        """
        await self._sessions._rotate(self._connection, self)

    async def destroy(self) -> None:
        """Forget everything and remove the record, at once."""
        await self._sessions._destroy(self._connection, self)

    def _changes(self) -> tuple[dict[str, bytes], list[str]]:
        """Return what was assigned, as JSON, and what was removed."""
        assigned = {key: _json(key, self._values[key]) for key in self._touched & self.keys()}
        return assigned, sorted(self._touched - self.keys())

    def _note_written(self) -> None:
        self._touched.clear()
        self.changed = False

    def _fill(self, values: dict[str, Any]) -> None:
        """Take over what is kept, where this call has not changed it."""
        own = {key: self._values[key] for key in self._touched & self.keys()}
        self._values = {k: v for k, v in values.items() if k not in self._touched} | own


class Sessions(SessionStore):
    """All sessions of the application: `call.get(Sessions)`.

    Args:
        records: Where they are kept.
        cookies: How browsers are known again.
        user_key: The key of a session under which its user is.
        always_cookie: Whether also who has no session is told a cookie, as clients of the
            original expect.
    """

    def __init__(
        self, records: Records, cookies: Cookies, user_key: str, *, always_cookie: bool = False
    ) -> None:
        self._records = records
        self.cookies = cookies
        #: The key of a session under which its user is.
        self.user_key = user_key
        self._always_cookie = always_cookie
        #: The sessions of calls that came with an identifier, for as long as anybody has them.
        self._under_way: WeakValueDictionary[int, StoredSession] = WeakValueDictionary()
        self._numbers = itertools.count()

    @property
    def ended_channel(self) -> str:
        """The Redis channel on which the identifier of each session that ends is published."""
        return self._records.ended_channel

    def ended(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifier of each session that ends from now on; see `SessionStore`."""
        from actionhero_sessions.revocation import endings  # noqa: PLC0415 - it loads redis-py

        return endings(self._records.clients, self.ended_channel)

    async def destroy_all(self, user: Any) -> int:
        """End every session of a user: sign out everywhere.

        Args:
            user: What the sessions have under the setting `user_key`.

        Returns:
            How many sessions were ended.
        """
        return await self._records.end_all(user)

    def cookie_name(self, connection: Connection) -> str:
        """Return the name of the cookie that brings a session back."""
        if connection.transport in WITH_COOKIES:
            return self.cookies.name(connection)
        return self.cookies.plain_name

    # -- what the corridor asks ----------------------------------------------------------------

    async def open(self, connection: Connection) -> Session:
        """Return the session of `connection`; without a cookie, Redis is not asked."""
        if connection.transport not in WITH_COOKIES:
            if connection.session is None:
                connection.session = Session()
            return connection.session
        session = StoredSession(self, connection)
        id = connection.session_id
        if id is None:
            id = self.cookies.read(connection)
        if id:
            session._brought = id
            self._under_way[next(self._numbers)] = session
        record = await self._records.load(id) if id else None
        if record is None:
            # Whatever it came with is not of our making, or has ended: it is never taken on.
            connection.session_id = ""
            if not session._is_outdated:
                self._tell_visitor(connection, session)
            return session
        session.id, session.created_ms, session.is_stored = id, record.created_ms, True
        session._fill(record.values)
        connection.session_id = id
        if not session._is_outdated:
            self.cookies.put(connection, id)
        user = record.values.get(self.user_key)
        if user is not None and self._records.must_index(record):
            await self._records.index(id, user)
            await self._records.write(id, {}, indexed=True)
        return session

    async def save(self, connection: Connection, session: Session) -> None:
        """Write the keys that were changed, and no others."""
        if not isinstance(session, StoredSession):
            return
        assigned, removed = session._changes()
        if not (assigned or session.is_stored):
            # Nothing is remembered of a visitor, so nothing is written.
            session._note_written()
            return
        # Another call over the same socket may have begun it meanwhile.
        id = session.id or connection.session_id or session._next_id or new_id()
        connection.session_id = id
        signed_in = self.user_key in assigned and session[self.user_key] is not None
        if signed_in:
            await self._records.index(id, session[self.user_key])
        created_ms = None if session.is_stored else session.created_ms
        if await self._records.write(
            id, assigned, removed, created_ms=created_ms, indexed=signed_in
        ):
            session.id, session.is_stored = id, True
            if not (session._is_outdated and id == session._brought):
                self.cookies.put(connection, id)
        else:
            # It has ended meanwhile: what the browser has to know, it is told by who ended it.
            self._forget(connection, session)
        session._note_written()

    # -- what a session asks -------------------------------------------------------------------

    async def _rotate(self, connection: Connection, session: StoredSession) -> None:
        old, new = session.id, new_id()
        if not (session.is_stored and old):
            # Nothing is kept of it yet. It gets its record when the call has ended well.
            session.id = session._next_id or new
            return
        if connection.transport != "web" and old == self.cookies.read(connection):
            record = await self._records.load(old)
        else:
            record = await self._records.take(old)
            self._outdate(old, session)
        session._fill(record.values if record else {})
        if record is None:
            # It has ended meanwhile: what it knew is not carried over.
            self._forget(connection, session)
            session.id = new
            return
        user = record.values.get(self.user_key)
        if user is not None:
            await self._records.index(new, user)
        kept = {key: _json(key, value) for key, value in record.values.items()}
        await self._records.write(new, kept, created_ms=record.created_ms, indexed=user is not None)
        session.id = connection.session_id = new
        self.cookies.put(connection, new)

    async def _destroy(self, connection: Connection, session: StoredSession) -> None:
        if session.is_stored and session.id:
            await self._records.take(session.id)
            self._outdate(session.id, session)
            self._forget(connection, session)
            self.cookies.drop(connection)
            self._tell_visitor(connection, session)
        session.id = None
        session._values.clear()
        session._note_written()

    def _forget(self, connection: Connection, session: StoredSession) -> None:
        """Note that there is no record any more."""
        session.id, session.is_stored = None, False
        connection.session_id = ""
        self.cookies.withdraw(connection)

    def _outdate(self, id: str, ending: StoredSession) -> None:
        """Let no answer that is under way tell an identifier that `ending` has ended.

        It would come after the answer that tells the next one, and sign the browser out again.
        """
        for session in list(self._under_way.values()):
            if session._brought == id and session is not ending:
                session._is_outdated = True
                self.cookies.withdraw(session._connection)

    def _tell_visitor(self, connection: Connection, session: StoredSession) -> None:
        if self._always_cookie:
            session._next_id = new_id()
            self.cookies.put(connection, session._next_id)


def sessions_for(app: Application) -> Sessions:
    """Return the sessions of an application, and provide them to its actions."""
    settings = app.get(SessionsSettings)
    web = app.get(WebSettings) if app.has(WebSettings) else WebSettings()
    ttl_ms = int(settings.ttl.total_seconds() * 1000)
    sessions = Sessions(
        Records(lambda: app.get(RedisClients), ttl_ms, settings.user_key),
        Cookies(
            settings,
            production=app.environment == "production",
            trusted_proxies=web.trusted_proxies,
        ),
        settings.user_key,
        always_cookie=web.error_format == "actionhero",
    )
    app.provide(Sessions, sessions)
    return sessions


def _json(key: str, value: Any) -> bytes:
    try:
        return dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"session key {key!r} has a value that cannot be kept: {error}; assign what JSON can "
            "hold"
        ) from error
