"""`SessionStorage` and `with_session`: sessions for handlers of aiohttp, by aiohttp-session."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import aiohttp_session
from aiohttp.web import BaseRequest, HTTPForbidden

from actionhero import Forbidden
from actionhero.transport import dumps
from actionhero_web import REQUEST_HANDLER, SIGNED_IN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from actionhero import Application, Connection, Session
    from actionhero_sessions.sessions import Sessions

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# aiohttp warns once of each key that is a text. Users cannot change those of aiohttp-session, and
# with warnings as errors, their first request with a session would fail.
_seen_keys: set[str] = getattr(BaseRequest, "_seen_str_keys", set())
_seen_keys.update((aiohttp_session.SESSION_KEY, aiohttp_session.STORAGE_KEY))


class _SessionProxy(aiohttp_session.Session):
    """A session in the form of aiohttp-session."""

    def __init__(self, session: Session, connection: Connection) -> None:
        data = aiohttp_session.SessionData(
            created=session.created_ms // 1000, session=dict(session)
        )
        super().__init__(session.id, data=data, new=session.id is None)
        self.session = session
        self.connection = connection
        # Serialized, because a change inside a value does not change the identity of the value.
        self._initial = {key: dumps(value) for key, value in session.items()}

    def apply_changes(self) -> None:
        """Make the same changes to the original session."""
        for key, value in self.items():
            if self._initial.get(key) != dumps(value):
                self.session[key] = value
        for key in self._initial.keys() - self.keys():
            del self.session[key]


class SessionStorage(aiohttp_session.AbstractStorage):
    """Makes `aiohttp_session.get_session(request)` return the session that actions use.

    `new_session` starts an empty session and deletes the old record; `invalidate` deletes it.
    Changes are not saved for streaming and WebSocket responses, a limitation of aiohttp-session.

    Args:
        sessions: The sessions of the application.
    """

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self._sessions = sessions

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        """Return the session of a request."""
        connection = self._connect(request)
        session = await self._sessions.open(connection)
        if connection.session_id:
            # Caches do not store the response, even if no cookie is set.
            request[SIGNED_IN] = True
        return _SessionProxy(session, connection)

    async def save_session(
        self,
        request: web.Request,
        response: web.StreamResponse,
        session: aiohttp_session.Session,
    ) -> None:
        """Save the changes of a session, and set its cookie on the response."""
        if isinstance(session, _SessionProxy):
            proxy = session
            _check_change(request, proxy.connection)
            if proxy.empty:
                await proxy.session.destroy()
        else:
            # Created by `new_session`: the values of the previous session are not copied.
            proxy = await self._replace_session(request)
            for key, value in session.items():
                proxy[key] = value
        if not proxy.empty:
            proxy.apply_changes()
            sessions = self._sessions
            await sessions.save(proxy.connection, proxy.session)
            if sessions.audit is not None:
                sessions.audit.session_saved(proxy.session, proxy.connection)
        for name, value in proxy.connection.response_headers or ():
            response.headers.add(name, value)

    async def _replace_session(self, request: web.Request) -> _SessionProxy:
        connection = self._connect(request)
        _check_change(request, connection)
        session = await self._sessions.open(connection)
        await session.destroy()
        return _SessionProxy(session, connection)

    def _connect(self, request: web.Request) -> Connection:
        """Return the connection of a request, unless another site uses its session."""
        _, connection = self._sessions.cross_origin.clients.connect(request)
        try:
            self._sessions.cross_origin.check_native(request, connection)
        except Forbidden as error:
            raise _error_of(request, error) from None
        return connection


def _check_change(request: web.Request, connection: Connection) -> None:
    if connection.is_cross_site:
        error = Forbidden("A page of another site cannot change the session")
        raise _error_of(request, error)


def _error_of(request: web.Request, error: Forbidden) -> Exception:
    """Return the error to raise in a handler, also in that of an outer application of aiohttp."""
    if REQUEST_HANDLER in request.config_dict:
        return error
    return HTTPForbidden(text=error.message)


def with_session(app: Application, handler: Handler) -> Handler:
    """Return `handler` with a session, for the hook `actionhero_web_routes`.

    Unlike `aiohttp_session.setup`, this adds no overhead to other routes.

    Args:
        app: The application that the hook receives.
        handler: The handler, which calls `aiohttp_session.get_session`.
    """
    from actionhero_sessions.sessions import Sessions

    middleware: Any = aiohttp_session.session_middleware(SessionStorage(app.get(Sessions)))
    wrapped: Handler = functools.wraps(handler)(functools.partial(middleware, handler=handler))
    return wrapped
