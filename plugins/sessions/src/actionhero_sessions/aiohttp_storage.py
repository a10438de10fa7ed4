"""Sessions for handlers of aiohttp that are no action, by the names of aiohttp-session."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import aiohttp_session
from aiohttp.web import NotAppKeyWarning

from actionhero import Connection
from actionhero.transport import dumps

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from actionhero import Application, Session
    from actionhero_sessions.sessions import Sessions

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# It names what it keeps on a request by a text. Nobody who reads our logs can change that.
warnings.filterwarnings("ignore", category=NotAppKeyWarning, module="aiohttp_session")


class _Mirror(aiohttp_session.Session):
    """A session of ours, as aiohttp-session shows one."""

    def __init__(self, ours: Session, connection: Connection) -> None:
        data = aiohttp_session.SessionData(created=ours.created_ms // 1000, session=dict(ours))
        super().__init__(ours.id, data=data, new=ours.id is None)
        self.ours = ours
        self.connection = connection
        # As text, because a change inside of a value leaves the value the same object.
        self.known = {key: dumps(value) for key, value in ours.items()}

    def hand_over(self) -> None:
        """Make the same changes to ours."""
        for key, value in self.items():
            if self.known.get(key) != dumps(value):
                self.ours[key] = value
        for key in self.known.keys() - self.keys():
            del self.ours[key]


class SessionStorage(aiohttp_session.AbstractStorage):
    """Lets `aiohttp_session.get_session(request)` give the session that actions see.

    `new_session` begins an empty one and removes the old record; `invalidate` removes it. Answers
    that are streams or sockets keep nothing, as aiohttp-session tells.

    Args:
        sessions: The sessions of the application.
    """

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        self._sessions = sessions

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        """Return the session of a request."""
        connection = Connection("web", request.remote, raw=request)
        return _Mirror(await self._sessions.open(connection), connection)

    async def save_session(
        self,
        request: web.Request,
        response: web.StreamResponse,
        session: aiohttp_session.Session,
    ) -> None:
        """Keep the changes of a session, and put its cookie on the answer."""
        if isinstance(session, _Mirror):
            mirror = session
            if mirror.empty:
                await mirror.ours.destroy()
        else:
            # `new_session` was told no request: what this one came with is not carried over.
            mirror = _Mirror(*await self._open_anew(request))
            for key, value in session.items():
                mirror[key] = value
        if not mirror.empty:
            mirror.hand_over()
            await self._sessions.save(mirror.connection, mirror.ours)
        for name, value in mirror.connection.answer_headers or ():
            response.headers.add(name, value)

    async def _open_anew(self, request: web.Request) -> tuple[Session, Connection]:
        connection = Connection("web", request.remote, raw=request)
        session = await self._sessions.open(connection)
        await session.destroy()
        return session, connection


def with_session(app: Application, handler: Handler) -> Handler:
    """Return `handler` with a session, for the hook `actionhero_web_routes`.

    Unlike `aiohttp_session.setup`, it makes nothing slower but this handler.

    Args:
        app: The application, as the hook is given it.
        handler: Takes a request, and asks `aiohttp_session.get_session` for its session.
    """
    from actionhero_sessions.sessions import Sessions

    middleware: Any = aiohttp_session.session_middleware(SessionStorage(app.get(Sessions)))
    wrapped: Handler = functools.wraps(handler)(functools.partial(middleware, handler=handler))
    return wrapped
