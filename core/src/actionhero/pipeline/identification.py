"""`Identification`: identifies callers, by credentials or by a session."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from actionhero.authentication import Authentication
from actionhero.connection import SessionStore
from actionhero.errors import SignInRequired
from actionhero.identity.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from actionhero.audit.log import AuditLog
    from actionhero.authentication import PermissionSource
    from actionhero.connection import Connection
    from actionhero.identity.principal import Principal


class Identification:
    """The sessions, authenticators and permissions of one application.

    Args:
        session_store: The store of sessions; `None`: a session lives as long as its connection.
        authentication: The authenticators of credentials other than sessions.
        permission_source: The source of the permissions of principals.
        audit: The audit log; `None`: nothing is recorded.
    """

    def __init__(
        self,
        session_store: SessionStore | None = None,
        authentication: Authentication | None = None,
        permission_source: PermissionSource | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        #: The store of sessions; `None`: a session lives as long as its connection.
        self.session_store = session_store
        #: The session key of the user.
        self.user_key = (SessionStore if session_store is None else session_store).user_key
        #: The authenticators of credentials other than sessions.
        self.authentication = Authentication() if authentication is None else authentication
        self._permission_source = permission_source
        self._audit = audit

    async def identify(self, connection: Connection) -> Principal | None:
        """Return the principal of a connection by its credentials, or the one its transport knows.

        Refused credentials are recorded in the audit log.

        Returns:
            The principal; `None` without credentials: the user is that of the session.

        Raises:
            SignInRequired: The credentials are invalid.
            ServiceUnavailable: They cannot be checked now.
        """
        if connection.principal is not None:
            return connection.principal
        if connection.credentials is None:
            return None
        try:
            return await self.authentication.identify(connection.credentials, connection)
        except SignInRequired as error:
            if self._audit is not None:
                self._audit.credentials_refused(error, connection)
            raise

    def session_of(self, principal: Principal) -> Session:
        """Return the session of a call with credentials: it has their user, and is not stored.

        Not the session of a cookie in the same request, which may be of another user.
        """
        values = {} if principal.is_anonymous else {self.user_key: principal.user}
        return Session(principal.credential_id, values)

    async def load_session(self, connection: Connection) -> Session:
        """Return the session of a connection outside of a call, as to authorize a subscription.

        Invalid credentials have the session of an anonymous caller. Changes are not saved.

        Raises:
            ServiceUnavailable: The session or the credentials cannot be checked now.
        """
        principal = connection.principal
        if principal is None and connection.credentials is not None:
            try:
                principal = await self.authentication.identify(connection.credentials, connection)
            except SignInRequired:
                return Session()
        if principal is not None:
            return self.session_of(principal)
        if self.session_store is not None:
            return await self.session_store.open(connection)
        if connection.session is None:
            connection.session = Session()
        return connection.session

    def may_have_user(self, connection: Connection) -> bool:
        """Return whether a connection has credentials, or the identifier of a session."""
        if connection.credentials is not None or connection.principal is not None:
            return True
        return self.session_store is not None and self.session_store.has_session(connection)

    async def open_session(self, connection: Connection) -> None:
        """Open the session of a request without an action; its response may set the cookie.

        An error of the store is ignored: the response does not need the session.
        """
        if self.session_store is not None:
            with suppress(Exception):
                await self.session_store.open(connection)

    async def has_permission(self, principal: Principal, name: str) -> bool:
        """Return whether a principal has a permission; an anonymous one has none.

        Raises:
            TypeError: The source of permissions returned something else than names.
        """
        if name in principal.permissions:
            return True
        source = self._permission_source
        if source is None or principal.is_anonymous:
            return False
        permissions: Any = await source.permissions_of(principal)
        # A part of a text is not one of its names.
        if isinstance(permissions, str | bytes) or not isinstance(permissions, Collection):
            raise TypeError(
                f"{type(source).__qualname__}.permissions_of returned "
                f"{type(permissions).__name__!r}; return a frozenset of names"
            )
        return name in permissions

    @property
    def has_revocations(self) -> bool:
        """Whether sessions or credentials can be revoked while a connection uses them."""
        return self.session_store is not None or bool(self.authentication)

    async def revocations(self) -> AsyncGenerator[str | None, None]:
        """Yield the identifier of each session that ends, and of credentials that are revoked.

        `None` stands for all of them: see `SessionStore.revocations`.
        """
        sources = [item.revocations() for item in self.authentication.authenticators]
        if self.session_store is not None:
            sources.insert(0, self.session_store.revocations())
        [source] = sources if len(sources) == 1 else [_merge(sources)]
        async with aclosing(source) as revoked:
            async for id in revoked:
                yield id


async def _merge(
    sources: list[AsyncGenerator[str | None, None]],
) -> AsyncGenerator[str | None, None]:
    """Yield the items of all sources, as they come, until all of them have ended."""
    items: asyncio.Queue[tuple[str | None]] = asyncio.Queue()

    async def forward(source: AsyncGenerator[str | None, None]) -> None:
        async with aclosing(source):
            async for item in source:
                items.put_nowait((item,))

    tasks: set[asyncio.Task[Any]] = {asyncio.create_task(forward(source)) for source in sources}
    getting = asyncio.create_task(items.get())
    try:
        while tasks or not items.empty():
            pending: set[asyncio.Task[Any]] = {getting, *tasks}
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in [item for item in tasks if item.done()]:
                tasks.discard(task)
                task.result()
            if getting.done():
                yield getting.result()[0]
                getting = asyncio.create_task(items.get())
    finally:
        for task in (getting, *tasks):
            task.cancel()
        await asyncio.gather(getting, *tasks, return_exceptions=True)
