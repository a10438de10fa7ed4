"""`OAuthInitializer`: caches verified tokens while the application runs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from actionhero import Initializer, RunMode
from actionhero_oauth.authorization_server import authorization_server_for, is_active
from actionhero_sessions import Sessions

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_oauth.authenticator import AccessTokenAuthenticator


class OAuthInitializer(Initializer):
    """Ends the grants of users who sign out everywhere, and receives revocations."""

    name = "oauth"
    requires = ("redis", "sessions")

    def __init__(self, authenticator: AccessTokenAuthenticator) -> None:
        self._authenticator = authenticator
        self._is_active = False
        self._watching: asyncio.Task[Any] | None = None

    async def initialize(self, app: Application) -> None:
        """End the grants of a user along with their sessions."""
        self._is_active = is_active(app)
        if not self._is_active:
            return
        app.get(Sessions).add_sign_out_listener(authorization_server_for(app).end_all)

    async def start(self, app: Application) -> None:
        """Begin to cache tokens, in a server."""
        if self._is_active and app.mode is RunMode.SERVER:
            self._watching = asyncio.create_task(self._authenticator.watch())

    async def stop(self, app: Application) -> None:
        """End the cache."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
